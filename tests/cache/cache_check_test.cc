// What lies in the cache folder of a drive that is not mounted: damage is found, said and repaired, or the whole is
// dropped; and whatever was cut or flipped, nothing that is read afterwards is wrong.
#include "cache/cache_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "cache/block_cache.h"
#include "cache/block_index.h"
#include "cache/tree_cache.h"
#include "remote/blocking.h"
#include "tests/cache/temp_folder.h"
#include "tests/support/memory_store.h"

namespace cd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint32_t kBlock = 64u << 10;

class CacheCheckTest : public ::testing::Test {
 protected:
  CacheCheckTest() {
    for (unsigned i = 0; i < 3; ++i) {
      const std::string name = "folder/" + std::to_string(i);
      std::string bytes(i == 0 ? 900 : 150'000, '\0');
      for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<char>(at * (i + 3) / 7);
      bucket_.put_object(name, bytes);
      library_[name] = bytes;
    }
  }

  // One life of a drive: everything is listed, read and compared. `cold`: that it had to begin afresh.
  void live(bool* cold = nullptr) {
    auto meta = MetaStore::open({folder_.path(), "boot", 1u << 28}, system_disk(), system_clock());
    ASSERT_TRUE(meta) << meta.error().message;
    if (cold != nullptr) *cold = !(*meta)->was_warm();
    {
      StoreHealth health(system_clock());
      MetricRegistry metrics;
      TreeCache tree(**meta, bucket_, health, system_clock(), metrics, TreeCacheOptions{});
      BlockCacheOptions options;
      options.directory = folder_ / "blocks";
      options.block_bytes = kBlock;
      options.small_bytes = 4u << 10;
      BlockCache blocks(**meta, bucket_, system_disk(), system_clock(), metrics, options);
      ASSERT_TRUE(blocking<void>([&](auto done) { tree.load_tree(kRootInode, std::move(done)); }));
      for (const auto& [name, bytes] : library_) {
        const auto entry = (*meta)->resolve(name);
        ASSERT_TRUE(entry && *entry) << name;
        const MetaRecord& record = (*entry)->record;
        ASSERT_EQ(record.attr.size, bytes.size()) << name;
        const auto got = blocking<SharedBytes>(
            [&](auto done) { blocks.read(*record.remote, 0, bytes.size(), {}, nullptr, std::move(done)); });
        ASSERT_TRUE(got) << name << ": " << got.error().message;
        ASSERT_TRUE(**got == bytes) << name << ": wrong bytes";
        const BlockIndex index((*meta)->lmdb());
        while (index.bytes_of_version(record.remote->cache_id) < bytes.size()) std::this_thread::yield();
      }
    }
    ASSERT_TRUE((*meta)->close_clean());
  }

  std::vector<std::string> check(bool repair) {
    auto checked = check_cache(system_disk(), folder_.path(), repair);
    EXPECT_TRUE(checked);
    if (!checked) return {"failed"};
    std::vector<std::string> out;
    for (const Finding& finding : checked->checked.findings) {
      EXPECT_EQ(finding.repaired, repair) << finding.what;
      out.push_back(finding.what);
    }
    if (checked->meta) {
      EXPECT_TRUE(checked->meta->close_clean());
    }
    return out;
  }

  std::vector<std::filesystem::path> block_files() const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "blocks"))
      if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  static void flip(const std::filesystem::path& file, std::uint64_t at, unsigned bit = 0) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(static_cast<std::streamoff>(at));
    const int c = bytes.get();
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put(static_cast<char>(c ^ (1 << bit)));
    ASSERT_TRUE(bytes.good());
  }

  TempFolder folder_;
  testing::MemoryStore bucket_;
  std::map<std::string, std::string> library_;
};

TEST_F(CacheCheckTest, AFolderWithoutACacheHasNothingWrong) {
  EXPECT_THAT(check(false), ElementsAre());
  live();
  EXPECT_THAT(check(false), ElementsAre());
}

TEST_F(CacheCheckTest, EachDamageIsSaidAndRepairedOnce) {
  live();
  const auto files = block_files();
  ASSERT_GE(files.size(), 4U);
  flip(files[0], 10);
  std::filesystem::resize_file(files[1], 100);
  std::filesystem::remove(files[2]);
  std::ofstream(folder_ / "blocks/00stray") << "x";
  std::filesystem::create_directories(folder_ / "blocks/zz");
  std::ofstream(folder_ / "blocks/zz/stray") << "x";
  const auto damage = ::testing::UnorderedElementsAre(HasSubstr("checksum does not hold"), HasSubstr("cut short"),
                                                      HasSubstr("file is not there"), HasSubstr("1 files are none"));
  EXPECT_THAT(check(false), damage);
  EXPECT_THAT(check(true), damage);
  EXPECT_THAT(check(false), ElementsAre());
  live();
  EXPECT_THAT(check(false), ElementsAre());
}

TEST_F(CacheCheckTest, AnIndexThatDoesNotAgreeWithItsBlocksIsBuiltAnew) {
  live();
  {
    auto meta = MetaStore::open({folder_.path(), "boot", 1u << 28}, system_disk(), system_clock());
    ASSERT_TRUE(meta);
    BlockIndex index((*meta)->lmdb());
    const std::uint64_t bytes = index.bytes();
    ASSERT_EQ(index.rebuild(true).value(), 0U);
    Lmdb& lmdb = (*meta)->lmdb();
    ASSERT_TRUE(lmdb.write([&](Lmdb::WriteTxn& txn) -> Status {
      CD_TRY_VOID(txn.put(lmdb.table("block_use"), std::string(32, '\x7f'), ""));  // of a block that is not there
      CD_TRY_VOID(txn.erase(lmdb.table("notes"), "blocks"));                        // and no totals
      return {};
    }));
    EXPECT_EQ(BlockIndex(lmdb).rebuild(true).value(), 2U);
    EXPECT_EQ(BlockIndex(lmdb).rebuild(true).value(), 2U) << "a dry run changes nothing";
    BlockIndex again(lmdb);
    EXPECT_EQ(again.rebuild(false).value(), 2U);
    EXPECT_EQ(again.bytes(), bytes);
    EXPECT_EQ(again.rebuild(true).value(), 0U);
    const auto oldest = again.oldest(1'000);
    ASSERT_TRUE(oldest);
    EXPECT_EQ(oldest->size(), again.all()->size());
    for (const BlockKey& key : *oldest) {
      EXPECT_TRUE(again.find(key, [](const BlockEntry&, std::string_view) {}).value()) << key.id.hex() << " " << key.number;
    }
    ASSERT_TRUE((*meta)->close_clean());
  }
  EXPECT_THAT(check(false), ElementsAre());
}

// S23 "A cached block whose checksum does not hold is dropped and fetched again."
TEST_F(CacheCheckTest, WhateverIsCutOrFlippedNothingIsReadWrong) {
  const char* given = std::getenv("CRATEDRIVE_SEED");
  const auto seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  SCOPED_TRACE("CRATEDRIVE_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  ASSERT_NO_FATAL_FAILURE(live());
  int dropped = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<std::filesystem::path> files = block_files();
    files.emplace_back(folder_ / "meta/data.mdb");
    files.emplace_back(folder_ / "meta/data.mdb");  // as likely as all blocks
    files.emplace_back(folder_ / "format");
    const std::filesystem::path file = files[pick(files.size())];
    const std::uint64_t size = std::filesystem::file_size(file);
    const std::uint64_t at = pick(size);
    SCOPED_TRACE(file.filename().string() + " at " + std::to_string(at) + " of " + std::to_string(size));
    if (pick(3) == 0) std::filesystem::resize_file(file, at);
    else flip(file, at, static_cast<unsigned>(pick(8)));
    bool cold = false;
    ASSERT_NO_FATAL_FAILURE(live(&cold));
    dropped += cold ? 1 : 0;
    if (file.filename() == "data.mdb") {
      EXPECT_TRUE(cold);  // nobody can tell what it says
    } else if (file.filename() != "format") {
      EXPECT_FALSE(cold);  // a block is healed by itself
    }
  }
  EXPECT_GT(dropped, 0);
}

}  // namespace
}  // namespace cd
