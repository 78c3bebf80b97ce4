// What is left of a verb's time, for the requests that it is made of.
#pragma once

#include <algorithm>
#include <chrono>

#include "remote/object_store.h"

namespace cd {

[[nodiscard]] inline SteadyTime deadline_of(const CallOptions& options) {
  return std::chrono::steady_clock::now() + options.deadline;
}

// The same options with the time that is left until `deadline`, never less than a millisecond.
[[nodiscard]] inline CallOptions rest_of(CallOptions options, SteadyTime deadline) {
  const auto left = std::chrono::duration_cast<Millis>(deadline - std::chrono::steady_clock::now());
  options.deadline = std::max(Millis(1), left);
  return options;
}

}  // namespace cd
