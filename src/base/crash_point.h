// crash_point("journal.after_append"): a named place where tests let the process die as if by kill -9.
// CRATEDRIVE_CRASH="name" dies at the first pass of that name, "name:3" at the third. Without the
// variable a call costs one relaxed load.
#pragma once

#include <atomic>

namespace cd {

namespace detail {
extern std::atomic<bool> crash_points_armed;
void crash_point_slow(const char* name);
}  // namespace detail

void arm_crash_points_from_environment();  // once, at start

inline void crash_point(const char* name) {
  if (detail::crash_points_armed.load(std::memory_order_relaxed)) detail::crash_point_slow(name);
}

}  // namespace cd
