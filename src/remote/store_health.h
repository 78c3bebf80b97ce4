// StoreHealth: what the drive knows of its store's well-being, fed by every request, read by everybody.
// Thread-safe; observers are called with no lock held, on the thread that noticed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"

namespace cd {

enum class StoreState : std::uint8_t {
  unknown,      // nothing asked yet
  ok,
  throttled,    // answers, but asks us to slow down
  unreachable,  // no answer to the last few requests; tried again on its own
  denied,       // answers, and refuses our credentials
  offline,      // on purpose (`offline` written to control)
};

[[nodiscard]] std::string_view name_of(StoreState state);

class StoreHealth {
 public:
  explicit StoreHealth(const Clock& clock) : clock_(clock) {}

  struct Snapshot {
    StoreState state = StoreState::unknown;
    std::int64_t since_wall_ns = 0;      // of this state
    std::int64_t last_ok_wall_ns = 0;    // 0 = never
    std::string last_error;              // of the last failed request, "" if none yet
    std::int64_t clock_skew_ms = 0;      // server's Date minus ours, from the last answer; 0 where unknown
    std::uint64_t requests = 0;
    std::uint64_t failures = 0;
  };
  [[nodiscard]] Snapshot snapshot() const;
  [[nodiscard]] StoreState state() const;
  // True while asking makes sense to somebody who has another answer: not unreachable, denied or offline.
  [[nodiscard]] bool reachable() const;

  // Fed by the store.
  void request_succeeded();
  void request_failed(const Error& error);
  void server_clock(std::int64_t server_wall_ns);

  // `offline` fails every request at once with Code::unreachable until `online`.
  void set_offline(bool offline);
  [[nodiscard]] bool is_offline() const { return offline_.load(); }

  using Observer = std::function<void(StoreState before, StoreState now)>;
  void observe(Observer observer);  // before the first request; kept until the end

 private:
  void change(StoreState next, MutexLock& lock);

  const Clock& clock_;
  std::atomic<bool> offline_{false};
  mutable Mutex mutex_;
  Snapshot now_ CD_GUARDED_BY(mutex_);
  int failures_in_a_row_ CD_GUARDED_BY(mutex_) = 0;
  std::vector<Observer> observers_;  // constant after the first request
};

}  // namespace cd
