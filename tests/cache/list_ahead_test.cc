#include "cache/list_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<ObjectInfo> page(std::initializer_list<const char*> keys) {
  std::vector<ObjectInfo> out;
  for (const char* key : keys) out.push_back({.key = key, .size = 1, .etag = "e", .modified_ns = 0});
  return out;
}

TEST(ListAheadTest, TheThirdFolderInARowBeginsAWalk) {
  ListAhead ahead;
  EXPECT_FALSE(ahead.plan("a/", 0).ahead);
  EXPECT_FALSE(ahead.plan("b/", kSecond).ahead);
  const auto plan = ahead.plan("c/", 2 * kSecond);
  EXPECT_TRUE(plan.ahead);
  EXPECT_LT(plan.after, "c/");
  EXPECT_GT(plan.after, "c.wav");
  EXPECT_GT(plan.after, "c extra/x");
  EXPECT_FALSE(plan.begun);
}

TEST(ListAheadTest, AFolderIsBeforeWhatIsInItAndItsNameBeforeLongerOnes) {
  ListAhead ahead;
  EXPECT_FALSE(ahead.plan("Kit/", 0).ahead);
  EXPECT_FALSE(ahead.plan("Kit/loops/", 0).ahead);
  EXPECT_TRUE(ahead.plan("Kit extra/", 0).ahead) << "its keys come before those of Kit/, its name does not";
}

TEST(ListAheadTest, WhoGoesBackOrWaitsDoesNotWalk) {
  ListAhead ahead;
  for (const char* folder : {"d/", "c/", "b/", "a/"}) EXPECT_FALSE(ahead.plan(folder, 0).ahead);
  for (int i = 1; i < 5; ++i) EXPECT_FALSE(ahead.plan("e" + std::to_string(i) + "/", i * 20 * kSecond).ahead);
}

TEST(ListAheadTest, TheFolderInWhichAPageEndedGoesOnFromThere) {
  ListAhead ahead;
  ahead.note_page({"", "b/m/x", {7, 70}}, 0);
  const auto plan = ahead.plan("b/", kSecond);
  EXPECT_TRUE(plan.ahead);
  EXPECT_EQ(plan.after, "b/m/x");
  ASSERT_TRUE(plan.begun);
  EXPECT_EQ(plan.begun->sequence, 7u);
  EXPECT_TRUE(ahead.plan("b/m/", kSecond).begun);
  EXPECT_FALSE(ahead.plan("b/a/", kSecond).begun) << "that one was shown whole";
  EXPECT_FALSE(ahead.plan("b/m/", 60 * kSecond).ahead) << "too long ago";
  ahead.note_page({"b/m/", "b/m/y", {8, 80}}, 60 * kSecond);
  EXPECT_FALSE(ahead.plan("b/", 60 * kSecond).begun) << "its first keys are not among those";
  ahead.forget();
  EXPECT_FALSE(ahead.plan("b/m/", 60 * kSecond).ahead);
}

TEST(ListAheadTest, WholeAreTheOutermostFoldersThatBeginAndEndInThePage) {
  const auto shown = page({"a/9", "b/", "b/c/1", "b/d/2", "b/e", "c", "d/e/1", "d/f/2", "d/f/3"});
  EXPECT_THAT(folders_shown_whole(shown, "", "a/5", "d/f/3"), ElementsAre("b/", "d/e/"));
  EXPECT_THAT(folders_shown_whole(shown, "", "", ""), ElementsAre("a/", "b/", "d/"));
  EXPECT_THAT(folders_shown_whole(shown, "b/", "b/", "b/e"), ElementsAre("b/c/", "b/d/"));
  EXPECT_THAT(folders_shown_whole(shown, "x/", "x/", ""), IsEmpty());
}

TEST(ListAheadTest, KeysInNoOrderAreNoticed) {
  EXPECT_TRUE(is_ascending(page({"a", "b"})));
  EXPECT_FALSE(is_ascending(page({"b", "a"})));
}

}  // namespace
}  // namespace cd
