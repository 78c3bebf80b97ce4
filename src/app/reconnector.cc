#include "app/reconnector.h"

#include <algorithm>
#include <utility>

#include "remote/blocking.h"

namespace cd {

namespace {

constexpr Millis kFirstPause{1'000};
constexpr Millis kLongestPause{30'000};
constexpr Millis kAskDeadline{10'000};
constexpr Millis kAsleep{3'600'000};

}  // namespace

Reconnector::Reconnector(ObjectStore& store, const StoreUrl& url, StoreHealth& health, Journal& journal, Probed probed)
    : store_(store), url_(url), health_(health), journal_(journal), probed_(std::move(probed)) {}

Reconnector::~Reconnector() { stop(); }

void Reconnector::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.request_stop();
  thread_.join();
}

void Reconnector::start(bool probe_needed) {
  probe_needed_ = probe_needed;
  thread_ = Thread("reconnect", [this](const std::stop_token& stop) { run(stop); });
}

void Reconnector::poke() {
  MutexLock lock(mutex_);
  poked_ = true;
  wake_.notify_all();
}

// Until `pause` has passed, somebody pokes, or the end. True: go on.
bool Reconnector::wait(const std::stop_token& stop, Millis pause) {
  const auto until = std::chrono::steady_clock::now() + pause;
  MutexLock lock(mutex_);
  while (!poked_ && !stopping_) {
    if (!wake_.wait_until(mutex_, until)) break;
  }
  poked_ = false;
  return !stopping_ && !stop.stop_requested();
}

// One question. True: the store answered, and nothing is left to find out.
bool Reconnector::ask(const std::stop_token& stop) {
  if (probe_needed_) {
    const auto traits = probe_store(store_, url_, kAskDeadline);
    if (!traits) return false;
    probe_needed_ = false;
    probed_(*traits);
    return true;
  }
  CallOptions options;
  options.deadline = kAskDeadline;
  options.cancel = stop;
  ListRequest request;
  request.max_keys = 1;
  return blocking<ListReply>([&](Done<ListReply> done) { store_.list(request, options, std::move(done)); }).has_value();
}

void Reconnector::run(const std::stop_token& stop) {
  Millis pause = kFirstPause;
  bool was_away = probe_needed_;
  while (true) {
    const bool away = probe_needed_ || !health_.reachable();
    if (!away && was_away) journal_.store_came_back();
    was_away = away;
    // On purpose offline: only a command (which pokes) ends that.
    if (!wait(stop, away && !health_.is_offline() ? pause : kAsleep)) return;
    if (health_.is_offline() || (health_.reachable() && !probe_needed_)) {
      pause = kFirstPause;
      continue;
    }
    pause = ask(stop) ? kFirstPause : std::min(pause * 2, kLongestPause);
  }
}

}  // namespace cd
