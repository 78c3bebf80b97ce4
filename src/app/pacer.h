// Pacer: holds many threads together to so many bytes a second. Each asks before it moves bytes and is held back for
// as long as it takes. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "base/mutex.h"

namespace cd {

class Pacer {
 public:
  explicit Pacer(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}  // 0 = as fast as it goes

  void wait_for(std::uint64_t bytes) {
    if (rate_ == 0) return;
    using Steady = std::chrono::steady_clock;
    Steady::time_point turn;
    {
      MutexLock lock(mutex_);
      turn = std::max(next_, Steady::now());
      next_ = turn + std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 * static_cast<double>(bytes) / static_cast<double>(rate_)));
    }
    std::this_thread::sleep_until(turn);
  }

 private:
  const std::uint64_t rate_;
  Mutex mutex_;
  std::chrono::steady_clock::time_point next_ CD_GUARDED_BY(mutex_){};
};

}  // namespace cd
