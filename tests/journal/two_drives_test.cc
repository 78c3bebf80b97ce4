// Two drives and strangers on one bucket: random writes, removals and renames on both, foreign PUTs and DELETEs behind their
// backs, restarts, and a store that is away, refuses or loses answers. Whatever happens, no content that a close() acknowledged is
// lost from everywhere: at the end it is in the bucket, under its name or another, unless somebody who saw it has
// overwritten or removed it. Here a drive is offline but for the moments in which it meets the bucket, one at a time; in
// live_drives_test.cc both are there at once.
#include "tests/journal/two_drives.h"

namespace cd::testing {
namespace {

class TwoDrivesTest : public TwoDrives {
 protected:
  void meet_bucket(Side& side) {
    side.flaky.clear();
    disturb(side);
    side.flaky.set_down(false);
    side.world.journal->store_came_back();
    settle(side.world);
    side.flaky.clear();
    side.world.tree->expire_all();
    ASSERT_TRUE(side.world.load()) << history;
    side.flaky.set_down(true);
  }
};

TEST_P(TwoDrivesTest, NothingAcknowledgedIsLostFromEverywhere) {
  Side left(bucket(), "left");
  Side right(bucket(), "right");
  for (Side* side : {&left, &right}) {
    side->world.open();
    meet_bucket(*side);
  }
  for (int i = 0; i < 120; ++i) {
    Side& side = pick(2) == 0 ? left : right;
    pick(5) == 0 ? foreign_step() : step(side);
    if (pick(10) == 0) {
      history += side.name + ": meets the bucket\n";
      meet_bucket(side);
    }
    if (pick(30) == 0) {
      const bool without_cache = pick(3) == 0;
      history += side.name + (without_cache ? ": restart without cache\n" : ": restart\n");
      side.world.reopen(without_cache);
      meet_bucket(side);
    }
  }
  // Twice: the one who comes first has not seen the conflict copies of the other.
  for (int round = 0; round < 2; ++round) {
    for (Side* side : {&left, &right}) meet_bucket(*side);
  }
  for (Side* side : {&left, &right}) {
    meet_bucket(*side);
    side->flaky.set_down(false);
  }
  expect_nothing_lost(left, right);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TwoDrivesTest, ::testing::ValuesIn(kinds(5)), name_of_kind);

}  // namespace
}  // namespace cd::testing
