#include "base/disk.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace cd {
namespace {

class DiskTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cratedrive-disk-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir_ = name;
  }
  void TearDown() override { ASSERT_TRUE(disk_.remove_tree(dir_)); }

  Disk& disk_ = system_disk();
  std::string dir_;
};

TEST_F(DiskTest, FilesAndFoldersAreForTheirOwnerOnly) {
  ASSERT_TRUE(disk_.make_dirs(dir_ + "/a/b"));
  ASSERT_TRUE(disk_.open(dir_ + "/a/b/f", OpenMode::create_new));
  struct stat st{};
  ASSERT_EQ(stat((dir_ + "/a/b/f").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);
  ASSERT_EQ(stat((dir_ + "/a/b").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0700U);
}

TEST_F(DiskTest, ReadsAreShortOnlyAtTheEnd) {
  auto file = disk_.open(dir_ + "/f", OpenMode::create);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write(3, "abc"));
  char out[16] = {};
  const auto got = (*file)->read(2, out, sizeof out);
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, 4U);
  EXPECT_EQ(std::string_view(out, 4), std::string_view("\0abc", 4));
}

TEST_F(DiskTest, ErrorsNameThePathAndTheirCode) {
  const auto missing = disk_.open(dir_ + "/nowhere/f", OpenMode::create);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_NE(missing.error().message.find(dir_ + "/nowhere/f"), std::string::npos);
  ASSERT_TRUE(disk_.open(dir_ + "/f", OpenMode::create_new));
  EXPECT_EQ(disk_.open(dir_ + "/f", OpenMode::create_new).error().code, Code::exists);
}

TEST_F(DiskTest, AFileWrittenAtomicallyIsReadBackAndLeavesNothingBeside) {
  ASSERT_TRUE(write_file_atomically(disk_, dir_ + "/f", "one"));
  ASSERT_TRUE(write_file_atomically(disk_, dir_ + "/f", "two"));
  EXPECT_EQ(read_file(disk_, dir_ + "/f"), "two");
  EXPECT_EQ(disk_.list(dir_)->size(), 1U);
}

}  // namespace
}  // namespace cd
