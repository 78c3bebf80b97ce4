#include "journal/uploader.h"

#include <algorithm>

#include "base/check.h"

namespace cd {
namespace {

constexpr std::int64_t kAfterTheFlight = INT64_MAX;  // a slot that waits until its flight is over
constexpr std::int64_t kYieldNs = 20'000'000;
constexpr int kYieldsMax = 100;
constexpr std::int64_t kRateWindowNs = 10'000'000'000;
constexpr std::int64_t kMovingNs = 60'000'000'000;  // so long a last success counts as "uploads make room"
constexpr std::uint64_t kSlowestBytesPerSecond = 64u << 10;

bool covers(const std::string& path, const std::string& slot) {
  return path.empty() || path_of_slot(slot) == path || slot.starts_with(path + "/");
}

const char* verb_of(const Intent& intent) {
  switch (intent.kind) {
    case IntentKind::put: return "put";
    case IntentKind::copy: return "copy";
    case IntentKind::marker: return "marker";
    case IntentKind::remove: return "remove";
    case IntentKind::link: return "link";
  }
  return "";
}

}  // namespace

Uploader::Uploader(Ledger& ledger, BlockCache& blocks, TreeCache& tree, ObjectStore& store, StoreHealth& health,
                   MetricRegistry& metrics)
    : ledger_(ledger), blocks_(blocks), tree_(tree), store_(store), health_(health), options_(ledger.options),
      stored_(metrics.counter("cratedrive_uploads_stored_total", "Files stored in the bucket and verified")),
      stored_bytes_(metrics.counter("cratedrive_upload_bytes_total", "Bytes of files stored in the bucket")),
      conflicts_(metrics.counter("cratedrive_conflicts_total", "Uploads that met a foreign version")),
      failures_(metrics.counter("cratedrive_upload_failures_total", "Uploads that ended as failed")),
      rounds_(metrics.counter("cratedrive_upload_rounds_total", "Times that the upload thread looked for work")) {
  Ledger::Turn turn(ledger_);
  ledger_.on_changed = [this](const std::string& slot) { slot_changed(slot); };
  ledger_.on_work = [this] { wake_for_work(); };
}

Uploader::~Uploader() {
  stop(Millis{0});
  {
    Ledger::Turn turn(ledger_);
    ledger_.on_changed = nullptr;
    ledger_.on_work = nullptr;
    for (Waiter& waiter : std::exchange(waiters_, {})) {
      ledger_.tell_later([done = std::move(waiter.done)] { done(fail(Code::cancelled, "the drive is being unmounted")); });
    }
  }
  MutexLock lock(calls_mutex_);
  while (outstanding_ > 0) calls_ready_.wait(calls_mutex_);
}

void Uploader::start() {
  thread_ = Thread("upload", [this](const std::stop_token& stop) { run(stop); });
}

void Uploader::stop(Millis grace) {
  stopping_ = true;
  wake();
  if (!thread_.joinable()) return;
  const auto until = std::chrono::steady_clock::now() + grace;
  const auto idle = [this] {
    Ledger::Turn turn(ledger_);
    return flights_.empty();
  };
  for (bool in_time = true; in_time && !idle();) {
    MutexLock lock(calls_mutex_);
    in_time = calls_ready_.wait_until(calls_mutex_, std::min(until, std::chrono::steady_clock::now() + Millis(20))) ||
              std::chrono::steady_clock::now() < until;
  }
  {
    Ledger::Turn turn(ledger_);
    for (const auto& [slot, flight] : flights_) flight->stop.request_stop();
  }
  thread_.request_stop();
  wake();
  thread_.join();
}

// ---- the thread

void Uploader::post(std::function<void()> call, bool owed) {
  MutexLock lock(calls_mutex_);
  calls_.push_back(std::move(call));
  if (owed) --outstanding_;
  calls_ready_.notify_all();
}

void Uploader::wake() {
  MutexLock lock(calls_mutex_);
  woken_ = true;
  calls_ready_.notify_all();
}

// Inside a Turn. A copy of many files makes several changes each: those that give the thread nothing to do do not wake it.
void Uploader::wake_for_work() {
  const bool full = flights_.size() >= static_cast<std::size_t>(options_.uploads_parallel);  // who ends wakes it
  const bool due = ledger_.queue.has_ready() || ledger_.queue.next_time().value_or(INT64_MAX) < sleeps_until_;
  const bool may_abort = !ledger_.table.uploads().empty();  // nobody may want such an upload any more
  if ((due && !full) || may_abort) wake();
}

void Uploader::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    rounds_.add();
    std::deque<std::function<void()>> todo;
    {
      MutexLock lock(calls_mutex_);
      todo.swap(calls_);
      woken_ = false;
    }
    for (const auto& call : todo) call();
    abort_stale();
    while (start_next()) {
    }
    std::optional<std::int64_t> next;
    {
      Ledger::Turn turn(ledger_);
      // With no room for another one there is nothing to wake up for by the clock: who ends makes room, and says so.
      if (has_room()) next = ledger_.queue.next_time();
      sleeps_until_ = next.value_or(INT64_MAX);
      pending_ = ledger_.queue.size() - ledger_.queue.failed() - ledger_.queue.paused();
    }
    MutexLock lock(calls_mutex_);
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::nanoseconds(next ? *next - ledger_.clock.steady_ns() : kRateWindowNs);
    bool in_time = true;
    while (in_time && calls_.empty() && !woken_ && !stop.stop_requested()) {
      // Without a goal that waits for its time only a call or a wake-up brings work.
      if (next && *next != kAfterTheFlight) {
        in_time = calls_ready_.wait_until(calls_mutex_, until);
      } else {
        calls_ready_.wait(calls_mutex_);
      }
    }
  }
}

// Inside a Turn, on thread `upload`.
bool Uploader::has_room() const {
  return !paused_ && !stopping_ && memory_used_ < options_.memory_bytes &&
         flights_.size() < static_cast<std::size_t>(options_.uploads_parallel);
}

bool Uploader::start_next() {
  auto flight = std::make_shared<Flight>();
  bool ring = false;
  Status opened;
  {
    Ledger::Turn turn(ledger_);
    if (!has_room()) return false;
    const auto next = ledger_.queue.take(ledger_.clock.steady_ns());
    if (!next) return false;
    if (flights_.contains(next->slot)) {
      ledger_.queue.put_back(next->slot, kAfterTheFlight);
      return true;
    }
    const IntentTable::Entry* entry = ledger_.table.find(next->slot);
    CD_CHECK(entry != nullptr);
    if (yields(next->slot, entry->intent)) {
      ledger_.queue.put_back(next->slot, ledger_.clock.steady_ns() + kYieldNs);
      return true;
    }
    ring = next->materialise;
    flight->slot = next->slot;
    flight->key = key_of_slot(next->slot);
    flight->intent = entry->intent;
    flight->generation = entry->generation;
    Intent& intent = flight->intent;
    if (intent.staged) {
      auto file = ledger_.area.open(intent.staged);
      if (file) {
        flight->file = *file;
        flight->bytes_generation = flight->file->generation();
        intent.attr.size = flight->file->size();
      } else {
        opened = fail(file.error());
      }
    }
    const bool sends = intent.live() && !ring;
    if (sends) add_attempt(*ledger_.table.edit(flight->slot), fingerprint(intent));
    const bool parts = body_bytes(intent) >= options_.multipart_bytes;
    if (intent.kind == IntentKind::put) flight->memory = parts ? 0 : body_bytes(intent);
    flights_[flight->slot] = flight;
  }
  memory_used_ += flight->memory;
  if (!opened) {
    failed(flight, opened.error());
  } else {
    take_off(flight, ring);
  }
  return true;
}

// A file waits until what it takes the name from, a folder, is gone from the bucket: a LIST in between would take
// the rest of that folder for the truth. Not for ever: two such moves may wait for each other. And of two names of one
// key (other_slot) only one is at it.
bool Uploader::yields(const std::string& slot, const Intent& intent) {
  if (const auto other = other_slot(slot); other && flights_.contains(*other)) return true;
  if (is_folder_slot(slot) || !intent.live() || intent.bare) return false;
  return ledger_.folder_going(slot) && ++efforts_[slot].yielded <= kYieldsMax;
}

void Uploader::take_off(const FlightPtr& flight, bool ring) {
  if (ring) return materialise(flight);
  switch (flight->intent.kind) {
    case IntentKind::put: return put(flight);
    case IntentKind::copy: return copy(flight);
    case IntentKind::marker: return put_marker(flight);
    case IntentKind::remove: return remove(flight);
    case IntentKind::link: CD_CHECK(false);  // never queued
  }
}

// Inside a Turn. A request for what nobody wants any more is ended; a put of older bytes may finish: it is soon over,
// and the next one then knows what it replaces. Parts are cut short: there may be many to go.
void Uploader::slot_changed(const std::string& slot) {
  if (const auto it = flights_.find(slot); it != flights_.end()) {
    const IntentTable::Entry* entry = ledger_.table.find(slot);
    const bool unwanted = entry == nullptr || !entry->intent.live() || it->second->multipart.parts_all > 0;
    const bool same = entry != nullptr && entry->generation == it->second->generation;
    if (unwanted && !same && it->second->intent.live()) it->second->stop.request_stop();
  }
  efforts_.erase(slot);
}

CallOptions Uploader::call_options(const FlightPtr& flight, std::uint64_t bytes) const {
  CallOptions options;
  options.deadline = Millis(60'000) + Millis(bytes * 1'000 / kSlowestBytesPerSecond);
  options.cancel = flight->stop.get_token();
  options.priority = Priority::background;
  return options;
}

ReadOptions Uploader::read_options(const FlightPtr& flight) const {
  ReadOptions options;
  options.cancel = flight->stop.get_token();
  options.priority = Priority::background;
  return options;
}

void Uploader::end(const FlightPtr& flight) {
  const auto it = flights_.find(flight->slot);
  if (it == flights_.end() || it->second != flight) return;
  flights_.erase(it);
  flight->file.reset();  // a dropped staged file goes before anybody hears that it is stored
  flight->materialised.reset();
  memory_used_ -= flight->memory;
  flight->memory = 0;
  UploadQueue& queue = ledger_.queue;
  const std::int64_t when = queue.not_before(flight->slot);
  queue.put_back(flight->slot, when == kAfterTheFlight ? 0 : when);
  if (when == kAfterTheFlight) queue.hasten(flight->slot);
  wake();
}

// ---- what others ask for

void Uploader::pause(bool paused) {
  paused_ = paused;
  wake();
}

void Uploader::store_came_back() {
  {
    Ledger::Turn turn(ledger_);
    ledger_.queue.hasten_all();
  }
  wake();
}

std::size_t Uploader::retry(const std::string& path) {
  std::size_t taken_up = 0;
  {
    Ledger::Turn turn(ledger_);
    for (const std::string& slot : ledger_.table.at_or_below(path)) {
      if (!ledger_.queue.retry(slot)) continue;
      efforts_.erase(slot);
      ++taken_up;
    }
  }
  wake();
  return taken_up;
}

void Uploader::when_stored(const std::string& path, Done<void> done) {
  Ledger::Turn turn(ledger_);
  for (const std::string& slot : ledger_.table.at_or_below(path)) ledger_.queue.hasten(slot);
  waiters_.push_back({path, std::move(done)});
  check_waiters(path);
  wake();
}

// Inside a Turn. `slot` has changed its state; "" = look at all.
void Uploader::check_waiters(const std::string& slot) {
  std::erase_if(waiters_, [&](Waiter& waiter) {
    if (!slot.empty() && !covers(waiter.path, slot) && waiter.path != path_of_slot(slot)) return false;
    std::optional<Error> error;
    bool pending = false;
    if (!waiter.path.empty() || ledger_.queue.failed() > 0 || ledger_.table.sums().pending == 0) {
      for (const auto& at : ledger_.table.at_or_below(waiter.path)) {
        if (ledger_.table.find(at)->intent.hold) continue;
        pending = true;
        const auto effort = efforts_.find(at);
        if (effort != efforts_.end() && effort->second.failed) error = effort->second.failed;
        if (error) break;
      }
      if (!pending || error) {
        Status answer = error ? Status(fail(*error)) : Status{};
        ledger_.tell_later([done = std::move(waiter.done), answer] { done(answer); });
        return true;
      }
    }
    return false;
  });
}

bool Uploader::moving() const {
  if (paused_ || !health_.reachable()) return false;
  const bool lately = ledger_.clock.steady_ns() - last_stored_ns_.load() < kMovingNs;
  return pending_.load() > 0 || (lately && last_stored_ns_.load() > 0);
}

// ---- what others see

UploadTotals Uploader::totals() const {
  Ledger::Turn turn(ledger_);
  UploadTotals out;
  const auto& sums = ledger_.table.sums();
  out.pending_uploads = sums.pending;
  out.pending_bytes = sums.pending_bytes;
  out.failed = ledger_.queue.failed();
  out.uploading = flights_.size();
  out.stored_total = stored_.value();
  out.stored_bytes_total = stored_bytes_.value();
  out.conflicts_total = conflicts_.value();
  out.staged_bytes = ledger_.area.bytes();
  out.staged_bytes_max = ledger_.area.bytes_max();
  out.inbox_files = sums.held_files;
  out.last_error = last_error_;
  out.paused = paused_;
  const std::int64_t since = ledger_.clock.steady_ns() - kRateWindowNs;
  std::uint64_t bytes = 0;
  for (const auto& [when, n] : recent_) bytes += when >= since ? n : 0;
  out.bytes_per_second = static_cast<double>(bytes) / (static_cast<double>(kRateWindowNs) / 1e9);
  return out;
}

std::vector<UploadView> Uploader::uploads(std::size_t at_most) const {
  Ledger::Turn turn(ledger_);
  struct Line {
    bool flying = false;
    std::int64_t since = 0;
    const std::string* slot = nullptr;
  };
  std::vector<Line> lines;
  for (const auto& [slot, entry] : ledger_.table.all()) {
    if (!entry.intent.hold) lines.push_back({flights_.contains(slot), entry.intent.since_wall_ns, &slot});
  }
  const std::size_t count = std::min(at_most, lines.size());
  const auto before = [](const Line& a, const Line& b) {
    return a.flying != b.flying ? a.flying : a.since < b.since;
  };
  std::partial_sort(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(count), lines.end(), before);
  lines.resize(count);

  std::vector<UploadView> out;
  for (const Line& line : lines) {
    const Intent& intent = ledger_.table.find(*line.slot)->intent;
    const auto flight = flights_.find(*line.slot);
    const auto effort = efforts_.find(*line.slot);
    const auto place = ledger_.queue.state(*line.slot);
    UploadView view;
    view.path = *line.slot;
    view.verb = verb_of(intent);
    view.bytes_total = intent.kind == IntentKind::put ? body_bytes(intent) : 0;
    view.since_wall_ns = intent.since_wall_ns;
    if (effort != efforts_.end()) view.tries = effort->second.tries, view.last_error = effort->second.last_error;
    using State = UploadQueue::State;
    if (flight != flights_.end()) {
      view.state = "uploading";
      view.bytes_done = flight->second->bytes_done;
    } else if (place == State::failed) {
      view.state = "failed";
    } else if (place == State::paused) {
      view.state = "open";
    } else if (paused_) {
      view.state = "paused";
    } else if (place == State::delayed) {
      view.state = view.last_error.empty() ? "delayed" : "backing off";
      view.next_try_wall_ns = ledger_.clock.wall_ns() + ledger_.queue.not_before(*line.slot) - ledger_.clock.steady_ns();
    } else {
      view.state = "waiting";
    }
    out.push_back(std::move(view));
  }
  return out;
}

std::string Uploader::state_of(const std::string& slot, const MetaRecord& record) const {
  Ledger::Turn turn(ledger_);
  const IntentTable::Entry* entry = ledger_.table.find(slot);
  if (entry == nullptr) return record.local_only || (!record.remote && !record.is_directory()) ? "local" : "stored";
  if (const auto effort = efforts_.find(slot); effort != efforts_.end() && effort->second.failed)
    return "failed: " + effort->second.failed->message;
  const auto flight = flights_.find(slot);
  if (flight == flights_.end()) return "local";
  const std::uint64_t all = std::max<std::uint64_t>(1, body_bytes(flight->second->intent));
  return "uploading " + std::to_string(flight->second->bytes_done * 100 / all) + "%";
}

}  // namespace cd
