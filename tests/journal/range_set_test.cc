#include "journal/range_set.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace cd {
namespace {

constexpr std::uint64_t kSize = 64;

TEST(RangeSetTest, NeighboursBecomeOne) {
  RangeSet set;
  set.add({0, 4});
  set.add({8, 4});
  set.add({4, 4});
  EXPECT_EQ(set.all(), (std::vector<Range>{{0, 12}}));
  EXPECT_EQ(set.total(), 12u);
}

TEST(RangeSetTest, AnEmptyRangeIsCoveredAndAddsNothing) {
  RangeSet set;
  set.add({5, 0});
  EXPECT_TRUE(set.empty());
  EXPECT_TRUE(set.covers({5, 0}));
  EXPECT_FALSE(set.covers({5, 1}));
}

RC_GTEST_PROP(RangeSetTest, AgreesWithAMapOfBytes, ()) {
  RangeSet set;
  std::vector<bool> bytes(kSize, false);
  const int steps = *rc::gen::inRange(1, 40);
  for (int i = 0; i < steps; ++i) {
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, kSize);
    const auto length = *rc::gen::inRange<std::uint64_t>(0, kSize - offset + 1);
    const int verb = *rc::gen::inRange(0, 3);
    const Range range{offset, length};
    if (verb == 0) set.add(range);
    if (verb == 1) set.remove(range);
    if (verb == 2) set.truncate(offset);
    for (std::uint64_t b = 0; b < kSize; ++b) {
      const bool in = b >= offset && b < range.end();
      if (verb == 0 && in) bytes[b] = true;
      if (verb == 1 && in) bytes[b] = false;
      if (verb == 2 && b >= offset) bytes[b] = false;
    }
  }
  std::uint64_t total = 0;
  for (std::uint64_t b = 0; b < kSize; ++b) {
    RC_ASSERT(set.covers({b, 1}) == bytes[b]);
    total += bytes[b] ? 1 : 0;
  }
  RC_ASSERT(set.total() == total);
  const auto begin = *rc::gen::inRange<std::uint64_t>(0, kSize);
  const Range window{begin, kSize - begin};
  std::vector<int> seen(kSize, 0);
  for (const Range& r : set.inside(window)) {
    RC_ASSERT(r.length > 0u);
    for (std::uint64_t b = r.offset; b < r.end(); ++b) seen[b] = 1;
  }
  for (const Range& r : set.outside(window)) {
    for (std::uint64_t b = r.offset; b < r.end(); ++b) seen[b] = 2;
  }
  for (std::uint64_t b = begin; b < kSize; ++b) RC_ASSERT(seen[b] == (bytes[b] ? 1 : 2));
}

}  // namespace
}  // namespace cd
