#include "remote/limited_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "remote/blocking.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST(AllowanceTest, WhatWasSpentIsThereAgainAfterItsTime) {
  Allowance allowance;
  allowance.flow(1000, 0);
  EXPECT_TRUE(allowance.is_there());
  allowance.spend(5000);
  EXPECT_FALSE(allowance.is_there());
  EXPECT_NEAR(static_cast<double>(allowance.wait_ns()), 5e9, 10);
  allowance.flow(1000, 4 * kSecondNs);
  EXPECT_FALSE(allowance.is_there());
  allowance.flow(1000, 5 * kSecondNs);
  EXPECT_TRUE(allowance.is_there());
}

TEST(AllowanceTest, TheMeanIsKeptWhateverTheSizeOfARequest) {
  for (const std::uint64_t size : {10u, 700u, 20'000u}) {
    Allowance allowance;
    std::uint64_t spent = 0;
    for (std::int64_t now = 0; now <= 100 * kSecondNs; now += kSecondNs / 1000) {
      allowance.flow(1000, now);
      for (; allowance.is_there() && spent < 1'000'000; spent += size) allowance.spend(size);
    }
    EXPECT_NEAR(static_cast<double>(spent), 100'000, 100 + static_cast<double>(size));
  }
}

TEST(AllowanceTest, APauseIsNotFollowedByAFlood) {
  Allowance allowance;
  allowance.flow(1000, 0);
  allowance.flow(1000, 3600 * kSecondNs);
  allowance.spend(200);
  EXPECT_FALSE(allowance.is_there());
}

TEST(AllowanceTest, WithoutALimitItIsAlwaysThere) {
  Allowance allowance;
  allowance.flow(0, 0);
  allowance.spend(1u << 30);
  EXPECT_TRUE(allowance.is_there());
}

class LimitedStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto flaky = std::make_unique<FlakyStore>(memory_);
    below_ = flaky.get();
    store_ = std::make_unique<LimitedStore>(std::move(flaky), RateLimits{.connections = 2});
  }
  void put(const std::string& key, CallOptions options, Done<PutReply> done) {
    PutRequest request;
    request.key = key;
    request.body = share("bytes");
    store_->put(std::move(request), std::move(options), std::move(done));
  }
  MemoryStore memory_;
  FlakyStore* below_ = nullptr;
  std::unique_ptr<LimitedStore> store_;
};

TEST_F(LimitedStoreTest, NoMoreRequestsRunAtOneTimeThanAreAllowed) {
  below_->add({.on = {Verb::put, ""}, .kind = FaultKind::hold});
  std::latch all(5);
  for (int i = 0; i < 5; ++i) put("k" + std::to_string(i), {}, [&](auto) { all.count_down(); });
  below_->wait_held(2);
  EXPECT_EQ(store_->waiting(), 3u);
  EXPECT_EQ(below_->calls({Verb::put, ""}), 2u);
  store_->set_limits({});  // while they wait
  below_->wait_held(5);
  below_->clear();
  below_->release_held();
  all.wait();
  EXPECT_EQ(memory_.keys().size(), 5u);
}

TEST_F(LimitedStoreTest, WhatSomebodyWaitsForGoesFirst) {
  below_->add({.on = {Verb::put, "first"}, .kind = FaultKind::hold});
  std::latch all(5);
  for (int i = 0; i < 2; ++i) put("first" + std::to_string(i), {}, [&](auto) { all.count_down(); });
  below_->wait_held(2);
  CallOptions background;
  background.priority = Priority::background;
  put("background1", background, [&](auto) { all.count_down(); });
  put("background2", background, [&](auto) { all.count_down(); });
  put("reader", {}, [&](auto) { all.count_down(); });
  below_->clear();
  below_->release_held();
  all.wait();
  EXPECT_EQ(below_->recorded()[2].key, "reader");
}

TEST_F(LimitedStoreTest, ACancelEndsTheWait) {
  below_->add({.on = {Verb::put, ""}, .kind = FaultKind::hold});
  for (int i = 0; i < 2; ++i) put("k" + std::to_string(i), {}, [](auto) {});
  below_->wait_held(2);
  std::stop_source stop;
  CallOptions options;
  options.cancel = stop.get_token();
  std::optional<Code> code;
  put("late", options, [&](Result<PutReply> answer) { code = answer.error().code; });
  EXPECT_FALSE(code.has_value());
  stop.request_stop();
  EXPECT_EQ(code, Code::cancelled);
  put("too late", options, [&](Result<PutReply> answer) { code = answer ? Code::exists : answer.error().code; });
  EXPECT_EQ(code, Code::cancelled);
}

TEST_F(LimitedStoreTest, ItsEndEndsWhatWaits) {
  below_->add({.on = {Verb::put, ""}, .kind = FaultKind::hold});
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 6; ++i) {
    put("k" + std::to_string(i), {}, [&](Result<PutReply> answer) {
      if (!answer && answer.error().code == Code::cancelled) ++cancelled;
    });
  }
  below_->wait_held(2);
  store_.reset();
  EXPECT_EQ(cancelled, 6);
}

TEST_F(LimitedStoreTest, BytesAndRequestsAreOwedAndEverythingComesThrough) {
  store_->set_limits({.up = 10'000, .down = 10'000, .requests = 200});
  std::latch all(20);
  for (int i = 0; i < 20; ++i) put("k" + std::to_string(i), {}, [&](auto) { all.count_down(); });
  all.wait();
  EXPECT_EQ(memory_.keys().size(), 20u);
  const auto got = blocking<GetReply>([&](auto done) { store_->get({"k7", 0, UINT64_MAX, ""}, {}, std::move(done)); });
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(*got->body, "bytes");
}

}  // namespace cd::testing
