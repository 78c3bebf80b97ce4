#include "cache/tree_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>
#include <random>

#include "remote/blocking.h"
#include "tests/cache/temp_folder.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd {
namespace {

using ::cd::testing::Fault;
using ::cd::testing::FaultKind;
using ::cd::testing::FlakyStore;
using ::cd::testing::MemoryStore;
using ::cd::testing::MemoryStoreOptions;
using ::cd::testing::Verb;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

// Answers come before the verb returns.
MemoryStoreOptions inline_options() {
  MemoryStoreOptions options;
  options.threads = 0;
  return options;
}

class Recorder final : public TreeObserver {
 public:
  void name_changed(InodeId, const std::string& name, InodeId gone) override {
    names.push_back(name + (gone ? "!" : ""));
  }
  void attributes_changed(InodeId ino) override { attributes.push_back(ino); }
  std::vector<std::string> names;
  std::vector<InodeId> attributes;
};

class TreeCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetaStoreOptions options;
    options.directory = folder_ / "drive";
    options.boot_id = "boot";
    auto opened = MetaStore::open(options, system_disk(), clock_);
    ASSERT_TRUE(opened);
    meta_ = std::move(*opened);
    make_cache({});
  }

  void make_cache(TreeCacheOptions options) {
    cache_ = std::make_unique<TreeCache>(*meta_, flaky_, health_, clock_, metrics_, std::move(options));
    cache_->set_observer(&recorder_);
  }

  Status refresh(InodeId folder = kRootInode) {
    return blocking<void>([&](auto done) { cache_->refresh(folder, std::move(done)); });
  }
  Status load_tree(InodeId folder = kRootInode) {
    return blocking<void>([&](auto done) { cache_->load_tree(folder, std::move(done)); });
  }
  void refresh_all_again() {
    cache_->expire_all();
    ASSERT_TRUE(refresh());
  }

  std::optional<MetaRecord> record(const std::string& path) {
    auto entry = meta_->resolve(path);
    EXPECT_TRUE(entry);
    return entry && *entry ? std::optional((*entry)->record) : std::nullopt;
  }
  InodeId ino(const std::string& path) {
    const auto r = record(path);
    return r ? r->ino : InodeId{};
  }
  std::vector<std::string> names(const std::string& path) {
    std::vector<std::string> out;
    EXPECT_TRUE(meta_->list(ino(path), "", [&](std::string_view name, const MetaRecord&) {
      out.emplace_back(name);
      return true;
    }));
    return out;
  }
  // Changes the record at `path` as this mount would.
  void change(const std::string& path, const std::function<void(MetaRecord&)>& what) {
    ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) -> Status {
      CD_TRY(auto entry, w.resolve_raw(path));
      what(entry->record);
      return w.put(entry->parent, entry->name, entry->record);
    }));
  }
  void put_local(InodeId parent, const std::string& name, const std::function<void(MetaRecord&)>& what) {
    ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) -> Status {
      MetaRecord r;
      r.ino = w.new_inode();
      what(r);
      return w.put(parent, name, r);
    }));
  }
  std::size_t lists() const { return flaky_.calls({Verb::list, ""}); }

  TempFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  StoreHealth health_{clock_};
  Recorder recorder_;
  std::unique_ptr<MetaStore> meta_;
  MemoryStore bucket_{inline_options(), clock_};
  FlakyStore flaky_{bucket_};
  std::unique_ptr<TreeCache> cache_;
};

// ---- how many LISTs

TEST_F(TreeCacheTest, ASmallTreeCostsOneListInAll) {
  for (int i = 0; i < 40; ++i)
    bucket_.put_object("Drums/Kit " + std::to_string(i % 7) + "/hit " + std::to_string(i) + ".wav", "x");
  bucket_.put_object("readme.txt", "hello");
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::unknown);
  ASSERT_TRUE(refresh());
  EXPECT_EQ(lists(), 1u);
  EXPECT_THAT(names(""), ElementsAre("Drums", "readme.txt"));
  EXPECT_EQ(names("Drums").size(), 7u);
  for (const char* path : {"", "Drums", "Drums/Kit 3"})
    EXPECT_EQ(cache_->freshness(ino(path)), Freshness::fresh) << path;
  EXPECT_EQ(record("readme.txt")->attr.size, 5u);
  ASSERT_TRUE(load_tree());
  EXPECT_EQ(lists(), 1u);
}

TEST_F(TreeCacheTest, AFlatFolderOfManyKeysIsListedOnce) {
  for (int i = 0; i < 2500; ++i) bucket_.put_object("f" + std::to_string(10000 + i), "x");
  ASSERT_TRUE(refresh());
  EXPECT_EQ(lists(), 3u);
  EXPECT_EQ(names("").size(), 2500u);
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::fresh);
}

TEST_F(TreeCacheTest, ABigTreeIsListedFolderByFolderWithADelimiter) {
  for (int f = 0; f < 5; ++f)
    for (int i = 0; i < 500; ++i) bucket_.put_object("d" + std::to_string(f) + "/" + std::to_string(i), "x");
  ASSERT_TRUE(refresh());
  EXPECT_EQ(lists(), 2u);
  EXPECT_THAT(names(""), ElementsAre("d0", "d1", "d2", "d3", "d4"));
  EXPECT_EQ(cache_->freshness(ino("d4")), Freshness::unknown);
  ASSERT_TRUE(refresh(ino("d4")));
  EXPECT_EQ(lists(), 3u);
  EXPECT_EQ(names("d4").size(), 500u);
}

TEST_F(TreeCacheTest, LoadTreeCostsOneListAThousandKeys) {
  for (int i = 0; i < 2001; ++i) bucket_.put_object("d" + std::to_string(i % 50) + "/" + std::to_string(i), "x");
  ASSERT_TRUE(load_tree());
  EXPECT_EQ(lists(), 3u);
  EXPECT_EQ(meta_->totals().entries, 2051u);
  EXPECT_EQ(cache_->freshness(ino("d49")), Freshness::fresh);
  ASSERT_TRUE(load_tree(ino("d7")));
  EXPECT_EQ(lists(), 3u);
}

TEST_F(TreeCacheTest, ManyWhoAskShareOneList) {
  bucket_.put_object("a", "x");
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  int answered = 0;
  for (int i = 0; i < 10; ++i)
    cache_->refresh(kRootInode, [&](Status status) {
      EXPECT_TRUE(status);
      ++answered;
    });
  EXPECT_EQ(lists(), 1u);
  EXPECT_EQ(answered, 0);
  flaky_.release_held();
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(lists(), 1u);
}

// ---- listing ahead

class WalkTest : public TreeCacheTest {
 protected:
  // As `ls -lR` does: a folder, then what is in it. Counts the files.
  std::size_t walk(const std::string& path = "") {
    const InodeId at = ino_of(path);
    const Status known = cache_->freshness(at) == Freshness::fresh ? Status{} : refresh(at);
    EXPECT_TRUE(known) << path;
    std::size_t files = 0;
    std::vector<std::string> folders;
    EXPECT_TRUE(meta_->list(at, "", [&](std::string_view name, const MetaRecord& record) {
      if (record.is_directory())
        folders.push_back((path.empty() ? "" : path + "/") + std::string(name));
      else
        ++files;
      return true;
    }));
    for (const std::string& folder : folders) files += walk(folder);
    return files;
  }
  InodeId ino_of(const std::string& path) { return path.empty() ? kRootInode : ino(path); }
  void fill(int folders, int files) {
    for (int f = 0; f < folders; ++f)
      for (int i = 0; i < files; ++i) bucket_.put_object(folder_of(f) + std::to_string(i), "x");
  }
  static std::string folder_of(int f) { return "Pack " + std::to_string(10 + f / 10) + "/Kit " + std::to_string(f % 10) + "/"; }
};

TEST_F(WalkTest, CostsOneListAThousandKeysAndFewMore) {
  fill(200, 50);
  EXPECT_EQ(walk(), 10'000u);
  EXPECT_LE(lists(), 15u);
  const std::size_t before = lists();
  cache_->expire_all();
  EXPECT_EQ(walk(), 10'000u);
  EXPECT_LE(lists() - before, 15u);
}

TEST_F(WalkTest, OfFoldersOfManyFilesIsNoDearer) {
  fill(20, 1500);
  EXPECT_EQ(walk(), 30'000u);
  EXPECT_LE(lists(), 30u + 5u);
}

TEST_F(WalkTest, OneFolderAloneIsListedAlone) {
  fill(200, 50);
  ASSERT_TRUE(refresh());
  const std::size_t before = lists();
  ASSERT_TRUE(refresh(ino("Pack 25")));
  EXPECT_EQ(lists() - before, 1u);
  EXPECT_EQ(cache_->freshness(ino("Pack 26")), Freshness::unknown);
}

TEST_F(WalkTest, SeesWhatChangedSinceTheLastOne) {
  fill(60, 50);
  EXPECT_EQ(walk(), 3000u);
  bucket_.put_object(folder_of(33) + "new", "x");
  bucket_.put_object(folder_of(45) + "7", "another");
  bucket_.remove_object(folder_of(50) + "9");
  for (int i = 0; i < 50; ++i) bucket_.remove_object(folder_of(20) + std::to_string(i));
  for (int f = 30; f < 40; ++f)
    for (int i = 0; i < 50; ++i)
      if (f != 33) bucket_.remove_object(folder_of(f) + std::to_string(i));
  cache_->expire_all();
  EXPECT_EQ(walk(), 3000u + 1 - 1 - 50 - 9 * 50);
  EXPECT_THAT(names("Pack 13"), ElementsAre("Kit 3"));
  EXPECT_FALSE(record("Pack 12/Kit 0"));
  EXPECT_EQ(record(folder_of(45) + "7")->attr.size, 7u);
}

TEST_F(WalkTest, WhoAsksForAFolderThatFollowsWaitsForThePageThatShowsIt) {
  fill(60, 50);
  for (const char* path : {"", "Pack 12", "Pack 13"}) ASSERT_TRUE(refresh(ino_of(path)));
  const std::size_t before = lists();
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  int answered = 0;
  for (const char* path : {"Pack 14", "Pack 15"})
    cache_->refresh(ino(path), [&](Status status) {
      EXPECT_TRUE(status);
      ++answered;
    });
  EXPECT_EQ(lists() - before, 1u);
  EXPECT_EQ(answered, 0);
  flaky_.release_held();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(cache_->freshness(ino("Pack 15/Kit 3")), Freshness::fresh);
  EXPECT_EQ(lists() - before, 1u);
}

TEST_F(WalkTest, WhatFollowsIsSpareThatAFailureTakesNothingFrom) {
  fill(60, 50);
  EXPECT_EQ(walk(), 3000u);
  cache_->expire_all();
  for (const char* path : {"", "Pack 12", "Pack 13"}) ASSERT_TRUE(refresh(ino_of(path)));
  flaky_.add({.on = {Verb::list, ""}, .error = {Code::unreachable, "gone"}});
  EXPECT_FALSE(refresh(ino("Pack 14")));
  flaky_.clear();
  EXPECT_EQ(walk(), 3000u);
}

TEST_F(WalkTest, AFolderRenamedMeanwhileIsNotMadeAnew) {
  fill(60, 50);
  EXPECT_EQ(walk(), 3000u);
  cache_->expire_all();
  for (const char* path : {"", "Pack 12", "Pack 13"}) ASSERT_TRUE(refresh(ino_of(path)));
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  const InodeId fourteen = ino("Pack 14");
  bool answered = false;
  cache_->refresh(fourteen, [&](Status status) {
    EXPECT_TRUE(status);
    answered = true;
  });
  ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) { return w.move(kRootInode, "Pack 14", kRootInode, "Other"); }));
  for (int f = 40; f < 50; ++f)
    for (int i = 0; i < 50; ++i) {
      bucket_.remove_object(folder_of(f) + std::to_string(i));
      meta_->removed_keys().note(folder_of(f) + std::to_string(i));
      bucket_.put_object("Other" + folder_of(f).substr(7) + std::to_string(i), "x");
    }
  flaky_.release_held();
  flaky_.clear();
  flaky_.release_held();
  ASSERT_TRUE(answered);
  EXPECT_FALSE(record("Pack 14"));
  EXPECT_EQ(ino("Other"), fourteen);
  EXPECT_EQ(walk(), 3000u);
}

TEST_F(WalkTest, ShowsWhatTheBucketHasWhateverThePagesAre) {
  std::mt19937 dice(20261121);
  const auto roll = [&](int sides) { return static_cast<int>(dice() % static_cast<unsigned>(sides)); };
  const auto random_key = [&] {
    std::string key;
    for (int depth = roll(4); depth > 0; --depth) key += std::string("abc"[roll(3)] + std::string(static_cast<std::size_t>(roll(2)), '.') + "/");
    return key + (roll(6) == 0 ? "" : std::string(1, "wxyz"[roll(4)]));
  };
  for (int round = 0; round < 60; ++round) {
    TreeCacheOptions options;
    options.list_keys_max = 1 + roll(12);
    make_cache(options);
    for (int change = roll(40); change > 0; --change) {
      const std::string key = random_key();
      if (key.empty()) continue;
      if (roll(3) == 0)
        bucket_.remove_object(key);
      else
        bucket_.put_object(key, key.ends_with('/') ? "" : std::to_string(roll(3)));
    }
    clock_.advance(std::chrono::hours(1));
    walk();
    std::map<std::string, std::uint64_t> expected, seen;
    for (const std::string& key : bucket_.keys()) {
      for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) expected[key.substr(0, slash)] = 0;
      if (!key.ends_with('/')) expected[key] = bucket_.head_of(key)->info.size;
    }
    std::vector<std::string> folders{""};
    while (!folders.empty()) {
      const std::string folder = folders.back();
      folders.pop_back();
      EXPECT_EQ(cache_->freshness(ino_of(folder)), Freshness::fresh) << folder;
      ASSERT_TRUE(meta_->list(ino_of(folder), "", [&](std::string_view name, const MetaRecord& record) {
        const std::string path = (folder.empty() ? "" : folder + "/") + std::string(name);
        seen[path] = record.attr.size;
        if (record.is_directory()) folders.push_back(path);
        return true;
      }));
    }
    ASSERT_EQ(seen, expected) << "round " << round << ", " << options.list_keys_max << " keys a page";
  }
}

// ---- freshness

TEST_F(TreeCacheTest, AFolderIsFreshForItsTimeAndStaleAfter) {
  ASSERT_TRUE(refresh());
  EXPECT_EQ(cache_->fresh_for(kRootInode), Millis(60'000));
  clock_.advance(std::chrono::seconds(59));
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::fresh);
  EXPECT_EQ(cache_->fresh_for(kRootInode), Millis(1'000));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::stale);
  EXPECT_EQ(cache_->fresh_for(kRootInode), Millis(0));
}

TEST_F(TreeCacheTest, WhatWasExpiredIsStaleUntilItIsListedAgain) {
  bucket_.put_object("d/a", "x");
  ASSERT_TRUE(refresh());
  cache_->expire(ino("d"));
  EXPECT_EQ(cache_->freshness(ino("d")), Freshness::stale);
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::fresh);
  cache_->expire_all();
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::stale);
  ASSERT_TRUE(refresh());
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::fresh);
  EXPECT_EQ(cache_->freshness(ino("d")), Freshness::fresh);
}

TEST_F(TreeCacheTest, ALocalFolderIsAlwaysFreshAndNeverListed) {
  put_local(kRootInode, "inbox", [](MetaRecord& r) {
    r.attr.type = NodeType::directory;
    r.local_only = true;
  });
  EXPECT_EQ(cache_->freshness(ino("inbox")), Freshness::fresh);
  ASSERT_TRUE(refresh(ino("inbox")));
  EXPECT_EQ(lists(), 0u);
}

// ---- merging

TEST_F(TreeCacheTest, AChangedFileGetsANewInodeAndTheOldOneIsGone) {
  bucket_.put_object("a", "one");
  ASSERT_TRUE(refresh());
  const InodeId before = ino("a");
  bucket_.put_object("a", "three");
  refresh_all_again();
  EXPECT_NE(ino("a"), before);
  EXPECT_EQ(record("a")->attr.size, 5u);
  EXPECT_FALSE(meta_->entry(before).value().has_value());
  EXPECT_THAT(recorder_.names, ElementsAre("a!"));
}

TEST_F(TreeCacheTest, AnUnchangedFileKeepsInodeExactAttributesAndCacheId) {
  bucket_.put_object("a", "one");
  ASSERT_TRUE(refresh());
  change("a", [](MetaRecord& r) {
    r.exact = true;
    r.attr.mode = 0600;
    r.attr.mtime_ns = 77;
    r.remote->cache_id = {1, 2};
  });
  const auto before = record("a");
  refresh_all_again();
  EXPECT_EQ(record("a")->ino, before->ino);
  EXPECT_EQ(record("a")->attr, before->attr);
  EXPECT_EQ(record("a")->remote, before->remote);
  EXPECT_THAT(recorder_.names, IsEmpty());
}

TEST_F(TreeCacheTest, AFileThatIsGoneIsErasedAndAFolderWithItsLastKey) {
  bucket_.put_object("a", "x");
  bucket_.put_object("d/e/f", "x");
  bucket_.put_object("keep/", "");
  ASSERT_TRUE(refresh());
  EXPECT_TRUE(record("keep")->marker);
  EXPECT_FALSE(record("d")->marker);
  bucket_.remove_object("a");
  bucket_.remove_object("d/e/f");
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("keep"));
  EXPECT_THAT(recorder_.names, ::testing::UnorderedElementsAre("a!", "d!", "e!", "f!"));
  EXPECT_EQ(meta_->totals().entries, 1u);
}

TEST_F(TreeCacheTest, AFolderThatIsGoneDisappearsWhenItIsListedItself) {
  bucket_.put_object("d/f", "x");
  ASSERT_TRUE(refresh());
  bucket_.remove_object("d/f");
  ASSERT_TRUE(refresh(ino("d")));
  EXPECT_THAT(names(""), IsEmpty());
}

TEST_F(TreeCacheTest, AFolderGoneFromABigTreeTakesAllBelowItAlong) {
  for (int i = 0; i < 1200; ++i) bucket_.put_object("big/" + std::to_string(i), "x");
  bucket_.put_object("old/deep/a", "x");
  bucket_.put_object("old/b", "x");
  ASSERT_TRUE(load_tree());
  bucket_.remove_object("old/deep/a");
  bucket_.remove_object("old/b");
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("big"));
  EXPECT_EQ(meta_->totals().entries, 1201u);
}

TEST_F(TreeCacheTest, AMarkerThatIsGoneIsNoticedAndItsFolderStaysWhileItHasKeys) {
  bucket_.put_object("d/", "");
  bucket_.put_object("d/a", "x");
  ASSERT_TRUE(refresh());
  EXPECT_TRUE(record("d")->marker);
  EXPECT_THAT(names("d"), ElementsAre("a"));
  bucket_.remove_object("d/");
  refresh_all_again();
  EXPECT_FALSE(record("d")->marker);
  bucket_.put_object("d/", "");
  ASSERT_TRUE(refresh(ino("d")));
  EXPECT_TRUE(record("d")->marker);
}

TEST_F(TreeCacheTest, PendingWhiteoutStagedAndLocalRecordsAreNotTouched) {
  bucket_.put_object("removed here", "x");
  bucket_.put_object("written here", "x");
  bucket_.put_object("folder removed here/a", "x");
  ASSERT_TRUE(refresh());
  change("removed here", [](MetaRecord& r) { r.whiteout = r.pending = true; });
  change("written here", [](MetaRecord& r) { r.pending = true; r.attr.size = 99; });
  change("folder removed here/a", [](MetaRecord& r) { r.whiteout = r.pending = true; });
  change("folder removed here", [](MetaRecord& r) { r.whiteout = r.pending = true; });
  put_local(kRootInode, "new here", [](MetaRecord& r) { r.pending = true; });
  put_local(kRootInode, "made here", [](MetaRecord& r) {
    r.attr.type = NodeType::directory;
    r.pending = true;
  });
  bucket_.put_object("written here", "other bytes");
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("made here", "new here", "written here"));
  EXPECT_EQ(record("written here")->attr.size, 99u);
  EXPECT_TRUE(meta_->lookup_raw(kRootInode, "removed here").value()->whiteout);
  EXPECT_TRUE(meta_->lookup_raw(kRootInode, "folder removed here").value()->whiteout);
}

TEST_F(TreeCacheTest, WhatChangedAfterTheListBeganIsNotUndone) {
  bucket_.put_object("a", "x");
  bucket_.put_object("b", "x");
  ASSERT_TRUE(refresh());
  cache_->expire_all();
  bucket_.put_object("a", "changed in the bucket");
  bucket_.remove_object("b");
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  std::optional<Status> answer;
  cache_->refresh(kRootInode, [&](Status status) { answer = status; });
  const InodeId a = ino("a");
  change("a", [](MetaRecord& r) { r.attr.mode = 0400; });
  change("b", [](MetaRecord& r) { r.attr.mode = 0400; });
  put_local(kRootInode, "c", [](MetaRecord&) {});
  flaky_.release_held();
  ASSERT_TRUE(answer && *answer);
  EXPECT_THAT(names(""), ElementsAre("a", "b", "c"));
  EXPECT_EQ(ino("a"), a);
  flaky_.clear();
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("a"));
  EXPECT_NE(ino("a"), a);
}

TEST_F(TreeCacheTest, WhatWasRemovedWhileItWasListedStaysAway) {
  for (const char* key : {"gone", "gone folder/x", "kit", "kit/x", "stays"}) bucket_.put_object(key, "x");
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  for (const int flat_pages : {4, 0}) {
    SCOPED_TRACE(flat_pages);
    TreeCacheOptions options;
    options.flat_pages_max = flat_pages;
    make_cache(options);
    std::optional<Status> answer;
    cache_->refresh(kRootInode, [&](Status status) { answer = status; });
    for (const char* key : {"gone", "gone folder/x", "kit"}) meta_->removed_keys().note(key);
    flaky_.release_held();
    ASSERT_TRUE(answer && *answer);
    EXPECT_THAT(names(""), ElementsAre("kit", "stays"));
    answer.reset();
  }
  EXPECT_EQ(meta_->removed_keys().size(), 0U);
  flaky_.clear();
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("%2Fkit", "gone", "gone folder", "kit", "stays")) << "later LISTs are believed";
}

TEST_F(TreeCacheTest, AFolderStaysWhenOneOfItsFilesGoesWhileItsFolderIsListed) {
  for (const char* key : {"kit/goes", "kit/stays"}) bucket_.put_object(key, "x");
  for (const int flat_pages : {4, 0}) {
    SCOPED_TRACE(flat_pages);
    TreeCacheOptions options;
    options.flat_pages_max = flat_pages;
    make_cache(options);
    ASSERT_TRUE(load_tree());
    cache_->expire_all();
    const InodeId stays = ino("kit/stays");
    flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
    std::optional<Status> answer;
    cache_->refresh(kRootInode, [&](Status status) { answer = status; });
    meta_->removed_keys().note("kit/goes");
    flaky_.release_held();
    ASSERT_TRUE(answer && *answer);
    EXPECT_THAT(names(""), ElementsAre("kit"));
    EXPECT_EQ(ino("kit/stays"), stays);
    flaky_.clear();
  }
}

TEST_F(TreeCacheTest, AFolderThatIsRenamedWhileItIsListedIsListedUnderItsNewName) {
  bucket_.put_object("old/x", "x");
  ASSERT_TRUE(refresh());
  const InodeId folder = ino("old");
  cache_->expire_all();
  bucket_.put_object("old/stranger", "x");
  bucket_.put_object("new/x", "x");
  flaky_.add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  std::optional<Status> answer;
  cache_->refresh(folder, [&](Status status) { answer = status; });
  ASSERT_TRUE(meta_->write([](MetaStore::Writer& w) { return w.move(kRootInode, "old", kRootInode, "new"); }));
  const std::size_t before = lists();
  flaky_.release_held();
  flaky_.release_held();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ(lists(), before + 1);
  EXPECT_EQ(ino("new"), folder);
  EXPECT_THAT(names("new"), ElementsAre("x"));
}

TEST_F(TreeCacheTest, AListThatFailsHalfWayTakesNothingAwayAndIsNotComplete) {
  for (int i = 0; i < 1500; ++i) bucket_.put_object("f" + std::to_string(10000 + i), "x");
  ASSERT_TRUE(refresh());
  cache_->expire_all();
  bucket_.remove_object("f10001");
  bucket_.remove_object("f11400");
  flaky_.add({.on = {Verb::list, ""}, .error = {Code::unreachable, "gone"}, .nth = 2});
  const Status status = refresh();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::unreachable);
  EXPECT_EQ(names("").size(), 1500u);
  EXPECT_EQ(cache_->freshness(kRootInode), Freshness::stale);
  flaky_.clear();
  ASSERT_TRUE(refresh());
  EXPECT_EQ(names("").size(), 1498u);
}

TEST_F(TreeCacheTest, NewNamesAreToldOnlyWhereSomebodyMayHaveMissedThem) {
  bucket_.put_object("a", "x");
  ASSERT_TRUE(refresh());
  EXPECT_THAT(recorder_.names, IsEmpty());
  bucket_.put_object("b", "x");
  bucket_.put_object("d/c", "x");
  refresh_all_again();
  EXPECT_THAT(recorder_.names, ElementsAre("b", "d"));
}

TEST_F(TreeCacheTest, WithTheStoreAwayTheTreeStaysAsItWas) {
  bucket_.put_object("a", "x");
  ASSERT_TRUE(refresh());
  flaky_.set_down(true);
  cache_->expire_all();
  EXPECT_EQ(refresh().error().code, Code::unreachable);
  EXPECT_THAT(names(""), ElementsAre("a"));
  health_.set_offline(true);
  flaky_.set_down(false);
  EXPECT_EQ(refresh().error().code, Code::unreachable);
  EXPECT_EQ(lists(), 2u);
}

TEST_F(TreeCacheTest, ReservedNamesAtTheRootAreSkipped) {
  bucket_.put_object("inbox/a", "x");
  bucket_.put_object(".cratedrive/batches/1.json", "x");
  bucket_.put_object("d/inbox/a", "x");
  ASSERT_TRUE(refresh());
  EXPECT_THAT(names(""), ElementsAre("d"));
  EXPECT_THAT(names("d"), ElementsAre("inbox"));
}

// ---- odd keys

TEST_F(TreeCacheTest, OddKeysAreShownUnderEscapedNamesThatGiveTheKeyBack) {
  const std::vector<std::string> keys{"a//b", "d/../e", "d/./f", "g/\xff\xfe", "%2Fplain", "h/", "/lead"};
  for (const std::string& key : keys) bucket_.put_object(key, key == "h/" ? "bytes in a marker" : "x");
  bucket_.put_object("long/" + std::string(300, 'n'), "x");
  bucket_.put_object("long/ok", "x");
  ASSERT_TRUE(refresh());
  std::vector<std::string> shown;
  std::vector<std::string> folders{""};
  while (!folders.empty()) {
    const std::string path = folders.back();
    folders.pop_back();
    for (const std::string& name : names(path)) {
      const std::string below = path.empty() ? name : path + "/" + name;
      const auto r = record(below);
      ASSERT_TRUE(r);
      if (r->is_directory()) {
        folders.push_back(below);
      } else {
        EXPECT_EQ(key_of_path(below, false), r->remote->key);
        shown.push_back(r->remote->key);
      }
    }
  }
  std::vector<std::string> expected = keys;
  expected.push_back("long/ok");
  EXPECT_THAT(shown, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(cache_->stats().hidden_keys, 1u);
  EXPECT_GT(cache_->stats().odd_keys, 0u);
}

TEST_F(TreeCacheTest, AKeyThatIsAlsoAFolderIsShownBesideIt) {
  bucket_.put_object("a", "file");
  bucket_.put_object("a-b", "x");
  bucket_.put_object("a/c", "x");
  ASSERT_TRUE(refresh());
  EXPECT_THAT(names(""), ElementsAre("%2Fa", "a", "a-b"));
  EXPECT_THAT(names("a"), ElementsAre("c"));
  EXPECT_EQ(record("%2Fa")->remote->key, "a");
  EXPECT_EQ(key_of_path("%2Fa", false), "a");
  const InodeId twin = ino("%2Fa");
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("%2Fa", "a", "a-b"));
  EXPECT_EQ(ino("%2Fa"), twin);
  bucket_.remove_object("a/c");
  refresh_all_again();
  refresh_all_again();
  EXPECT_THAT(names(""), ElementsAre("a", "a-b"));
}

// ---- exact attributes

TEST_F(TreeCacheTest, AHeadFillsInWhatListDoesNotSay) {
  bucket_.put_object("a", "x", {{"mode", std::to_string(S_IFREG | 0600)}, {"uid", "12"}, {"gid", "34"},
                                {"mtime", "1500000000.123456789"}, {"bpm", "92"}}, "audio/wav");
  ASSERT_TRUE(refresh());
  EXPECT_EQ(record("a")->attr.mode, 0644u);
  const auto got = blocking<MetaRecord>([&](auto done) { cache_->fill_exact(ino("a"), std::move(done)); });
  ASSERT_TRUE(got);
  EXPECT_EQ(got->attr.mode, 0600u);
  EXPECT_EQ(got->attr.uid, 12u);
  EXPECT_EQ(got->attr.gid, 34u);
  EXPECT_EQ(got->attr.mtime_ns, 1500000000123456789);
  EXPECT_EQ(got->metadata, (Metadata{{"bpm", "92"}}));
  EXPECT_EQ(got->content_type, "audio/wav");
  EXPECT_THAT(recorder_.attributes, ElementsAre(got->ino));
  EXPECT_EQ(record("a")->attr, got->attr);
  EXPECT_TRUE(blocking<MetaRecord>([&](auto done) { cache_->fill_exact(ino("a"), std::move(done)); }));
  EXPECT_EQ(cache_->stats().heads, 1u);
}

TEST_F(TreeCacheTest, ASymlinkOfAnotherMountShowsItsTargetUnderANewInode) {
  bucket_.put_object("link", "../target", {{"mode", std::to_string(S_IFLNK | 0777)}});
  ASSERT_TRUE(refresh());
  const InodeId before = ino("link");
  const auto got = blocking<MetaRecord>([&](auto done) { cache_->fill_exact(before, std::move(done)); });
  ASSERT_TRUE(got);
  EXPECT_EQ(got->attr.type, NodeType::symlink);
  EXPECT_EQ(got->target, "../target");
  EXPECT_NE(got->ino, before);
  refresh_all_again();
  EXPECT_EQ(record("link")->attr.type, NodeType::symlink);
  EXPECT_EQ(ino("link"), got->ino);
}

TEST_F(TreeCacheTest, AHeadThatMeetsAnotherVersionGivesANewInodeAndAMissingObjectIsErased) {
  bucket_.put_object("a", "one");
  bucket_.put_object("b", "one");
  ASSERT_TRUE(refresh());
  const InodeId before = ino("a");
  bucket_.put_object("a", "longer");
  bucket_.remove_object("b");
  const auto got = blocking<MetaRecord>([&](auto done) { cache_->fill_exact(before, std::move(done)); });
  ASSERT_TRUE(got);
  EXPECT_NE(got->ino, before);
  EXPECT_EQ(got->attr.size, 6u);
  const auto gone = blocking<MetaRecord>([&](auto done) { cache_->fill_exact(ino("b"), std::move(done)); });
  EXPECT_EQ(gone.error().code, Code::not_found);
  EXPECT_THAT(names(""), ElementsAre("a"));
  EXPECT_THAT(recorder_.names, ElementsAre("a!", "b!"));
}

TEST_F(TreeCacheTest, AHeadDoesNotUndoAChangeMadeMeanwhile) {
  bucket_.put_object("a", "one");
  ASSERT_TRUE(refresh());
  flaky_.add({.on = {Verb::head, ""}, .kind = FaultKind::hold});
  int answered = 0;
  for (int i = 0; i < 2; ++i) {
    cache_->fill_exact(ino("a"), [&](Result<MetaRecord> r) {
      ASSERT_TRUE(r);
      EXPECT_EQ(r->attr.mode, 0400u);
      ++answered;
    });
  }
  change("a", [](MetaRecord& r) { r.pending = true; r.attr.mode = 0400; });
  flaky_.release_held();
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(cache_->stats().heads, 1u);
}

TEST_F(TreeCacheTest, TheDestructorEndsWhatIsUnderWay) {
  bucket_.put_object("a", "one");
  ASSERT_TRUE(refresh());
  flaky_.add({.on = {Verb::any, ""}, .kind = FaultKind::hold});
  int cancelled = 0;
  cache_->expire_all();
  cache_->refresh(kRootInode, [&](Status s) { cancelled += s.error().code == Code::cancelled ? 1 : 0; });
  cache_->fill_exact(ino("a"), [&](Result<MetaRecord> r) { cancelled += r.error().code == Code::cancelled ? 1 : 0; });
  EXPECT_EQ(flaky_.held(), 2u);
  cache_.reset();
  EXPECT_EQ(cancelled, 2);
}

// ---- attributes as metadata

TEST(ObjectAttributesTest, WhatIsWrittenIsReadBack) {
  MetaRecord r;
  r.attr.mode = 04755;
  r.attr.uid = 1000;
  r.attr.gid = 100;
  r.attr.mtime_ns = 1'700'000'000'000'000'001;
  r.metadata = {{"bpm", "174.00"}};
  r.xattrs = {{"user.comment", "grüße"}, {"user.raw", std::string("\0\1\xff", 3)}, {"user.empty", ""}};
  const Metadata m = metadata_of(r);
  EXPECT_EQ(m.at("mtime"), "1700000000.000000001");
  EXPECT_EQ(m.at("mode"), std::to_string(S_IFREG | 04755));
  ObjectHead head;
  head.metadata = m;
  MetaRecord back;
  apply_metadata(head, back);
  EXPECT_TRUE(back.exact);
  EXPECT_EQ(back.attr.mode, r.attr.mode);
  EXPECT_EQ(back.attr.uid, r.attr.uid);
  EXPECT_EQ(back.attr.gid, r.attr.gid);
  EXPECT_EQ(back.attr.mtime_ns, r.attr.mtime_ns);
  EXPECT_EQ(back.metadata, r.metadata);
  EXPECT_EQ(back.xattrs, r.xattrs);
}

TEST(ObjectAttributesTest, TimesBeforeTheEpochAndWithoutFractionAreRead) {
  for (const auto& [text, ns] : std::vector<std::pair<std::string, std::int64_t>>{
           {"-1.500000000", -1'500'000'000}, {"12", 12'000'000'000}, {"12.5", 12'500'000'000}}) {
    ObjectHead head;
    head.metadata = {{"mtime", text}};
    MetaRecord r;
    apply_metadata(head, r);
    EXPECT_EQ(r.attr.mtime_ns, ns) << text;
  }
  MetaRecord old;
  old.attr.mtime_ns = -1'500'000'000;
  EXPECT_EQ(metadata_of(old).at("mtime"), "-1.500000000");
}

TEST(ObjectAttributesTest, MalformedValuesAreIgnored) {
  ObjectHead head;
  head.info.modified_ns = 5;
  head.metadata = {{"mtime", "yesterday"}, {"mode", "rw-"}, {"uid", "-1"}, {"xattr", "%7Bnot json"}};
  MetaRecord r;
  r.attr.mode = 0644;
  r.attr.uid = 7;
  apply_metadata(head, r);
  EXPECT_EQ(r.attr.mtime_ns, 5);
  EXPECT_EQ(r.attr.mode, 0644u);
  EXPECT_EQ(r.attr.uid, 7u);
  EXPECT_TRUE(r.xattrs.empty());
}

}  // namespace
}  // namespace cd
