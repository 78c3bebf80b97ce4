// Clock: the seam for time. Deciding code takes a Clock; tests hand it a ManualClock.
//   wall_ns    nanoseconds since 1970-01-01 UTC; may jump. For timestamps that people and stores see.
//   steady_ns  nanoseconds since some start; never goes back. For ages, deadlines and rates.
// Thread-safe. system_clock() lives for ever.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace cd {

using Millis = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t wall_ns() const = 0;
  [[nodiscard]] virtual std::int64_t steady_ns() const = 0;
};

[[nodiscard]] const Clock& system_clock();

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() const override { return wall_ns_.load(); }
  [[nodiscard]] std::int64_t steady_ns() const override { return steady_ns_.load(); }
  void advance(std::chrono::nanoseconds by) {
    wall_ns_ += by.count();
    steady_ns_ += by.count();
  }

 private:
  std::atomic<std::int64_t> wall_ns_{1'700'000'000'000'000'000};
  std::atomic<std::int64_t> steady_ns_{1'000'000'000};
};

// "2026-01-31T12:00:00Z", and with milliseconds "…00.123Z".
[[nodiscard]] std::string format_utc(std::int64_t wall_ns);
[[nodiscard]] std::string format_utc_ms(std::int64_t wall_ns);

}  // namespace cd
