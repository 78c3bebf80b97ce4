#include "remote/throttle.h"

#include <algorithm>

namespace cd {

namespace {

constexpr Millis kPauseMin{200};
constexpr Millis kPauseMax{5'000};
constexpr Millis kRetryAfterMax{60'000};
// Answers to requests of one burst count once: all of them left before the first "slow down" came.
constexpr std::int64_t kBurstNs = 250'000'000;

}  // namespace

int Throttle::limit(std::int64_t now_ns) const {
  MutexLock lock(mutex_);
  return now_ns < paused_until_ns_ ? 0 : static_cast<int>(limit_);
}

std::int64_t Throttle::paused_until_ns() const {
  MutexLock lock(mutex_);
  return paused_until_ns_;
}

void Throttle::slow_down(std::int64_t now_ns, Millis retry_after) {
  MutexLock lock(mutex_);
  if (now_ns - halved_at_ns_ >= kBurstNs && now_ns >= paused_until_ns_) {
    halved_at_ns_ = now_ns;
    limit_ = std::max(1.0, limit_ / 2);
    pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  }
  const Millis pause = std::max(pause_, std::min(retry_after, kRetryAfterMax));
  const std::int64_t until = now_ns + std::chrono::nanoseconds(pause).count();
  paused_until_ns_ = std::max(paused_until_ns_, until);
}

void Throttle::succeeded() {
  MutexLock lock(mutex_);
  if (limit_ >= requests_max_) {
    pause_ = Millis(0);
    return;
  }
  // One more after as many successes as run side by side.
  limit_ = std::min(static_cast<double>(requests_max_), limit_ + 1.0 / limit_);
}

}  // namespace cd
