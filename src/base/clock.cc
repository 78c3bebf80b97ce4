#include "base/clock.h"

#include <fmt/format.h>
#include <time.h>

namespace cd {
namespace {

std::int64_t read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() const override { return read_clock(CLOCK_REALTIME); }
  [[nodiscard]] std::int64_t steady_ns() const override { return read_clock(CLOCK_MONOTONIC); }
};

struct Seconds {
  tm utc{};
  int millis = 0;
};

Seconds split(std::int64_t wall_ns) {
  std::int64_t seconds = wall_ns / 1'000'000'000;
  std::int64_t rest = wall_ns % 1'000'000'000;
  if (rest < 0) {
    rest += 1'000'000'000;
    --seconds;
  }
  Seconds out;
  const time_t time = static_cast<time_t>(seconds);
  gmtime_r(&time, &out.utc);
  out.millis = static_cast<int>(rest / 1'000'000);
  return out;
}

std::string format_tm(const tm& t) {
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                     t.tm_hour, t.tm_min, t.tm_sec);
}

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

std::string format_utc(std::int64_t wall_ns) { return format_tm(split(wall_ns).utc) + "Z"; }

std::string format_utc_ms(std::int64_t wall_ns) {
  const Seconds parts = split(wall_ns);
  return fmt::format("{}.{:03}Z", format_tm(parts.utc), parts.millis);
}

}  // namespace cd
