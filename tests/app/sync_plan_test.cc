// What a sync does with one path: the whole table.
#include "app/sync_plan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "app/sync_memory.h"
#include "remote/blocking.h"
#include "tests/support/memory_store.h"

namespace cd {
namespace {

using Step = SyncStep;
constexpr SyncSide kGone{false, true}, kSame{true, false}, kNew{true, true};

Step step(SyncRules::Way way, bool remove, SyncSide a, SyncSide b, bool known, bool equal = false) {
  return sync_step({way, remove}, a, b, equal, known);
}
constexpr auto kToB = SyncRules::Way::a_to_b;
constexpr auto kToA = SyncRules::Way::b_to_a;
constexpr auto kBoth = SyncRules::Way::both;

TEST(SyncPlanTest, EqualFilesAndNothingAreLeftAlone) {
  for (const auto way : {kToB, kToA, kBoth}) {
    EXPECT_EQ(step(way, true, kNew, kNew, false, true), Step::nothing);
    EXPECT_EQ(step(way, true, kGone, kGone, true), Step::nothing);
  }
}

TEST(SyncPlanTest, OneWayTheOtherSideBecomesLikeThisOne) {
  EXPECT_EQ(step(kToB, false, kNew, kGone, false), Step::copy_to_b);
  EXPECT_EQ(step(kToB, false, kNew, kSame, true), Step::copy_to_b);
  EXPECT_EQ(step(kToB, false, kNew, kNew, false), Step::copy_to_b);
  EXPECT_EQ(step(kToA, false, kGone, kNew, false), Step::copy_to_a);
  EXPECT_EQ(step(kToB, false, kGone, kSame, true), Step::nothing);
  EXPECT_EQ(step(kToB, true, kGone, kSame, true), Step::remove_b);
  EXPECT_EQ(step(kToA, true, kSame, kGone, true), Step::remove_a);
}

TEST(SyncPlanTest, OneWayAVersionThatChangedOverThereIsKept) {
  EXPECT_EQ(step(kToB, false, kNew, kNew, true), Step::keep_b_aside);
  EXPECT_EQ(step(kToA, false, kNew, kNew, true), Step::keep_a_aside);
}

TEST(SyncPlanTest, BothWaysWhatChangedGoesOver) {
  EXPECT_EQ(step(kBoth, false, kNew, kSame, true), Step::copy_to_b);
  EXPECT_EQ(step(kBoth, false, kSame, kNew, true), Step::copy_to_a);
  EXPECT_EQ(step(kBoth, false, kNew, kGone, false), Step::copy_to_b);
  EXPECT_EQ(step(kBoth, false, kGone, kNew, false), Step::copy_to_a);
}

TEST(SyncPlanTest, BothWaysAConflictKeepsBoth) {
  EXPECT_EQ(step(kBoth, true, kNew, kNew, true), Step::keep_both);
  EXPECT_EQ(step(kBoth, true, kNew, kNew, false), Step::keep_both);
}

TEST(SyncPlanTest, BothWaysARemovalGoesOverOnlyIfAskedForAndNothingChanged) {
  EXPECT_EQ(step(kBoth, true, kSame, kGone, true), Step::remove_a);
  EXPECT_EQ(step(kBoth, true, kGone, kSame, true), Step::remove_b);
  EXPECT_EQ(step(kBoth, true, kNew, kGone, true), Step::copy_to_b) << "changed here after it was removed there";
  EXPECT_EQ(step(kBoth, false, kSame, kGone, true), Step::copy_to_b);
}

TEST(SyncSidesTest, OnlyKeysThatStayBelowTheFolderArePaths) {
  const std::vector<std::string> reserved{"inbox", ".cratedrive"};
  for (const char* key : {"a.wav", "a/b/c.wav", "a/inbox/x", "...", "a/..b"}) EXPECT_TRUE(is_plain_path(key, reserved)) << key;
  for (const std::string& key : {std::string("../a"), std::string("a/../b"), std::string("/etc/passwd"), std::string("a//b"), std::string("a/."),
                                 std::string("a/"), std::string(""), std::string("inbox/a"), std::string(".cratedrive/batches/x.json"),
                                 std::string("a\0b", 3), std::string("\xff"), std::string(256, 'x')})
    EXPECT_FALSE(is_plain_path(key, reserved)) << key;
}

class SyncFolderTest : public ::testing::Test {
 protected:
  SyncFolderTest() {
    char name[] = "/tmp/cratedrive-sync-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~SyncFolderTest() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(SyncFolderTest, ADownloadFollowsNoLinkOutOfTheFolder) {
  std::filesystem::create_directories(folder_ + "/in");
  std::filesystem::create_directories(folder_ + "/out");
  ASSERT_EQ(::symlink((folder_ + "/out").c_str(), (folder_ + "/in/link").c_str()), 0);
  testing::MemoryStore store;
  PutRequest put;
  put.key = "link/a.txt";
  put.body = share("text");
  ASSERT_TRUE(blocking<PutReply>([&](Done<PutReply> done) { store.put(put, {}, std::move(done)); }));
  Pacer pacer(0);
  const BucketSide bucket(store, pacer, {}, {});
  const LocalSide local(folder_ + "/in");
  std::uint64_t left_out = 0;
  const auto objects = bucket.list(left_out);
  ASSERT_TRUE(objects);
  EXPECT_FALSE(bucket.download(objects->at("link/a.txt"), local, nullptr));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/out"));
}

TEST_F(SyncFolderTest, WhatWasEqualIsRememberedAndDamageIsForgotten) {
  const std::string file = folder_ + "/deep/memory.jsonl";
  SyncMemory memory(system_disk(), file);
  memory.records["a \"quoted\"\n.wav"] = {{7, -5}, "etag"};
  ASSERT_TRUE(memory.save());
  SyncMemory again(system_disk(), file);
  again.load();
  ASSERT_EQ(again.records.size(), 1u);
  EXPECT_EQ(again.records.begin()->second.local, (LocalEntry{7, -5}));
  ASSERT_TRUE(write_file_atomically(system_disk(), file, "{\"cratedrive-sync\":1}\n[1,2]\nnonsense\n[\"b\",1,2,\"e\"]\n"));
  again.load();
  EXPECT_EQ(again.records.size(), 1u);
  ASSERT_TRUE(write_file_atomically(system_disk(), file, "other"));
  again.load();
  EXPECT_TRUE(again.records.empty());
}

}  // namespace
}  // namespace cd
