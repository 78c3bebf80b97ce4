#include "cache/list_merge.h"

#include <gtest/gtest.h>

namespace cd {
namespace {

constexpr std::uint64_t kBegun = 10;

MetaRecord listed_record() {
  MetaRecord r;
  r.ino = InodeId(7);
  r.remote = RemoteVersion{"a", "e1", 5, {}};
  r.changed = kBegun;
  return r;
}

ObjectInfo object(const std::string& etag, std::uint64_t size) { return {"a", size, etag, 0}; }

TEST(ListMergeTest, WhatIsNotKnownIsCreated) {
  EXPECT_EQ(decide_merge(nullptr, object("e1", 5), kBegun), MergeAction::create);
}

TEST(ListMergeTest, TheSameVersionIsKeptAndAnotherReplaced) {
  const MetaRecord r = listed_record();
  EXPECT_EQ(decide_merge(&r, object("e1", 5), kBegun), MergeAction::keep);
  EXPECT_EQ(decide_merge(&r, object("e2", 5), kBegun), MergeAction::replace);
  EXPECT_EQ(decide_merge(&r, object("e1", 6), kBegun), MergeAction::replace);
  MetaRecord bare = r;
  bare.remote.reset();
  EXPECT_EQ(decide_merge(&bare, object("e1", 5), kBegun), MergeAction::replace);
}

TEST(ListMergeTest, WhatIsOursIsLeftAndNeverGone) {
  const std::vector<std::function<void(MetaRecord&)>> ours{
      [](MetaRecord& r) { r.pending = true; },        [](MetaRecord& r) { r.whiteout = r.pending = true; },
      [](MetaRecord& r) { r.local_only = true; },     [](MetaRecord& r) { r.staged = StagedId(1); },
      [](MetaRecord& r) { r.changed = kBegun + 1; },
      [](MetaRecord& r) { r.whiteout = true, r.changed = kBegun + 1; },
  };
  for (const auto& make_ours : ours) {
    MetaRecord r = listed_record();
    EXPECT_TRUE(is_gone(r, kBegun));
    make_ours(r);
    EXPECT_EQ(decide_merge(&r, object("e1", 5), kBegun), MergeAction::leave);
    EXPECT_EQ(decide_merge(&r, object("e2", 9), kBegun), MergeAction::leave);
    EXPECT_FALSE(is_gone(r, kBegun));
  }
}

TEST(ListMergeTest, WhatWasRemovedBeforeTheListBeganAndIsThereIsSomebodyElsesNew) {
  MetaRecord r = listed_record();
  r.whiteout = true;
  EXPECT_EQ(decide_merge(&r, object("e1", 5), kBegun), MergeAction::replace);
  EXPECT_FALSE(is_gone(r, kBegun));
}

}  // namespace
}  // namespace cd
