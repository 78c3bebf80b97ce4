// RetryPolicy: whether and when a failed try is worth another one. Pure.
// Exponential back-off with full jitter (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter);
// Retry-After needs no place here: the Throttle holds the whole client back for that long.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/error.h"

namespace cd {

struct RetryPolicy {
  int tries_max = 8;
  int tries_max_unreachable = 5;  // nobody there: tell the caller soon, who knows better how long to be patient
  int tries_max_credentials = 3;  // time to read them anew; the same wrong ones do not get better
  Millis first{100};
  Millis longest{5'000};
};

// After try number `tries` (1 for the first) failed with `code`. `dice` is a random number in [0, 1).
// Empty: do not try again, because the error lasts, the tries are used up, or `left` is too short.
[[nodiscard]] std::optional<Millis> next_delay(const RetryPolicy& policy, int tries, Code code, Millis left, double dice);

}  // namespace cd
