// Settle: is what was dropped complete? Level-triggered: each look at a folder is told to observe(); complete is
// what no writer has open and what looked the same for `settle`. Pure: time is handed in.
// Batch thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace cd {

struct Sight {  // one look
  std::uint64_t fingerprint = 0;  // of names, sizes and changes; equal = nothing happened between
  bool has_writer = false;
};

class Settle {
 public:
  explicit Settle(Millis settle) : settle_(settle) {}

  // True: complete at `now_ns` (steady).
  bool observe(const Sight& sight, std::int64_t now_ns);
  // When to look again if nothing is heard before; empty: not before something changes (never observed).
  [[nodiscard]] std::optional<std::int64_t> look_again_ns() const;

 private:
  Millis settle_;
  std::optional<std::uint64_t> fingerprint_;
  std::int64_t since_ns_ = 0;
  std::int64_t due_ns_ = 0;
};

}  // namespace cd
