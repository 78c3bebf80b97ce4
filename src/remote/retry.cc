#include "remote/retry.h"

#include <algorithm>

namespace cd {

std::optional<Millis> next_delay(const RetryPolicy& policy, int tries, Code code, Millis left, double dice) {
  if (!is_transient(code)) return std::nullopt;
  const int most = code == Code::unreachable   ? policy.tries_max_unreachable
                   : code == Code::credentials ? policy.tries_max_credentials
                                               : policy.tries_max;
  if (tries >= most) return std::nullopt;
  const int doublings = std::clamp(tries - 1, 0, 16);
  const Millis ceiling = std::min(policy.longest, policy.first * (1 << doublings));
  const Millis delay(static_cast<Millis::rep>(static_cast<double>(ceiling.count()) * dice));
  if (delay >= left) return std::nullopt;
  return delay;
}

}  // namespace cd
