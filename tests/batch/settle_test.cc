#include "batch/settle.h"

#include <gtest/gtest.h>

namespace cd {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(SettleTest, AFolderIsCompleteWhenItLookedTheSameForTheWholeTime) {
  Settle settle(Millis{2'000});
  EXPECT_FALSE(settle.observe({.fingerprint = 1}, 0));
  EXPECT_FALSE(settle.observe({.fingerprint = 1}, 1'999 * kMs));
  EXPECT_TRUE(settle.observe({.fingerprint = 1}, 2'000 * kMs));
}

TEST(SettleTest, AChangeBeginsTheWaitAnew) {
  Settle settle(Millis{2'000});
  EXPECT_FALSE(settle.observe({.fingerprint = 1}, 0));
  EXPECT_FALSE(settle.observe({.fingerprint = 2}, 1'500 * kMs));
  EXPECT_FALSE(settle.observe({.fingerprint = 2}, 3'400 * kMs));
  EXPECT_TRUE(settle.observe({.fingerprint = 2}, 3'500 * kMs));
}

TEST(SettleTest, AnOpenWriterKeepsItIncompleteHoweverLongItPauses) {
  Settle settle(Millis{2'000});
  EXPECT_FALSE(settle.observe({.fingerprint = 1, .has_writer = true}, 0));
  EXPECT_FALSE(settle.observe({.fingerprint = 1, .has_writer = true}, 60'000 * kMs));
  EXPECT_FALSE(settle.observe({.fingerprint = 1}, 60'100 * kMs));
  EXPECT_TRUE(settle.observe({.fingerprint = 1}, 62'100 * kMs));
}

TEST(SettleTest, ItSaysWhenToLookAgain) {
  Settle settle(Millis{2'000});
  EXPECT_EQ(settle.look_again_ns(), std::nullopt);
  EXPECT_FALSE(settle.observe({.fingerprint = 1}, 500 * kMs));
  EXPECT_EQ(settle.look_again_ns(), 2'500 * kMs);
}

TEST(SettleTest, WithoutAWaitTheFirstLookIsEnough) {
  Settle settle(Millis{0});
  EXPECT_TRUE(settle.observe({.fingerprint = 1}, 7));
}

}  // namespace
}  // namespace cd
