#include "batch/settle.h"

namespace cd {

bool Settle::observe(const Sight& sight, std::int64_t now_ns) {
  const std::int64_t settle_ns = std::chrono::nanoseconds(settle_).count();
  // A writer restarts the wait: the last of its writes may be as late as its close.
  if (!fingerprint_ || *fingerprint_ != sight.fingerprint || sight.has_writer) {
    fingerprint_ = sight.fingerprint;
    since_ns_ = now_ns;
  }
  due_ns_ = since_ns_ + settle_ns;
  return !sight.has_writer && now_ns >= due_ns_;
}

std::optional<std::int64_t> Settle::look_again_ns() const {
  if (!fingerprint_) return std::nullopt;
  return due_ns_;
}

}  // namespace cd
