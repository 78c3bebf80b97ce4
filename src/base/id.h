// Id<Tag>: a 64-bit number that cannot be mistaken for another kind of number. Zero means "none".
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace cd {

template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr explicit operator bool() const { return value_ != 0; }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  std::uint64_t value_ = 0;
};

using InodeId = Id<struct InodeTag>;    // a node of the tree; 1 is the root, as FUSE has it
using StagedId = Id<struct StagedTag>;  // a file in the staging area

inline constexpr InodeId kRootInode{1};

}  // namespace cd

template <class Tag>
struct std::hash<cd::Id<Tag>> {
  std::size_t operator()(cd::Id<Tag> id) const noexcept { return std::hash<std::uint64_t>()(id.value()); }
};
