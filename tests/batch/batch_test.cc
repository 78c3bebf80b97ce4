#include "batch/batch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cd {
namespace {

BatchFacts facts(BatchState state) {
  BatchFacts out;
  out.state = state;
  return out;
}

TEST(BatchStateTest, ABatchGoesThroughItsStatesOneAtATime) {
  BatchFacts now = facts(BatchState::receiving);
  EXPECT_EQ(next_state(now), BatchState::receiving);
  now.settled = true;
  now.state = next_state(now);
  EXPECT_EQ(now.state, BatchState::queued);
  EXPECT_EQ(next_state(now), BatchState::queued);
  now.library_known = true;
  now.state = next_state(now);
  EXPECT_EQ(now.state, BatchState::uploading);
  EXPECT_EQ(next_state(now), BatchState::uploading);
  now.all_final = true;
  now.state = next_state(now);
  EXPECT_EQ(now.state, BatchState::processing);
  EXPECT_EQ(next_state(now), BatchState::processing);
  now.report_stored = true;
  now.stored = 3;
  EXPECT_EQ(next_state(now), BatchState::done);
  now.failed = 1;
  EXPECT_EQ(next_state(now), BatchState::done_with_errors);
  now.stored = 0;
  EXPECT_EQ(next_state(now), BatchState::failed);
}

TEST(BatchStateTest, AFileThatJoinsWhileTheReportIsWrittenTakesTheBatchBack) {
  BatchFacts now = facts(BatchState::processing);
  now.report_stored = true;
  now.all_final = false;
  EXPECT_EQ(next_state(now), BatchState::uploading);
}

TEST(BatchStateTest, AFinalStateStays) {
  for (const BatchState state : {BatchState::done, BatchState::done_with_errors, BatchState::failed,
                                 BatchState::cancelled}) {
    BatchFacts now = facts(state);
    now.settled = now.library_known = now.report_stored = true;
    EXPECT_EQ(next_state(now), state);
    EXPECT_TRUE(is_final(state));
  }
}

TEST(BatchStateTest, UsersSeeWordsWithHyphens) {
  EXPECT_EQ(name_of(BatchState::done_with_errors), "done-with-errors");
  EXPECT_EQ(name_of(BatchState::receiving), "receiving");
}

TEST(BatchTest, TheNewestItemOfAPathIsTheOneThatIsFound) {
  Batch batch;
  EXPECT_EQ(batch.find("a"), std::nullopt);
  EXPECT_EQ(batch.add("a", {}), 0u);
  EXPECT_EQ(batch.add("b", {}), 1u);
  EXPECT_EQ(batch.add("a", {}), 2u);
  EXPECT_EQ(batch.find("a"), 2u);
  EXPECT_EQ(batch.find("b"), 1u);
}

TEST(BatchTest, ItemsAreTakenInTheOrderOfTheirArrival) {
  Batch batch;
  batch.add("a", {});
  batch.add("b", {});
  EXPECT_EQ(batch.take_waiting(), 0u);
  batch.move(1, Step::cancelled, 0);
  EXPECT_EQ(batch.take_waiting(), std::nullopt);
}

TEST(BatchTest, ErrorsAreListedWithTheirReasonsAndStayWhenTheItemsAreForgotten) {
  Batch batch;
  batch.head.state = BatchState::uploading;
  for (int i = 0; i < 150; ++i) {
    const std::uint32_t n = batch.add("f" + std::to_string(i), {10, 1});
    batch.item(n).reason = "no";
    batch.move(n, Step::failed, 0);
  }
  batch.forget_items();
  const BatchProgress progress = batch.progress(0);
  ASSERT_EQ(progress.errors.size(), 100u);
  EXPECT_EQ(progress.errors[0].path, "f0");
  EXPECT_EQ(progress.errors[99].path, "f99");
  EXPECT_EQ(progress.errors[99].reason, "no");
  EXPECT_EQ(progress.files_failed, 150u);
  EXPECT_EQ(progress.bytes_total, 1500u);
}

RC_GTEST_PROP(BatchCountersTest, CountsAddUpWhateverHappens, ()) {
  Batch batch;
  batch.head.state = BatchState::uploading;
  const int files = *rc::gen::inRange(1, 20);
  for (int i = 0; i < files; ++i) batch.add("f" + std::to_string(i), {std::uint64_t(i), 0});
  const int moves = *rc::gen::inRange(0, 100);
  for (int i = 0; i < moves; ++i) {
    const auto n = static_cast<std::uint32_t>(*rc::gen::inRange(0, files));
    const auto to = static_cast<Step>(*rc::gen::inRange(0, static_cast<int>(kSteps)));
    if (may_move(batch.item(n).step, to)) batch.move(n, to, i);
  }
  std::uint64_t done = 0, skipped = 0, failed = 0, bytes_done = 0, open = 0;
  for (const Item& item : batch.items()) {
    done += item.step == Step::done ? 1 : 0;
    skipped += item.step == Step::skipped ? 1 : 0;
    failed += item.step == Step::failed || item.step == Step::held ? 1 : 0;
    open += is_final(item.step) ? 0 : 1;
    if (item.step == Step::done || item.step == Step::skipped) bytes_done += item.stamp.bytes;
  }
  const BatchProgress progress = batch.progress(0);
  RC_ASSERT(progress.files_total == static_cast<std::uint64_t>(files));
  RC_ASSERT(progress.files_done == done);
  RC_ASSERT(progress.files_skipped == skipped);
  RC_ASSERT(progress.files_failed == failed);
  RC_ASSERT(progress.bytes_done == bytes_done);
  RC_ASSERT(batch.all_final() == (open == 0));
}

TEST(RateMeterTest, TheRateIsOfTheLastTenSeconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  RateMeter rate;
  EXPECT_EQ(rate.per_second(100 * kSecond), 0);
  for (int s = 100; s < 110; ++s) {
    for (int i = 0; i < 5; ++i) rate.note(s * kSecond);
  }
  EXPECT_NEAR(rate.per_second(110 * kSecond), 5.0, 0.1);
  EXPECT_EQ(rate.per_second(200 * kSecond), 0);
}

}  // namespace
}  // namespace cd
