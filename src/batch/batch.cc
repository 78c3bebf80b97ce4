#include "batch/batch.h"

#include <algorithm>

#include "base/check.h"

namespace cd {
namespace {
constexpr std::size_t kErrorsShown = 100;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kRateSeconds = 10;
}  // namespace

BatchState next_state(const BatchFacts& facts) {
  switch (facts.state) {
    case BatchState::receiving: return facts.settled ? BatchState::queued : facts.state;
    case BatchState::queued: return facts.library_known ? BatchState::uploading : facts.state;
    case BatchState::uploading: return facts.all_final ? BatchState::processing : facts.state;
    case BatchState::processing:
      if (!facts.all_final) return BatchState::uploading;  // a file joined while the report was written
      if (!facts.report_stored) return facts.state;
      if (facts.failed == 0) return BatchState::done;
      return facts.stored == 0 ? BatchState::failed : BatchState::done_with_errors;
    default: return facts.state;
  }
}

void RateMeter::note(std::int64_t now_ns) {
  const std::int64_t second = now_ns / kSecond;
  if (buckets_.empty() || buckets_.back().second != second) buckets_.push_back({second, 0});
  ++buckets_.back().count;
  while (buckets_.front().second < second - kRateSeconds) buckets_.pop_front();
}

double RateMeter::per_second(std::int64_t now_ns) const {
  std::uint64_t sum = 0;
  std::int64_t first = now_ns / kSecond;
  for (const Bucket& bucket : buckets_) {
    if (bucket.second < now_ns / kSecond - kRateSeconds) continue;
    sum += bucket.count;
    first = std::min(first, bucket.second);
  }
  const double span = static_cast<double>(now_ns - first * kSecond) / static_cast<double>(kSecond);
  return sum == 0 ? 0 : static_cast<double>(sum) / std::max(span, 1.0);
}

Batch::Batch(ItemLog::Contents contents) : Batch() {
  head = std::move(contents.head);
  items_ = std::move(contents.items);
  enriched = std::move(contents.enriched);
  for (std::uint32_t n = 0; n < items_.size(); ++n) {
    by_path_.erase(n);  // the path of an older item: the newest is the one to find
    by_path_.insert(n);
    count_in(items_[n], true);
    if (items_[n].step == Step::waiting) waiting_.push_back(n);
    if (items_[n].step == Step::ready) ready_.push_back(n);
  }
}

std::optional<std::uint32_t> Batch::find(std::string_view path) const {
  const auto at = by_path_.find(path);
  if (at == by_path_.end()) return std::nullopt;
  return *at;
}

std::uint32_t Batch::add(std::string path, FileStamp stamp, std::uint8_t depth) {
  const auto number = static_cast<std::uint32_t>(items_.size());
  Item item;
  item.path = std::move(path);
  item.stamp = stamp;
  item.depth = depth;
  items_.push_back(std::move(item));
  by_path_.erase(number);
  by_path_.insert(number);
  count_in(items_[number], true);
  waiting_.push_back(number);
  return number;
}

void Batch::count_in(const Item& item, bool add) {
  const auto n = static_cast<std::uint32_t>(&item - items_.data());
  const auto apply = [add](std::uint64_t& counter, std::uint64_t by) { counter = add ? counter + by : counter - by; };
  apply(counts_[static_cast<std::size_t>(item.step)], 1);
  apply(bytes_total_, item.stamp.bytes);
  const bool over = item.step == Step::done || item.step == Step::skipped;
  if (over) apply(bytes_done_, item.stamp.bytes);
  if (item.step == Step::done && item.warned) apply(warned_, 1);
  if (item.step == Step::failed || item.step == Step::held) {
    if (add) failed_.insert(n);
    else failed_.erase(n);
  }
}

void Batch::move(std::uint32_t number, Step to, std::int64_t now_ns) {
  Item& moved = items_[number];
  if (moved.step == to) return;
  CD_CHECK(may_move(moved.step, to));
  count_in(moved, false);
  moved.step = to;
  count_in(moved, true);
  last_moved_ = number;
  progressed_ns = now_ns;
  if (to == Step::waiting) waiting_.push_back(number);
  if (to == Step::ready) ready_.push_back(number);
  if (is_final(to)) rate_.note(now_ns);
}

void Batch::set_stamp(std::uint32_t number, FileStamp stamp) {
  count_in(items_[number], false);
  items_[number].stamp = stamp;
  count_in(items_[number], true);
}

std::optional<std::uint32_t> Batch::take_waiting() {
  while (!waiting_.empty()) {
    const std::uint32_t n = waiting_.front();
    waiting_.pop_front();
    if (items_[n].step == Step::waiting) return n;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Batch::take_ready() {
  while (!ready_.empty()) {
    const std::uint32_t n = ready_.front();
    ready_.pop_front();
    if (items_[n].step == Step::ready) return n;
  }
  return std::nullopt;
}

bool Batch::all_final() const {
  return count(Step::waiting) + count(Step::analysing) + count(Step::twin) + count(Step::ready) +
             count(Step::filing) == 0;
}

BatchFacts Batch::facts(bool settled) const {
  BatchFacts out;
  out.state = head.state;
  out.settled = settled;
  out.library_known = library_known;
  out.all_final = all_final();
  out.report_stored = report_stored;
  out.stored = count(Step::done) + count(Step::skipped);
  out.failed = count(Step::failed) + count(Step::held) + count(Step::cancelled);
  return out;
}

std::vector<ItemError> Batch::first_errors() const {
  if (forgotten_) return kept_errors_;
  std::vector<std::uint32_t> numbers(failed_.begin(), failed_.end());
  const std::size_t shown = std::min(numbers.size(), kErrorsShown);
  std::partial_sort(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(shown), numbers.end());
  std::vector<ItemError> out;
  for (std::size_t i = 0; i < shown; ++i) out.push_back({items_[numbers[i]].path, items_[numbers[i]].reason});
  return out;
}

std::string Batch::current() const {
  if (is_final(head.state) || last_moved_ >= items_.size()) return "";
  if (head.state == BatchState::processing) {
    return report_asked ? "writing the report" : "enriching, " + std::to_string(enriched.total()) + " answers so far";
  }
  const Item& item = items_[last_moved_];
  if (!unpacking.empty()) return "unpacking " + unpacking;
  if (count(Step::analysing) > 0) return "analysing " + item.path;
  if (count(Step::filing) > 0) return "uploading " + item.path;
  return "";
}

BatchProgress Batch::progress(std::int64_t now_ns) const {
  BatchProgress out;
  out.id = head.id;
  out.name = head.name;
  out.state = head.state;
  out.paused = head.paused;
  out.priority = head.priority;
  out.enriched = enriched.total();
  out.enrich_failed = enriched.failed();
  out.stuck_seconds = stuck ? std::max<std::int64_t>(1, (now_ns - progressed_ns) / kSecond) : 0;
  out.created_at_ns = head.created_at_ns;
  out.started_at_ns = head.started_at_ns;
  out.finished_at_ns = head.finished_at_ns;
  out.note = waits_for.empty() ? head.note : waits_for;
  if (out.note.empty() && out.enrich_failed > 0) {
    out.note = std::to_string(out.enrich_failed) + " enrichments failed; write enrich to control";
  }
  if (head.state == BatchState::receiving) {
    out.files_total = preview_files;
    out.bytes_total = preview_bytes;
    return out;
  }
  for (const std::uint64_t counter : counts_) out.files_total += counter;
  out.files_done = count(Step::done);
  out.files_failed = count(Step::failed) + count(Step::held);
  out.files_skipped = count(Step::skipped);
  out.files_warned = warned_;
  out.bytes_total = bytes_total_;
  out.bytes_done = bytes_done_;
  out.current = current();
  out.errors = first_errors();
  if (is_final(head.state)) return out;
  out.files_per_second = rate_.per_second(now_ns);
  const auto left = static_cast<double>(out.files_total - out.files_done - out.files_failed - out.files_skipped);
  if (out.files_per_second > 0) out.eta_seconds = left / out.files_per_second;
  return out;
}

std::string Batch::dropped_path(const Item& item) const {
  return head.folder.empty() ? item.path : head.folder + "/" + item.path;
}

std::string Batch::inbox_path(const std::string& inbox, const Item& item) const {
  return inbox + "/" + dropped_path(item);
}

void Batch::forget_items() {
  kept_errors_ = first_errors();
  forgotten_ = true;
  by_path_.clear();
  std::vector<Item>().swap(items_);
  std::deque<std::uint32_t>().swap(waiting_);
  std::deque<std::uint32_t>().swap(ready_);
  failed_.clear();
  enriched.clear_records();
}

}  // namespace cd
