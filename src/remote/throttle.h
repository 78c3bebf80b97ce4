// Throttle: how hard the whole client may press, learned from the store's answers.
// Additive increase, multiplicative decrease on the number of requests side by side, and a pause after
// "slow down": a store that throttles one request throttles the client, not the file.
// Thread-safe and without a clock: callers say what time it is (steady ns).
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"

namespace cd {

class Throttle {
 public:
  explicit Throttle(int requests_max) : requests_max_(requests_max), limit_(requests_max) {}

  // Requests that may be under way side by side; 0 during a pause.
  [[nodiscard]] int limit(std::int64_t now_ns) const;
  // When the pause ends, for a timer; `now_ns` or before when there is none.
  [[nodiscard]] std::int64_t paused_until_ns() const;

  // The store asked to slow down; `retry_after` zero where it did not say for how long.
  void slow_down(std::int64_t now_ns, Millis retry_after);
  void succeeded();

 private:
  const int requests_max_;

  mutable Mutex mutex_;
  double limit_ CD_GUARDED_BY(mutex_);
  std::int64_t paused_until_ns_ CD_GUARDED_BY(mutex_) = 0;
  std::int64_t halved_at_ns_ CD_GUARDED_BY(mutex_) = INT64_MIN / 2;
  Millis pause_ CD_GUARDED_BY(mutex_){0};
};

}  // namespace cd
