#include <gtest/gtest.h>

#include <filesystem>

#include "journal/log.h"
#include "tests/cache/full_disk.h"
#include "tests/journal/world.h"

namespace cd {
namespace {

using Records = std::vector<std::string>;

class LogTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Log>> open(Records& seen) {
    seen.clear();
    return Log::open(system_disk(), path_, [&](std::string_view record) -> Status {
      seen.emplace_back(record);
      return {};
    });
  }
  std::string bytes() { return read_file(system_disk(), path_).value(); }
  void set_bytes(const std::string& bytes) {
    ASSERT_TRUE(write_file_atomically(system_disk(), path_, bytes));
  }

  testing::TempDirectory folder_;
  const std::string path_ = folder_.path() + "/log";
};

TEST_F(LogTest, GivesBackWhatWasAppendedInOrder) {
  Records seen;
  {
    auto log = open(seen);
    ASSERT_TRUE(log);
    ASSERT_TRUE((*log)->append(Records{"one", "two"}));
    ASSERT_TRUE((*log)->append(Records{""}));
    ASSERT_TRUE((*log)->append(Records{"three"}));
  }
  ASSERT_TRUE(open(seen));
  EXPECT_EQ(seen, (Records{"one", "two", "", "three"}));
}

TEST_F(LogTest, CutAnywhereItHoldsWholeFramesOnlyAndGoesOn) {
  Records seen;
  std::vector<std::uint64_t> ends;
  {
    auto log = open(seen);
    ASSERT_TRUE(log);
    ends.push_back((*log)->bytes());
    for (const Records& frame : {Records{"a", "bb"}, Records{"ccc"}, Records{"dddd", "e", "f"}}) {
      ASSERT_TRUE((*log)->append(frame));
      ends.push_back((*log)->bytes());
    }
  }
  const std::string whole = bytes();
  const Records all{"a", "bb", "ccc", "dddd", "e", "f"};
  const std::size_t records_until[] = {0, 2, 3, 6};
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    set_bytes(whole.substr(0, cut));
    auto log = open(seen);
    ASSERT_TRUE(log) << cut;
    std::size_t frames = 0;
    while (frames + 1 < ends.size() && ends[frames + 1] <= cut) ++frames;
    EXPECT_EQ(seen, Records(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(records_until[frames]))) << cut;
    ASSERT_TRUE((*log)->append(Records{"after"}));
    log->reset();
    ASSERT_TRUE(open(seen));
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back(), "after") << cut;
  }
}

TEST_F(LogTest, AFlippedBitEndsTheLogBeforeItsFrame) {
  Records seen;
  {
    auto log = open(seen);
    ASSERT_TRUE((*log)->append(Records{"first"}));
    ASSERT_TRUE((*log)->append(Records{"second"}));
  }
  const std::string whole = bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    set_bytes(bad);
    auto log = open(seen);
    ASSERT_TRUE(log) << at;
    if (at < 16) {  // the header is mended
      EXPECT_EQ(seen, (Records{"first", "second"})) << at;
      log->reset();
      EXPECT_EQ(bytes(), whole) << at;
      continue;
    }
    EXPECT_LE(seen.size(), 1u) << at;
    if (!seen.empty()) {
      EXPECT_EQ(seen[0], "first");
    }
    EXPECT_GT((*log)->torn_bytes(), 0u);
  }
}

TEST_F(LogTest, ANewerVersionIsRefusedAndLeftAsItIs) {
  Records seen;
  { ASSERT_TRUE(open(seen)); }
  std::string newer = bytes();
  newer[8] = 9;
  newer[12] = static_cast<char>(newer[12] ^ 0x55);  // with a check of its own
  set_bytes(newer);
  const auto log = open(seen);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::unsupported);
  EXPECT_EQ(bytes(), newer);
}

TEST_F(LogTest, AForeignFileIsRefused) {
  set_bytes("this is somebody's letter, not a log");
  Records seen;
  const auto log = open(seen);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::corrupt);
}

TEST_F(LogTest, ARewriteKeepsTheLiveRecordsAndWhatComesAfter) {
  Records seen;
  auto log = open(seen);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE((*log)->append(Records{"old " + std::to_string(i)}));
  const std::uint64_t before = (*log)->bytes();
  ASSERT_TRUE((*log)->rewrite([](const Log::Record& emit) { return emit("live"); }));
  EXPECT_LT((*log)->bytes(), before);
  EXPECT_EQ((*log)->bytes(), (*log)->bytes_at_last_rewrite());
  ASSERT_TRUE((*log)->append(Records{"new"}));
  ASSERT_TRUE((*log)->sync());
  log->reset();
  ASSERT_TRUE(open(seen));
  EXPECT_EQ(seen, (Records{"live", "new"}));
}

TEST_F(LogTest, AfterAFailedWriteNothingIsAppendedUntilItIsRewritten) {
  FullDisk disk;
  auto log = Log::open(disk, path_, [](std::string_view) { return Status{}; });
  ASSERT_TRUE(log);
  ASSERT_TRUE((*log)->append(Records{"good"}));
  disk.full = true;
  EXPECT_EQ((*log)->append(Records{"lost"}).error().code, Code::no_space);
  disk.full = false;
  EXPECT_FALSE((*log)->append(Records{"behind"}));
  ASSERT_TRUE((*log)->rewrite([](const Log::Record& emit) { return emit("good"); }));
  ASSERT_TRUE((*log)->append(Records{"again"}));
  log->reset();
  Records seen;
  ASSERT_TRUE(open(seen));
  EXPECT_EQ(seen, (Records{"good", "again"}));
}

}  // namespace
}  // namespace cd
