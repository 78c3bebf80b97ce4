#include "cache/block_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cache/block_index.h"
#include "cache/lmdb.h"
#include "remote/blocking.h"
#include "tests/cache/full_disk.h"
#include "tests/cache/temp_folder.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd {
namespace {

using ::cd::testing::FaultKind;
using ::cd::testing::FlakyStore;
using ::cd::testing::MemoryStore;
using ::cd::testing::Verb;

constexpr std::uint32_t kBlock = 128u << 10;

std::string noise(std::size_t size, std::uint32_t seed = 1) {
  std::string out(size, '\0');
  for (char& c : out) {
    seed = seed * 1664525u + 1013904223u;
    c = static_cast<char>(seed >> 24);
  }
  return out;
}

class BlockCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MetaStoreOptions options;
    options.directory = folder_ / "drive";
    options.boot_id = "boot";
    auto opened = MetaStore::open(options, system_disk(), clock_);
    ASSERT_TRUE(opened);
    meta_ = std::move(*opened);
    options_.directory = folder_ / "drive/blocks";
    options_.block_bytes = kBlock;
    options_.small_bytes = 64u << 10;
    options_.memory_bytes = 16 * kBlock;
    options_.read_ahead_bytes_max = 0;
    make_cache();
  }

  void make_cache() {
    cache_.reset();
    ASSERT_TRUE(options_.validate());
    cache_ = std::make_unique<BlockCache>(*meta_, flaky_, disk_, clock_, metrics_, options_);
  }

  // An object in the bucket, and the version that an open file would be pinned to.
  RemoteVersion put(const std::string& key, const std::string& bytes) {
    const std::string etag = bucket_.put_object(key, bytes);
    return {key, etag, bytes.size(), RemoteVersion::make_cache_id(key, etag, bytes.size())};
  }

  Result<SharedBytes> read(const RemoteVersion& v, std::uint64_t offset, std::size_t length,
                           ReadStream* stream = nullptr) {
    return blocking<SharedBytes>([&](auto done) { cache_->read(v, offset, length, {}, stream, std::move(done)); });
  }
  void expect_read(const RemoteVersion& v, const std::string& bytes, std::uint64_t offset, std::size_t length) {
    const auto got = read(v, offset, length);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(**got == bytes.substr(offset, length));
  }
  std::optional<std::string> read_local(const RemoteVersion& v, std::uint64_t offset, std::size_t length) {
    std::string out(length, '?');
    const auto got = cache_->read_local(v, offset, out.data(), length);
    if (!got) return std::nullopt;
    out.resize(*got);
    return out;
  }
  // Blocks get to the disk on thread `evict`; a new cache has nothing in memory.
  void wait_kept(const RemoteVersion& v) { wait_kept_bytes(v, v.size); }
  void wait_kept_bytes(const RemoteVersion& v, std::uint64_t bytes) {
    const BlockIndex index(meta_->lmdb());
    while (index.bytes_of_version(v.cache_id) < bytes) std::this_thread::yield();
  }
  // Stored, read whole, and on disk.
  RemoteVersion put_and_keep(const std::string& key, const std::string& bytes) {
    const RemoteVersion v = put(key, bytes);
    expect_read(v, bytes, 0, bytes.size());
    wait_kept(v);
    return v;
  }
  void wait_all_kept() {
    while (cache_->stats().waiting > 0) std::this_thread::yield();
  }
  std::vector<std::string> block_files() const {
    std::vector<std::string> out;
    if (!std::filesystem::exists(options_.directory)) return out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.directory))
      if (entry.is_regular_file()) out.push_back(entry.path());
    return out;
  }
  std::size_t gets() const { return flaky_.calls({Verb::get, ""}); }

  TempFolder folder_;
  ManualClock clock_;
  MetricRegistry metrics_;
  FullDisk disk_;
  std::unique_ptr<MetaStore> meta_;
  MemoryStore bucket_;
  FlakyStore flaky_{bucket_};
  BlockCacheOptions options_;
  std::unique_ptr<BlockCache> cache_;
};

TEST_F(BlockCacheTest, EveryRangeOfAnObjectIsReadRight) {
  const std::string bytes = noise(5 * kBlock + 777);
  const RemoteVersion v = put("a", bytes);
  const std::vector<std::pair<std::uint64_t, std::size_t>> ranges{
      {0, 1},           {0, kBlock},     {kBlock - 1, 2},        {5 * kBlock, 777}, {3, 3 * kBlock},
      {65536, 65536},   {65535, 65538},  {0, bytes.size()},      {4 * kBlock + 1, kBlock + 776}};
  for (const auto& [offset, length] : ranges) expect_read(v, bytes, offset, length);
  wait_kept(v);
  make_cache();
  const std::size_t before = gets();
  for (const auto& [offset, length] : ranges) {
    expect_read(v, bytes, offset, length);
    EXPECT_TRUE(read_local(v, offset, length) == bytes.substr(offset, length));
  }
  EXPECT_EQ(gets(), before);
  EXPECT_EQ(cache_->cached_bytes(v), v.size);
}

TEST_F(BlockCacheTest, AReadBeyondTheEndIsShort) {
  const RemoteVersion v = put("a", "hello");
  EXPECT_EQ(**read(v, 3, 100), "lo");
  EXPECT_EQ(**read(v, 5, 1), "");
  EXPECT_EQ(**read(v, 500, 1), "");
  EXPECT_EQ(read_local(v, 5, 1), "");
  const RemoteVersion empty = put("e", "");
  EXPECT_EQ(**read(empty, 0, 10), "");
}

TEST_F(BlockCacheTest, NeighbouringMissingBlocksComeInOneRequest) {
  const std::string bytes = noise(10 * kBlock);
  const RemoteVersion v = put("a", bytes);
  expect_read(v, bytes, 0, bytes.size());
  EXPECT_EQ(gets(), 1u);
  const RemoteVersion w = put("b", bytes);
  expect_read(w, bytes, 3 * kBlock, kBlock);
  expect_read(w, bytes, 0, bytes.size());  // on both sides of what is here
  EXPECT_EQ(gets(), 4u);
}

TEST_F(BlockCacheTest, ManyReadersOfOneBlockCauseOneFetch) {
  const std::string bytes = noise(kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> right{0};
  for (std::size_t i = 0; i < 20; ++i)
    cache_->read(v, i * 100, 50, {}, nullptr, [&, i](Result<SharedBytes> got) {
      right += got && **got == bytes.substr(i * 100, 50) ? 1 : 0;
    });
  EXPECT_EQ(gets(), 1u);
  EXPECT_EQ(cache_->stats().waiting, 20u);
  flaky_.release_held();
  wait_all_kept();
  cache_.reset();
  EXPECT_EQ(right, 20);
  EXPECT_EQ(gets(), 1u);
}

TEST_F(BlockCacheTest, SmallObjectsLieInLmdbAndLargeOnesInPrivateFiles) {
  const std::string small = noise(1000);
  const RemoteVersion s = put("small", small);
  expect_read(s, small, 0, 1000);
  wait_kept(s);
  EXPECT_TRUE(block_files().empty());
  const std::string large = noise(kBlock + 5);
  const RemoteVersion l = put("large", large);
  expect_read(l, large, 0, large.size());
  wait_kept(l);
  ASSERT_EQ(block_files().size(), 2u);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(block_files()[0]).permissions(), perms::owner_read | perms::owner_write);
  make_cache();
  EXPECT_EQ(read_local(s, 0, 1000), small);
  EXPECT_EQ(read_local(l, 0, large.size()), large);
}

// S23 "is dropped and fetched again"
TEST_F(BlockCacheTest, ABlockFileThatWasDamagedIsFetchedAgain) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put_and_keep("a", bytes);
  make_cache();
  for (const std::string& path : block_files()) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(70'000);
    file.put('!');
  }
  EXPECT_TRUE(read_local(v, 0, 100).has_value());  // a chunk that is whole
  EXPECT_FALSE(read_local(v, 69'990, 20).has_value());
  expect_read(v, bytes, 0, bytes.size());
  EXPECT_EQ(cache_->stats().corrupt, 2u);
  wait_kept(v);
  make_cache();
  EXPECT_EQ(read_local(v, 0, bytes.size()), bytes);
}

TEST_F(BlockCacheTest, ABlockFileThatIsShortOrGoneIsFetchedAgain) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put_and_keep("a", bytes);
  make_cache();
  const auto files = block_files();
  ASSERT_EQ(files.size(), 2u);
  std::filesystem::resize_file(files[0], 10);
  std::filesystem::remove(files[1]);
  expect_read(v, bytes, 0, bytes.size());
}

TEST_F(BlockCacheTest, SmallBytesInLmdbThatWereDamagedAreFetchedAgain) {
  const std::string bytes = noise(5000);
  const RemoteVersion v = put_and_keep("a", bytes);
  make_cache();
  ASSERT_TRUE(meta_->lmdb().write([&](Lmdb::WriteTxn& txn) {
    std::string bad = bytes;
    bad[17] = static_cast<char>(bad[17] ^ 1);
    return txn.put(meta_->lmdb().table("small"), BlockKey{v.cache_id, 0}.bytes(), bad);
  }));
  EXPECT_FALSE(read_local(v, 0, 10).has_value());
  expect_read(v, bytes, 0, 5000);
  EXPECT_EQ(cache_->stats().corrupt, 1u);
}

TEST_F(BlockCacheTest, AnObjectThatWasReplacedIsStaleButWhatIsCachedStaysReadable) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put("a", bytes);
  expect_read(v, bytes, 0, 100);
  bucket_.put_object("a", noise(2 * kBlock, 7));
  expect_read(v, bytes, 100, 100);
  const auto got = read(v, kBlock, 100);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::stale);
  bucket_.remove_object("a");
  EXPECT_EQ(read(v, kBlock, 100).error().code, Code::not_found);
}

TEST_F(BlockCacheTest, BytesOfAnotherVersionAreNeverServed) {
  const std::string bytes = noise(kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::wrong_etag});
  EXPECT_EQ(read(v, 0, 10).error().code, Code::stale);
  flaky_.clear();
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::truncated_body});
  EXPECT_EQ(read(v, 0, 10).error().code, Code::io);
  flaky_.clear();
  expect_read(v, bytes, 0, 10);
}

TEST_F(BlockCacheTest, AnErrorReachesEveryReaderAndTheNextReadTriesAgain) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> failed{0};
  for (int i = 0; i < 3; ++i)
    cache_->read(v, 0, 2 * kBlock, {}, nullptr,
                 [&](Result<SharedBytes> got) { failed += !got && got.error().code == Code::unreachable ? 1 : 0; });
  flaky_.fail_held({Code::unreachable, "no network"});
  EXPECT_EQ(failed, 3);
  flaky_.clear();
  expect_read(v, bytes, 0, 2 * kBlock);
}

TEST_F(BlockCacheTest, TheDiskUseStaysBelowItsLimitAndTheLeastRecentlyUsedGoFirst) {
  options_.bytes_max = 8 * kBlock;
  make_cache();
  const std::string bytes = noise(4 * kBlock);
  const RemoteVersion first = put("first", bytes);
  const RemoteVersion second = put("second", bytes);
  expect_read(first, bytes, 0, bytes.size());
  wait_kept(first);
  expect_read(second, bytes, 0, bytes.size());
  wait_kept(second);
  make_cache();
  EXPECT_TRUE(read_local(first, 0, bytes.size()).has_value());  // used after the second
  const RemoteVersion third = put("third", bytes);
  expect_read(third, bytes, 0, bytes.size());
  wait_kept(third);
  EXPECT_LE(cache_->stats().bytes, options_.bytes_max);
  EXPECT_EQ(cache_->stats().evicted, 4u);
  make_cache();
  EXPECT_EQ(cache_->cached_bytes(first), first.size);
  EXPECT_EQ(cache_->cached_bytes(second), 0u);
  EXPECT_EQ(block_files().size(), 8u);
}

TEST_F(BlockCacheTest, AnObjectLargerThanTheCacheIsReadAllTheSame) {
  options_.bytes_max = 2 * kBlock;
  make_cache();
  const std::string bytes = noise(12 * kBlock);
  const RemoteVersion v = put("a", bytes);
  for (std::uint64_t at = 0; at < v.size; at += kBlock) expect_read(v, bytes, at, kBlock);
  expect_read(v, bytes, 0, bytes.size());
  EXPECT_LE(cache_->stats().bytes, options_.bytes_max);
}

TEST_F(BlockCacheTest, AFullDiskNeverFailsARead) {
  disk_.full = true;
  const std::string bytes = noise(6 * kBlock);
  const RemoteVersion v = put("a", bytes);
  for (int round = 0; round < 2; ++round)
    for (std::uint64_t at = 0; at < v.size; at += 5000) expect_read(v, bytes, at, 5000);
  // Not once per read: what was fetched stays in memory for a while.
  EXPECT_LE(gets(), 12u);
  while (cache_->stats().disk_trouble.empty()) std::this_thread::yield();
  while (!block_files().empty()) std::this_thread::yield();  // a block whose write failed is removed a moment later
  disk_.full = false;
  // With room again, what comes next is kept; what waited in a full queue meanwhile is not.
  for (int i = 0; !cache_->stats().disk_trouble.empty(); ++i)
    expect_read(put("b" + std::to_string(i), bytes), bytes, 0, kBlock);
  EXPECT_FALSE(block_files().empty());
}

TEST_F(BlockCacheTest, ADiskThatDoesNotReadNeverFailsARead) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put_and_keep("a", bytes);
  make_cache();
  disk_.unreadable = true;
  expect_read(v, bytes, 0, bytes.size());
}

// S25 "Deleting the cache folder costs time, never data."
TEST_F(BlockCacheTest, DeletingTheCacheFolderUnderWayCostsTimeOnly) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion v = put_and_keep("a", bytes);
  make_cache();
  std::filesystem::remove_all(folder_ / "drive");
  expect_read(v, bytes, 0, bytes.size());
  const RemoteVersion w = put("b", bytes);
  expect_read(w, bytes, 0, bytes.size());
}

TEST_F(BlockCacheTest, MemoryIsBoundedWithAThousandReaders) {
  const std::string bytes = noise(2 * kBlock);
  std::vector<RemoteVersion> versions;
  for (int i = 0; i < 1000; ++i) versions.push_back(put("f" + std::to_string(i), bytes));
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> right{0};
  for (const RemoteVersion& v : versions)
    cache_->read(v, kBlock, 10, {}, nullptr,
                 [&](Result<SharedBytes> got) { right += got && **got == bytes.substr(kBlock, 10) ? 1 : 0; });
  // Sixteen blocks fit into memory; who came later waits without a request.
  EXPECT_EQ(flaky_.held(), 16u);
  EXPECT_EQ(cache_->stats().waiting, 1000u);
  flaky_.clear();
  flaky_.release_held();
  wait_all_kept();
  cache_.reset();
  EXPECT_EQ(right, 1000);
}

TEST_F(BlockCacheTest, AReadThatNeedsMoreThanAllMemoryGoesAlone) {
  const std::string bytes = noise(40 * kBlock);
  const RemoteVersion v = put("a", bytes);
  expect_read(v, bytes, 5, bytes.size() - 5);
}

TEST_F(BlockCacheTest, AReaderThatGivesUpEndsAndTheOthersAreServed) {
  const std::string bytes = noise(kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::stop_source gives_up;
  ReadOptions options;
  options.cancel = gives_up.get_token();
  std::optional<Code> ended;
  cache_->read(v, 0, 10, options, nullptr, [&](Result<SharedBytes> got) { ended = got.error().code; });
  std::atomic<bool> served{false};
  cache_->read(v, 0, 10, {}, nullptr, [&](Result<SharedBytes> got) { served = got.has_value(); });
  gives_up.request_stop();
  EXPECT_EQ(ended, Code::cancelled);
  EXPECT_EQ(flaky_.held(), 1u);
  flaky_.release_held();
  while (!served) std::this_thread::yield();
  EXPECT_EQ(gets(), 1u);
}

TEST_F(BlockCacheTest, WhenTheLastReaderGivesUpTheFetchIsCancelledAndMayBeginAnew) {
  const std::string bytes = noise(kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::stop_source gives_up;
  ReadOptions options;
  options.cancel = gives_up.get_token();
  std::optional<Code> ended;
  cache_->read(v, 0, 10, options, nullptr, [&](Result<SharedBytes> got) { ended = got.error().code; });
  EXPECT_EQ(flaky_.held(), 1u);
  gives_up.request_stop();
  EXPECT_EQ(ended, Code::cancelled);
  EXPECT_EQ(flaky_.held(), 0u);
  flaky_.clear();
  expect_read(v, bytes, 0, 10);
}

TEST_F(BlockCacheTest, AReaderWhoGaveUpBeforehandIsCancelled) {
  const RemoteVersion v = put("a", noise(kBlock));
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::stop_source gives_up;
  gives_up.request_stop();
  ReadOptions options;
  options.cancel = gives_up.get_token();
  const auto got = blocking<SharedBytes>(
      [&](auto done) { cache_->read(v, 0, 10, options, nullptr, std::move(done)); });
  EXPECT_EQ(got.error().code, Code::cancelled);
}

TEST_F(BlockCacheTest, AReaderWhoseDeadlinePassesEndsParkedOrNot) {
  std::vector<RemoteVersion> versions;
  for (int i = 0; i < 20; ++i) versions.push_back(put("f" + std::to_string(i), noise(kBlock)));
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> late{0};
  ReadOptions options;
  options.deadline = Millis(2000);
  for (const RemoteVersion& v : versions)
    cache_->read(v, 0, 10, options, nullptr,
                 [&](Result<SharedBytes> got) { late += !got && got.error().code == Code::timeout ? 1 : 0; });
  EXPECT_EQ(flaky_.held(), 16u);
  clock_.advance(std::chrono::seconds(2));
  while (late < 20) std::this_thread::yield();
  EXPECT_EQ(cache_->stats().waiting, 0u);
}

TEST_F(BlockCacheTest, TheDestructorEndsReadsWhoseFetchesHang) {
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 30; ++i)
    cache_->read(put("f" + std::to_string(i), noise(kBlock)), 0, 10, {}, nullptr,
                 [&](Result<SharedBytes> got) { cancelled += !got && got.error().code == Code::cancelled ? 1 : 0; });
  cache_.reset();
  EXPECT_EQ(cancelled, 30);
  EXPECT_EQ(flaky_.held(), 0u);
}

TEST_F(BlockCacheTest, WhatIsInsertedIsReadWithoutARequest) {
  const std::string bytes = noise(3 * kBlock + 9);
  const RemoteVersion v = put("a", bytes);
  cache_->insert(v, 0, std::string_view(bytes).substr(0, kBlock + 5));
  wait_kept_bytes(v, kBlock);
  EXPECT_EQ(cache_->cached_bytes(v), kBlock);
  cache_->insert(v, kBlock - 3, std::string_view(bytes).substr(kBlock - 3));
  EXPECT_EQ(read_local(v, 0, bytes.size()), bytes);
  wait_kept(v);
  make_cache();
  EXPECT_EQ(read_local(v, 0, bytes.size()), bytes);
  EXPECT_EQ(gets(), 0u);
}

TEST_F(BlockCacheTest, WhatIsForgottenIsGoneFromMemoryAndDisk) {
  const std::string bytes = noise(2 * kBlock);
  const RemoteVersion a = put("a", bytes);
  const RemoteVersion b = put("b", bytes);
  for (const RemoteVersion& v : {a, b}) expect_read(v, bytes, 0, bytes.size());
  wait_kept(a);
  wait_kept(b);
  make_cache();
  cache_->forget(a.cache_id);
  EXPECT_FALSE(read_local(a, 0, 1).has_value());
  EXPECT_TRUE(read_local(b, 0, 1).has_value());
  EXPECT_EQ(block_files().size(), 2u);
  cache_->drop_all();
  EXPECT_FALSE(read_local(b, 0, 1).has_value());
  EXPECT_TRUE(block_files().empty());
  EXPECT_EQ(cache_->stats().bytes, 0u);
}

TEST_F(BlockCacheTest, FilesThatNoEntryKnowsAreRemovedAtStart) {
  const std::string bytes = noise(kBlock);
  const RemoteVersion v = put("a", bytes);
  expect_read(v, bytes, 0, kBlock);
  wait_kept(v);
  cache_.reset();
  const std::string folder = options_.directory + "/ab";
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/abababababababababababababababab-0") << "left by a crash";
  std::ofstream(folder + "/what is this") << "?";
  ASSERT_EQ(block_files().size(), 3u);
  make_cache();
  while (block_files().size() > 1) std::this_thread::yield();
  EXPECT_EQ(read_local(v, 0, kBlock), bytes);
}

// ---- reading ahead

TEST_F(BlockCacheTest, ReadingInSequenceFetchesAhead) {
  options_.read_ahead_bytes_max = 8 * kBlock;
  options_.memory_bytes = 64 * kBlock;
  make_cache();
  const std::string bytes = noise(32 * kBlock);
  const RemoteVersion v = put("a", bytes);
  ReadStream stream;
  for (std::uint64_t at = 0; at < 6 * kBlock; at += kBlock / 2) {
    const auto got = read(v, at, kBlock / 2, &stream);
    ASSERT_TRUE(got);
    EXPECT_TRUE(**got == bytes.substr(at, kBlock / 2));
  }
  EXPECT_EQ(stream.window_bytes, 8 * kBlock);
  wait_kept_bytes(v, 10 * kBlock);
  EXPECT_TRUE(read_local(v, 9 * kBlock, kBlock).has_value());
}

TEST_F(BlockCacheTest, OneReadOrAJumpFetchesNothingAhead) {
  options_.read_ahead_bytes_max = 8 * kBlock;
  make_cache();
  const std::string bytes = noise(100 * kBlock);
  const RemoteVersion v = put("a", bytes);
  ReadStream stream;
  for (const std::uint64_t at : {0u, 50 * kBlock, 20 * kBlock, 90 * kBlock}) ASSERT_TRUE(read(v, at, 10, &stream));
  EXPECT_EQ(gets(), 4u);
  EXPECT_EQ(stream.window_bytes, 0u);
}

TEST_F(BlockCacheTest, ReadingAheadNeverTakesTheMemoryOfThoseWhoWait) {
  flaky_.add({.on = {Verb::get, "busy"}, .kind = FaultKind::hold});
  for (int i = 0; i < 17; ++i)
    cache_->read(put("busy" + std::to_string(i), noise(kBlock)), 0, 1, {}, nullptr, [](Result<SharedBytes>) {});
  const RemoteVersion v = put("ahead", noise(4 * kBlock));
  cache_->prefetch(v, 0, v.size);
  EXPECT_EQ(flaky_.calls({Verb::get, "ahead"}), 0u);
  flaky_.clear();
  flaky_.release_held();
  wait_all_kept();
}

TEST_F(BlockCacheTest, WhatIsPrefetchedIsThereAndAReaderJoinsIt) {
  const std::string bytes = noise(4 * kBlock);
  const RemoteVersion v = put("a", bytes);
  flaky_.add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  cache_->prefetch(v, 0, v.size);
  std::atomic<bool> right{false};
  cache_->read(v, 10, kBlock, {}, nullptr,
               [&](Result<SharedBytes> got) { right = got && **got == bytes.substr(10, kBlock); });
  EXPECT_EQ(gets(), 1u);
  flaky_.clear();
  flaky_.release_held();
  while (!right) std::this_thread::yield();
  wait_kept(v);
}

// ---- many at once

TEST_F(BlockCacheTest, ManyThreadsReadRightWhileBlocksComeAndGo) {
  options_.bytes_max = 12 * kBlock;
  options_.memory_bytes = 8 * kBlock;
  options_.read_ahead_bytes_max = 2 * kBlock;
  make_cache();
  const std::string bytes = noise(6 * kBlock + 12345);
  std::vector<RemoteVersion> versions;
  for (int i = 0; i < 4; ++i) versions.push_back(put("f" + std::to_string(i), bytes));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (std::uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::uint32_t seed = t;
      ReadStream stream;
      for (int i = 0; i < 200; ++i) {
        seed = seed * 1664525u + 1013904223u;
        const RemoteVersion& v = versions[(seed >> 8) % versions.size()];
        const std::uint64_t offset = (seed >> 3) % v.size;
        const std::size_t length = (seed >> 5) % (2 * kBlock) + 1;
        std::stop_source cancel;
        ReadOptions options;
        options.cancel = cancel.get_token();
        const bool give_up = seed % 7 == 0;
        const auto got = blocking<SharedBytes>([&](auto done) {
          cache_->read(v, offset, length, options, &stream, std::move(done));
          if (give_up) cancel.request_stop();
        });
        const bool right = got ? **got == bytes.substr(offset, length) : give_up && got.error().code == Code::cancelled;
        wrong += right ? 0 : 1;
        if (seed % 31 == 0) cache_->forget(v.cache_id);
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache_->stats().bytes, options_.bytes_max);
}

TEST(BlockCacheOptionsTest, WhatCannotWorkIsRefused) {
  BlockCacheOptions good;
  good.directory = "/x";
  EXPECT_TRUE(good.validate());
  EXPECT_FALSE(BlockCacheOptions{}.validate());
  for (const auto& spoil : std::vector<std::function<void(BlockCacheOptions&)>>{
           [](auto& o) { o.block_bytes = 1000; }, [](auto& o) { o.small_bytes = 2u << 20; },
           [](auto& o) { o.memory_bytes = 1u << 20; }, [](auto& o) { o.fetch_deadline = Millis(0); }}) {
    BlockCacheOptions bad = good;
    spoil(bad);
    EXPECT_EQ(bad.validate().error().code, Code::invalid);
  }
}

}  // namespace
}  // namespace cd
