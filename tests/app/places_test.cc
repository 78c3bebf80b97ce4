// Where a drive keeps its things, who holds it, and how commands find it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "app/drive_place.h"
#include "app/file_labels.h"
#include "app/known_drive.h"
#include "app/mounts.h"
#include "base/disk.h"

namespace cd {
namespace {

using testing::HasSubstr;

class PlacesTest : public testing::Test {
 protected:
  PlacesTest() {
    char name[] = "/tmp/cratedrive-places-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~PlacesTest() override { EXPECT_TRUE(system_disk().remove_tree(folder_)); }
  std::string folder_;
};

std::string id_of(const std::string& url, const std::string& endpoint = "") {
  const auto parsed = StoreUrl::parse(url);
  EXPECT_TRUE(parsed) << url;
  return drive_id(*parsed, endpoint);
}

TEST_F(PlacesTest, TheSameBucketHasOneIdentityHoweverItIsTyped) {
  EXPECT_EQ(id_of("s3://crate/kits"), id_of("s3://crate/kits/"));
  EXPECT_EQ(id_of("s3://crate", "http://host:9000"), id_of("s3://crate", "http://host:9000/"));
  EXPECT_EQ(id_of("file:///music"), id_of("file:///music/"));
}

TEST_F(PlacesTest, DifferentBucketsPrefixesAndServersDiffer) {
  EXPECT_NE(id_of("s3://crate"), id_of("s3://crate/kits"));
  EXPECT_NE(id_of("s3://crate"), id_of("r2://crate"));
  EXPECT_NE(id_of("s3://crate", "http://a"), id_of("s3://crate", "http://b"));
  EXPECT_NE(id_of("s3://a-b"), id_of("s3://a/b"));
}

TEST_F(PlacesTest, AnIdentityIsAPlainFolderName) {
  const std::string id = id_of("file:///home/me/My Samples (old)");
  EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos) << id;
  EXPECT_LE(id.size(), 60u);
  EXPECT_THAT(id, HasSubstr("my-samples-old"));
}

TEST_F(PlacesTest, ASecondDaemonIsToldWhereTheFirstOneIs) {
  auto first = DriveLock::take(folder_);
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->describe({::getpid(), "/mnt/crate", "s3://crate", ".cratedrive", {}}));
  EXPECT_TRUE(is_locked(first->path()));
  const auto second = DriveLock::take(folder_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::busy);
  EXPECT_THAT(second.error().message, HasSubstr("/mnt/crate"));
}

TEST_F(PlacesTest, ALockEndsWithItsHolder) {
  std::string path;
  {
    auto lock = DriveLock::take(folder_);
    ASSERT_TRUE(lock);
    path = lock->path();
  }
  EXPECT_FALSE(is_locked(path));
  EXPECT_TRUE(DriveLock::take(folder_));
}

TEST_F(PlacesTest, LivingDaemonsAreFoundByTheirMountPoint) {
  ASSERT_TRUE(system_disk().make_dirs(folder_ + "/a"));
  auto lock = DriveLock::take(folder_ + "/a");
  ASSERT_TRUE(lock);
  ASSERT_TRUE(lock->describe({4711, "/mnt/crate", "s3://crate", ".ctl", {}}));
  const auto found = find_daemon(folder_, "/mnt/crate");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pid, 4711);
  EXPECT_EQ(found->control_name, ".ctl");
  EXPECT_EQ(found->lock_file, lock->path());
  EXPECT_FALSE(find_daemon(folder_, "/mnt/other"));
}

TEST_F(PlacesTest, AKnownDriveIsRememberedWithWhatItsStoreHonours) {
  EXPECT_FALSE(recall_drive(system_disk(), folder_));
  KnownDrive drive{"s3://crate", {}};
  drive.traits.probed = true;
  drive.traits.put_if_match = true;
  ASSERT_TRUE(remember_drive(system_disk(), folder_, drive));
  const auto again = recall_drive(system_disk(), folder_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->url, "s3://crate");
  EXPECT_TRUE(again->traits.put_if_match);
}

TEST(MountsTest, DrivesAreFoundInMountinfo) {
  const auto drives = drives_in(
      "29 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
      "50 29 0:45 / /mnt/my\\040crate rw,nosuid shared:2 master:1 - fuse.cratedrive s3://crate/kits/ rw,user_id=0\n"
      "51 29 0:46 / /mnt/other rw - fuse.sshfs host: rw\n"
      "garbage\n");
  ASSERT_EQ(drives.size(), 1u);
  EXPECT_EQ(drives[0].mount_point, "/mnt/my crate");
  EXPECT_EQ(drives[0].source, "s3://crate/kits/");
}

TEST(MountsTest, AFolderThatIsNoDriveIsSaidToBeNone) {
  const auto drive = drive_of("/", "/nowhere");
  ASSERT_FALSE(drive);
  EXPECT_THAT(drive.error().message, HasSubstr("not on a mounted drive"));
}

TEST(FileLabelsTest, PublicUrlsEncodeWhatAUrlCannotHold) {
  EXPECT_EQ(public_url("https://cdn.example.org/", "Drums/kick #1 ü.wav"),
            "https://cdn.example.org/Drums/kick%20%231%20%C3%BC.wav");
}

}  // namespace
}  // namespace cd
