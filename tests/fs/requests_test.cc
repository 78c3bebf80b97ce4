// What everyday work costs in requests. Counted, not timed, so that no slow machine fails them.
#include "tests/fs/drive.h"

namespace cd::testing {
namespace {

class RequestsTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kFiles = 120;
  static constexpr std::size_t kFolders = 6;

  static std::string path_of(std::size_t n) { return "kits/kit " + std::to_string(n % kFolders) + "/" + std::to_string(n) + ".wav"; }
  void fill_bucket() {
    for (std::size_t n = 0; n < kFiles; ++n) drive.bucket.put_object(path_of(n), "bytes of " + std::to_string(n));
  }
  void copy_in() {
    ASSERT_TRUE(drive.mkdir("kits"));
    for (std::size_t f = 0; f < kFolders; ++f) ASSERT_TRUE(drive.mkdir("kits/kit " + std::to_string(f)));
    for (std::size_t n = 0; n < kFiles; ++n) ASSERT_TRUE(drive.save(path_of(n), "bytes of " + std::to_string(n)));
  }
  void walk(const std::string& folder) {  // as `ls -lR` does: readdirplus brings the attributes along
    const auto names = drive.list(folder);
    ASSERT_TRUE(names) << folder;
    for (const std::string& name : *names) {
      const std::string path = folder.empty() ? name : folder + "/" + name;
      const auto node = drive.stat(path);
      ASSERT_TRUE(node) << path;
      if (node->attr.type == NodeType::directory && name != "inbox" && name != ".cratedrive") walk(path);
    }
  }
  std::size_t calls(Verb verb) const { return drive.flaky->calls({verb, ""}); }

  Drive drive;
};

TEST_F(RequestsTest, ACopyIntoTheLibraryIsOnePutAFileAndAFolder) {
  copy_in();
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(calls(Verb::put), kFiles + kFolders + 1);
  EXPECT_EQ(calls(Verb::head), 0u);
  EXPECT_LE(calls(Verb::list), 1u);
  EXPECT_EQ(drive.flaky->calls(), calls(Verb::put) + calls(Verb::list));
}

TEST_F(RequestsTest, WalkingATreeOfLessThanAThousandKeysIsOneList) {
  fill_bucket();
  walk("");
  EXPECT_EQ(calls(Verb::list), 1u);
  EXPECT_EQ(drive.flaky->calls(), 1u);
  walk("");
  EXPECT_EQ(drive.flaky->calls(), 1u) << "what is known is not asked again";
}

TEST_F(RequestsTest, WalkingALargerTreeIsOneListAThousandKeysAndAtMostFiveMore) {
  for (int pack = 0; pack < 20; ++pack)
    for (int kit = 0; kit < 12; ++kit)
      for (int n = 0; n < 40; ++n)
        drive.bucket.put_object("pack " + std::to_string(pack) + "/kit " + std::to_string(kit) + "/" + std::to_string(n) + ".wav", "x");
  walk("");
  EXPECT_LE(calls(Verb::list), 10u + 5u);  // 9,600 keys
  EXPECT_EQ(drive.flaky->calls(), calls(Verb::list));
}

TEST_F(RequestsTest, WhatWasJustStoredIsReadWithoutARequest) {
  copy_in();
  ASSERT_TRUE(drive.drain());
  const std::size_t before = drive.flaky->calls();
  for (std::size_t n = 0; n < kFiles; ++n) EXPECT_EQ(drive.load(path_of(n)).value_or(""), "bytes of " + std::to_string(n));
  EXPECT_EQ(drive.flaky->calls(), before);
}

TEST_F(RequestsTest, RemovingATreeIsOneRemovalAnObject) {
  copy_in();
  ASSERT_TRUE(drive.drain());
  drive.flaky->forget_calls();
  for (std::size_t n = 0; n < kFiles; ++n) ASSERT_TRUE(drive.unlink(path_of(n)));
  for (std::size_t f = 0; f < kFolders; ++f) ASSERT_TRUE(drive.rmdir("kits/kit " + std::to_string(f)));
  ASSERT_TRUE(drive.rmdir("kits"));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(calls(Verb::remove), kFiles + kFolders + 1);
  EXPECT_EQ(drive.flaky->calls(), calls(Verb::remove)) << "nothing is looked up for it";
  EXPECT_TRUE(drive.bucket.keys().empty());
}

TEST_F(RequestsTest, WhatNeverReachedTheBucketIsRemovedWithoutARequest) {
  drive.journal->pause();
  copy_in();
  for (std::size_t n = 0; n < kFiles; ++n) ASSERT_TRUE(drive.unlink(path_of(n)));
  for (std::size_t f = 0; f < kFolders; ++f) ASSERT_TRUE(drive.rmdir("kits/kit " + std::to_string(f)));
  ASSERT_TRUE(drive.rmdir("kits"));
  drive.journal->resume();
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.flaky->calls(), calls(Verb::list));
}

TEST_F(RequestsTest, RenamingAFolderIsOneCopyAndOneRemovalAnObject) {
  copy_in();
  ASSERT_TRUE(drive.drain());
  drive.flaky->forget_calls();
  ASSERT_TRUE(drive.rename("kits", "moved"));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(calls(Verb::copy) + calls(Verb::put), kFiles + kFolders + 1);
  EXPECT_EQ(calls(Verb::remove), kFiles + kFolders + 1);
  EXPECT_EQ(calls(Verb::head), 0u) << "what this mount has stored it need not look at";
  EXPECT_EQ(calls(Verb::get), 0u);
}

TEST_F(RequestsTest, RenamingWhatOnlyAListHasToldOfIsOneHeadMoreAFile) {
  fill_bucket();
  walk("");
  drive.flaky->forget_calls();
  ASSERT_TRUE(drive.rename("kits", "moved"));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(calls(Verb::copy), kFiles);
  EXPECT_EQ(calls(Verb::remove), kFiles);
  EXPECT_EQ(calls(Verb::head), kFiles);
}

}  // namespace
}  // namespace cd::testing
