// RetryingStore and GuardedStore over a bucket in memory that loses answers on order. The timer fires at once.
#include "remote/retrying_store.h"

#include <gtest/gtest.h>

#include "remote/blocking.h"
#include "remote/guarded_store.h"
#include "remote/metered_store.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

namespace {

class ImmediateTimer final : public Timer {
 public:
  void after(Millis, std::stop_token, std::function<void()> fire) override { fire(); }
};

}  // namespace

class RetryingStoreTest : public ::testing::Test {
 protected:
  Result<PutReply> put(const std::string& key, const std::string& bytes, Condition condition) {
    PutRequest request;
    request.key = key;
    request.body = share(bytes);
    request.condition = std::move(condition);
    return blocking<PutReply>([&](auto done) { store_.put(request, {}, std::move(done)); });
  }
  Result<GetReply> get(const std::string& key) {
    return blocking<GetReply>([&](auto done) { store_.get(GetRequest{key, 0, UINT64_MAX, ""}, {}, std::move(done)); });
  }
  static Code code_of(const auto& result) { return result ? Code{255} : result.error().code; }

  MemoryStore memory_{MemoryStoreOptions{.threads = 0, .part_bytes_min = 1, .presign_base = {}}};
  FlakyStore flaky_{memory_};
  StoreHealth health_{system_clock()};
  ImmediateTimer timer_;
  RetryingStore store_{flaky_, timer_, health_};
};

TEST_F(RetryingStoreTest, PassingTroubleIsNotSeenFromAbove) {
  memory_.put_object("k", "bytes");
  flaky_.add({.on = {Verb::get, ""}, .error = {Code::io, "broken off"}, .times = 3});
  ASSERT_TRUE(get("k"));
  EXPECT_EQ(flaky_.calls({Verb::get, ""}), 4u);
}

TEST_F(RetryingStoreTest, WhatIsNotThereIsAskedForOnce) {
  EXPECT_EQ(code_of(get("nothing")), Code::not_found);
  EXPECT_EQ(flaky_.calls(), 1u);
}

TEST_F(RetryingStoreTest, ItGivesUpWithTheStoresLastWords) {
  flaky_.add({.on = {Verb::get, ""}, .error = {Code::throttled, "slow down"}});
  const auto answer = get("k");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), (Error{Code::throttled, "slow down"}));
  EXPECT_EQ(flaky_.calls(), static_cast<std::size_t>(RetryPolicy{}.tries_max));
}

TEST_F(RetryingStoreTest, APutWhoseAnswerWasLostIsRecognisedAsOurs) {
  flaky_.add({.on = {Verb::put, ""}, .kind = FaultKind::answer_lost, .error = {Code::io, "lost"}, .times = 1});
  const auto answer = put("k", "ours", Condition::if_absent());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*memory_.bytes_of("k"), "ours");
  EXPECT_EQ(answer->etag, memory_.head_of("k")->info.etag);
}

TEST_F(RetryingStoreTest, AReplaceWhoseAnswerWasLostIsRecognisedAsOurs) {
  const std::string etag = memory_.put_object("k", "old");
  flaky_.add({.on = {Verb::put, ""}, .kind = FaultKind::answer_lost, .error = {Code::timeout, "lost"}, .times = 1});
  EXPECT_TRUE(put("k", "new", Condition::if_match(etag)));
}

TEST_F(RetryingStoreTest, AStrangersObjectIsStillAConflictAfterALostAnswer) {
  memory_.put_object("k", "theirs");
  flaky_.add({.on = {Verb::put, ""}, .error = {Code::io, "lost"}, .times = 1});
  EXPECT_EQ(code_of(put("k", "ours", Condition::if_absent())), Code::precondition_failed);
  EXPECT_EQ(*memory_.bytes_of("k"), "theirs");
}

TEST_F(RetryingStoreTest, TheSameBytesWithoutALostAnswerAreAConflict) {
  memory_.put_object("k", "same");
  EXPECT_EQ(code_of(put("k", "same", Condition::if_absent())), Code::precondition_failed);
}

TEST_F(RetryingStoreTest, NothingIsTriedAgainWhileOfflineOnPurpose) {
  health_.set_offline(true);
  flaky_.set_down(true);
  EXPECT_EQ(code_of(get("k")), Code::unreachable);
  EXPECT_EQ(flaky_.calls(), 1u);
}

TEST_F(RetryingStoreTest, ACancelledRequestIsNotTriedAgain) {
  std::stop_source stop;
  flaky_.add({.on = {Verb::head, ""}, .error = {Code::io, "broken off"}});
  stop.request_stop();
  const auto answer = blocking<ObjectHead>([&](auto done) {
    store_.head("k", CallOptions{.deadline = Millis(60'000), .cancel = stop.get_token()}, std::move(done));
  });
  EXPECT_EQ(code_of(answer), Code::cancelled);
}

TEST(GuardedStoreTest, WhatTheServerDoesNotHonourIsAskedByHead) {
  MemoryStore memory{MemoryStoreOptions{.threads = 0, .part_bytes_min = 1, .presign_base = {}}};
  memory.set_traits(StoreTraits{});
  FlakyStore counted(memory);
  GuardedStore store(counted);
  memory.put_object("k", "there");
  PutRequest request;
  request.key = "k";
  request.body = share("x");
  request.condition = Condition::if_absent();
  const auto refused = blocking<PutReply>([&](auto done) { store.put(request, {}, std::move(done)); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::precondition_failed);
  EXPECT_EQ(counted.calls({Verb::head, ""}), 1u);
  EXPECT_EQ(counted.calls({Verb::put, ""}), 0u) << "refused without sending the bytes";
}

TEST(GuardedStoreTest, WhatTheServerHonoursCostsNoRequest) {
  MemoryStore memory{MemoryStoreOptions{.threads = 0, .part_bytes_min = 1, .presign_base = {}}};
  FlakyStore counted(memory);
  GuardedStore store(counted);
  PutRequest request;
  request.key = "k";
  request.body = share("x");
  request.condition = Condition::if_absent();
  ASSERT_TRUE(blocking<PutReply>([&](auto done) { store.put(request, {}, std::move(done)); }));
  EXPECT_EQ(counted.calls({Verb::head, ""}), 0u);
}

TEST(MeteredStoreTest, RequestsBytesAndErrorsAreCountedAndOfflineIsAGate) {
  MemoryStore memory{MemoryStoreOptions{.threads = 0, .part_bytes_min = 1, .presign_base = {}}};
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  MeteredStore store(memory, health, metrics);
  memory.put_object("k", "12345");
  const auto get = [&](const std::string& key) {
    return blocking<GetReply>([&](auto done) { store.get(GetRequest{key, 0, UINT64_MAX, ""}, {}, std::move(done)); });
  };
  EXPECT_TRUE(get("k"));
  EXPECT_FALSE(get("nothing"));
  EXPECT_EQ(metrics.counter_sum("cratedrive_store_requests_total"), 2u);
  EXPECT_EQ(metrics.counter_sum("cratedrive_store_bytes_received_total"), 5u);
  EXPECT_EQ(metrics.counter_sum("cratedrive_store_errors_total"), 1u);
  EXPECT_EQ(health.state(), StoreState::ok) << "\"not there\" is an answer of a store that is well";
  health.set_offline(true);
  EXPECT_EQ(get("k").error().code, Code::unreachable);
  EXPECT_EQ(metrics.counter_sum("cratedrive_store_requests_total"), 2u);
}

}  // namespace cd::testing
