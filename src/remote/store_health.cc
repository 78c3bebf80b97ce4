#include "remote/store_health.h"

#include <utility>

namespace cd {

namespace {

// How many failures in a row turn "ok" into another state. One lost answer is weather; a store that
// refuses connections is known sooner than one that is slow.
int patience(Code code) {
  switch (code) {
    case Code::throttled: return 1;
    case Code::unreachable:
    case Code::credentials: return 2;
    default: return 3;
  }
}

// The state a failure argues for; `unknown` where it says nothing of the store's well-being.
StoreState argues_for(Code code) {
  switch (code) {
    case Code::throttled: return StoreState::throttled;
    case Code::unreachable:
    case Code::timeout:
    case Code::io: return StoreState::unreachable;
    case Code::permission:
    case Code::credentials: return StoreState::denied;
    default: return StoreState::unknown;
  }
}

}  // namespace

std::string_view name_of(StoreState state) {
  switch (state) {
    case StoreState::unknown: return "unknown";
    case StoreState::ok: return "ok";
    case StoreState::throttled: return "throttled";
    case StoreState::unreachable: return "unreachable";
    case StoreState::denied: return "denied";
    case StoreState::offline: return "offline";
  }
  return "unknown";
}

StoreHealth::Snapshot StoreHealth::snapshot() const {
  MutexLock lock(mutex_);
  return now_;
}

StoreState StoreHealth::state() const {
  MutexLock lock(mutex_);
  return now_.state;
}

bool StoreHealth::reachable() const {
  const StoreState now = state();
  return now != StoreState::unreachable && now != StoreState::denied && now != StoreState::offline;
}

void StoreHealth::request_succeeded() {
  MutexLock lock(mutex_);
  ++now_.requests;
  failures_in_a_row_ = 0;
  now_.last_ok_wall_ns = clock_.wall_ns();
  if (!offline_.load()) change(StoreState::ok, lock);
}

void StoreHealth::request_failed(const Error& error) {
  MutexLock lock(mutex_);
  ++now_.requests;
  ++now_.failures;
  now_.last_error = error.message;
  const StoreState next = argues_for(error.code);
  if (next == StoreState::unknown || offline_.load()) return;
  ++failures_in_a_row_;
  // Before the first answer there is nothing to be patient for.
  if (now_.state == StoreState::unknown || failures_in_a_row_ >= patience(error.code)) change(next, lock);
}

void StoreHealth::server_clock(std::int64_t server_wall_ns) {
  MutexLock lock(mutex_);
  now_.clock_skew_ms = (server_wall_ns - clock_.wall_ns()) / 1'000'000;
}

void StoreHealth::set_offline(bool offline) {
  MutexLock lock(mutex_);
  if (offline_.exchange(offline) == offline) return;
  failures_in_a_row_ = 0;
  change(offline ? StoreState::offline : StoreState::unknown, lock);
}

void StoreHealth::observe(Observer observer) { observers_.push_back(std::move(observer)); }

// `lock` is on mutex_; the analysis cannot follow a lock that is handed over and let go of meanwhile.
void StoreHealth::change(StoreState next, MutexLock& lock) CD_NO_TSA {
  const StoreState before = now_.state;
  if (before == next) return;
  now_.state = next;
  now_.since_wall_ns = clock_.wall_ns();
  lock.unlock();
  for (const Observer& observer : observers_) observer(before, next);
  lock.lock();
}

}  // namespace cd
