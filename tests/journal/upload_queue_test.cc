#include "journal/upload_queue.h"

#include <gtest/gtest.h>

namespace cd {
namespace {

Goal goal(std::string key, std::uint64_t age, std::string reads = "", std::int64_t not_before = 0) {
  return {std::move(key), std::move(reads), age, not_before, false};
}

std::string take(UploadQueue& queue, std::int64_t now = 0) {
  const auto next = queue.take(now);
  return next ? next->slot + (next->materialise ? "!" : "") : "-";
}

TEST(UploadQueueTest, TheOldestGoesFirst) {
  UploadQueue queue;
  queue.set("young", goal("young", 2));
  queue.set("old", goal("old", 1));
  EXPECT_EQ(take(queue), "old");
  EXPECT_EQ(take(queue), "young");
  EXPECT_EQ(take(queue), "-");
}

TEST(UploadQueueTest, ATakenSlotIsNotGivenAgainUntilItIsPutBack) {
  UploadQueue queue;
  queue.set("a", goal("a", 1));
  EXPECT_EQ(take(queue), "a");
  queue.set("a", goal("a", 2));  // changed meanwhile
  EXPECT_EQ(take(queue), "-");
  queue.put_back("a", 0);
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, AGoalWaitsForItsTime) {
  UploadQueue queue;
  queue.set("a", goal("a", 1, "", 100));
  EXPECT_EQ(take(queue, 99), "-");
  EXPECT_EQ(queue.next_time(), 100);
  EXPECT_EQ(take(queue, 100), "a");
}

TEST(UploadQueueTest, OnlyWhatMayGoAtOnceIsReady) {
  UploadQueue queue;
  queue.set("later", goal("later", 1, "", 100));
  Goal open = goal("open", 2);
  open.paused = true;
  queue.set("open", open);
  EXPECT_FALSE(queue.has_ready());
  queue.set("now", goal("now", 3));
  EXPECT_TRUE(queue.has_ready());
  EXPECT_EQ(take(queue), "now");
  EXPECT_FALSE(queue.has_ready());
}

TEST(UploadQueueTest, HastenEndsTheWait) {
  UploadQueue queue;
  queue.set("a", goal("a", 1, "", 100));
  queue.hasten_all();
  EXPECT_EQ(take(queue, 0), "a");
}

TEST(UploadQueueTest, AKeyThatIsStillReadWaitsForItsReader) {
  UploadQueue queue;
  queue.set("old", goal("old", 1));          // remove
  queue.set("new", goal("new", 2, "old"));   // copy
  EXPECT_EQ(take(queue), "new");
  EXPECT_EQ(take(queue), "-");
  EXPECT_EQ(queue.state("old"), UploadQueue::State::blocked);
  queue.erase("new");  // reached
  EXPECT_EQ(take(queue), "old");
}

TEST(UploadQueueTest, ReadingOnesOwnKeyBlocksNobody) {
  UploadQueue queue;
  queue.set("a", goal("a", 1, "a"));
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, ASwapGivesOneSideToBeMaterialised) {
  UploadQueue queue;
  queue.set("a", goal("a", 1, "b"));
  queue.set("b", goal("b", 2, "a"));
  EXPECT_EQ(take(queue), "a!");
  queue.set("a", goal("a", 1));  // it reads nothing any more
  queue.put_back("a", 0);
  EXPECT_EQ(take(queue), "b");   // a waits for b, which reads it
  queue.erase("b");
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, ARingOfThreeIsBrokenOnce) {
  UploadQueue queue;
  queue.set("a", goal("a", 1, "b"));
  queue.set("b", goal("b", 2, "c"));
  queue.set("c", goal("c", 3, "a"));
  EXPECT_EQ(take(queue), "a!");
  queue.set("a", goal("a", 1));
  queue.put_back("a", 0);
  EXPECT_EQ(take(queue), "b");
  queue.erase("b");
  EXPECT_EQ(take(queue), "c");
  queue.erase("c");
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, NobodyWaitsForAReaderWhoseSourceIsLost) {
  UploadQueue queue;
  queue.set("b", goal("b", 1, "a"));
  queue.set("a", goal("a", 2));
  EXPECT_EQ(take(queue), "b");
  queue.set_failed("b");
  EXPECT_EQ(take(queue), "-");  // it may be read again by a retry
  queue.stop_reading("b");
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, WhoWaitsForARingIsNotInIt) {
  UploadQueue queue;
  queue.set("x", goal("x", 1));           // read by a, which is in a ring with b
  queue.set("a", goal("a", 2, "x"));
  queue.set("b", goal("b", 3, "a"));
  EXPECT_EQ(take(queue), "b");            // x waits for a, a for b
  EXPECT_EQ(take(queue), "-");
}

TEST(UploadQueueTest, AFailedOneStaysUntilItIsRetriedOrChanged) {
  UploadQueue queue;
  queue.set("a", goal("a", 1));
  EXPECT_EQ(take(queue), "a");
  queue.set_failed("a");
  EXPECT_EQ(queue.failed(), 1u);
  EXPECT_EQ(take(queue), "-");
  EXPECT_TRUE(queue.retry("a"));
  EXPECT_FALSE(queue.retry("a"));
  EXPECT_EQ(take(queue), "a");
  queue.set_failed("a");
  queue.set("a", goal("a", 5));
  EXPECT_EQ(queue.failed(), 0u);
  EXPECT_EQ(take(queue), "a");
}

TEST(UploadQueueTest, AFailedOneDoesNotHoldUpTheRest) {
  UploadQueue queue;
  queue.set("a", goal("a", 1));
  queue.set("b", goal("b", 2));
  EXPECT_EQ(take(queue), "a");
  queue.set_failed("a");
  EXPECT_EQ(take(queue), "b");
}

TEST(UploadQueueTest, APausedGoalIsPassedOver) {
  UploadQueue queue;
  queue.set("a", goal("a", 1));
  queue.set_paused("a", true);
  EXPECT_EQ(take(queue), "-");
  queue.set_paused("a", false);
  EXPECT_EQ(take(queue), "a");
}

}  // namespace
}  // namespace cd
