// Two drives and strangers on one bucket, as in two_drives_test.cc, but both drives are live at once: while one works, the
// uploads of both are under way, meet each other's and the strangers', and are cut by crashes, lost answers and spells
// without the store. What was acknowledged at close is at the end at its name or another, or was overwritten or removed by
// somebody who had seen it.
#include "tests/journal/two_drives.h"

namespace cd::testing {
namespace {

class LiveDrivesTest : public TwoDrives {
 protected:
  void come_back(Side& side) {
    side.flaky.clear();
    side.flaky.set_down(false);
    side.world.journal->store_came_back();
  }
  void look(Side& side) {
    side.world.tree->expire_all();
    if (const Status listed = side.world.load(); !listed) history += side.name + ": " + listed.error().message + "\n";
  }
  void something_happens(Side& side) {
    switch (pick(40)) {
      case 0:
      case 1:
        history += side.name + ": the store is away\n";
        return side.flaky.set_down(true);
      case 2:
      case 3:
      case 4:
      case 5:
        history += side.name + ": the store is there\n";
        return come_back(side);
      case 6:
      case 7:
      case 8:
        return disturb(side);
      case 9:
      case 10:
      case 11:
        history += side.name + ": looks\n";
        return look(side);
      case 12:
        if (pick(2) != 0) return;
        history += side.name + ": is killed\n";
        side.crash();
        side.world.open();
        return come_back(side);
      case 13: {
        if (pick(2) != 0) return;
        const bool without_cache = pick(3) == 0;
        history += side.name + (without_cache ? ": restart without cache\n" : ": restart\n");
        side.world.reopen(without_cache);
        come_back(side);
        return look(side);
      }
      case 14:
        history += side.name + ": has stored all\n";
        come_back(side);
        return settle(side.world);
      default: return;
    }
  }
};

// S12 "On a conflict both versions survive"
TEST_P(LiveDrivesTest, NothingAcknowledgedIsLostFromEverywhere) {
  Side left(bucket(), "left");
  Side right(bucket(), "right");
  for (Side* side : {&left, &right}) {
    side->world.open();
    look(*side);
  }
  for (int i = 0; i < 250; ++i) {
    Side& side = pick(2) == 0 ? left : right;
    pick(5) == 0 ? foreign_step() : step(side);
    something_happens(side);
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << history;
  }
  for (int round = 0; round < 3; ++round) {
    for (Side* side : {&left, &right}) {
      come_back(*side);
      settle(side->world);
      look(*side);
    }
  }
  expect_nothing_lost(left, right);
}

INSTANTIATE_TEST_SUITE_P(Kinds, LiveDrivesTest, ::testing::ValuesIn(kinds(5)), name_of_kind);

}  // namespace
}  // namespace cd::testing
