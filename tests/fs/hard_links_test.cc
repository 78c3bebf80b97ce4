// Several names for one file, and what the bucket has of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fs/drive.h"

namespace cd {
namespace {

using testing::Drive;
using testing::DriveOptions;
using ::testing::UnorderedElementsAre;

template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::io : result.error().code;
}

AttrRequest mode_of(std::uint32_t mode) {
  AttrRequest request;
  request.fields = static_cast<std::uint32_t>(SetAttr::mode);
  request.change.mode = mode;
  return request;
}

// S8 "A hard link is one more name of a file"
TEST(HardLinksTest, TwoNamesAreOneFile) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "one"));
  const auto linked = drive.link("f", "g");
  ASSERT_TRUE(linked) << linked.error().message;
  EXPECT_EQ(linked->links, 2U);
  EXPECT_EQ(drive.stat("f")->ino, drive.stat("g")->ino);
  ASSERT_TRUE(drive.save("g", "changed"));
  EXPECT_EQ(drive.load("f").value(), "changed");
  ASSERT_TRUE(drive.setattr("f", mode_of(0600)));
  EXPECT_EQ(drive.stat("g")->attr.mode, 0600U);
  EXPECT_EQ(drive.stat("g")->attr.size, 7U);
}

// S8 "In the bucket each name has an object of"
TEST(HardLinksTest, EachNameHasAnObjectOfItsOwn) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  ASSERT_TRUE(drive.save("f", "one"));
  ASSERT_TRUE(drive.link("f", "d/g"));  // before the upload
  ASSERT_TRUE(drive.drain());
  ASSERT_TRUE(drive.link("d/g", "h"));  // and after
  ASSERT_TRUE(drive.drain());
  for (const char* key : {"f", "d/g", "h"}) EXPECT_EQ(drive.bucket.bytes_of(key), "one") << key;
  EXPECT_EQ(drive.stat("h")->links, 3U);
  ASSERT_TRUE(drive.save("h", "all three"));
  ASSERT_TRUE(drive.setattr("d/g", mode_of(0640)));
  ASSERT_TRUE(drive.drain());
  for (const char* key : {"f", "d/g", "h"}) {
    EXPECT_EQ(drive.bucket.bytes_of(key), "all three") << key;
    EXPECT_EQ(drive.load(key).value(), "all three") << key;
  }
}

TEST(HardLinksTest, AFileLivesOnUnderItsOtherName) {
  for (const bool stored : {false, true}) {
    Drive drive;
    ASSERT_TRUE(drive.save("f", "one"));
    ASSERT_TRUE(drive.link("f", "g"));
    if (stored) {
      ASSERT_TRUE(drive.drain());
    }
    const auto reader = drive.open("f", O_RDONLY);
    ASSERT_TRUE(reader);
    const InodeId ino = drive.stat("f")->ino;
    ASSERT_TRUE(drive.unlink("f"));
    EXPECT_EQ(drive.read(*reader, 0, 10).value(), "one");
    ASSERT_TRUE(drive.close(*reader));
    EXPECT_EQ(drive.stat("g")->ino, ino);
    EXPECT_EQ(drive.stat("g")->links, 1U);
    EXPECT_EQ(code_of(drive.stat("f")), Code::not_found);
    ASSERT_TRUE(drive.save("g", "two"));
    ASSERT_TRUE(drive.save("f", "another"));
    ASSERT_TRUE(drive.drain());
    EXPECT_EQ(drive.bucket.bytes_of("g"), "two");
    EXPECT_EQ(drive.bucket.bytes_of("f"), "another");
    ASSERT_TRUE(drive.unlink("g"));
    ASSERT_TRUE(drive.drain());
    EXPECT_THAT(drive.bucket.keys(), UnorderedElementsAre("f"));
  }
}

TEST(HardLinksTest, ARenameOverOneNameLeavesTheOthers) {
  for (const char* over : {"f", "g"}) {
    Drive drive;
    ASSERT_TRUE(drive.save("f", "one"));
    ASSERT_TRUE(drive.link("f", "g"));
    ASSERT_TRUE(drive.save("n", "new"));
    ASSERT_TRUE(drive.rename("n", over));
    const std::string other = std::string(over) == "f" ? "g" : "f";
    EXPECT_EQ(drive.load(over).value(), "new");
    EXPECT_EQ(drive.load(other).value(), "one");
    EXPECT_EQ(drive.stat(other)->links, 1U);
    EXPECT_EQ(drive.stat(over)->links, 1U);
    ASSERT_TRUE(drive.drain());
    EXPECT_EQ(drive.bucket.bytes_of(over), "new");
    EXPECT_EQ(drive.bucket.bytes_of(other), "one");
    EXPECT_EQ(drive.bucket.keys().size(), 2U);
  }
}

TEST(HardLinksTest, ARenameOfOneNameToTheOtherDoesNothing) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "one"));
  ASSERT_TRUE(drive.link("f", "g"));
  EXPECT_TRUE(drive.rename("f", "g"));
  EXPECT_TRUE(drive.rename("g", "f"));
  EXPECT_EQ(drive.stat("f")->links, 2U);
  EXPECT_EQ(code_of(drive.rename("f", "g", RenameMode::no_replace)), Code::exists);
}

TEST(HardLinksTest, AFolderMovesWithNamesInItAndOutsideOfIt) {
  for (const bool stored : {false, true}) {
    Drive drive;
    ASSERT_TRUE(drive.mkdir("d"));
    ASSERT_TRUE(drive.save("d/f", "one"));
    ASSERT_TRUE(drive.link("d/f", "d/g"));
    ASSERT_TRUE(drive.link("d/f", "outside"));
    if (stored) {
      ASSERT_TRUE(drive.drain());
    }
    ASSERT_TRUE(drive.rename("d", "e"));
    EXPECT_EQ(drive.stat("e/f")->links, 3U);
    EXPECT_EQ(drive.stat("e/g")->ino, drive.stat("outside")->ino);
    ASSERT_TRUE(drive.save("e/g", "two"));
    ASSERT_TRUE(drive.drain());
    for (const char* key : {"e/f", "e/g", "outside"}) EXPECT_EQ(drive.bucket.bytes_of(key), "two") << key;
    EXPECT_THAT(drive.bucket.keys(), UnorderedElementsAre("e/", "e/f", "e/g", "outside"));
  }
}

// Each copies to where the other one lies, so one of them is fetched.
TEST(HardLinksTest, NamesThatChangePlacesWithOthersStayNames) {
  Drive drive;
  for (const char* folder : {"d", "e"}) ASSERT_TRUE(drive.mkdir(folder));
  ASSERT_TRUE(drive.save("f", "one"));
  ASSERT_TRUE(drive.link("f", "d/n"));
  ASSERT_TRUE(drive.save("e/n", "another"));
  ASSERT_TRUE(drive.drain());
  ASSERT_TRUE(drive.rename("d", "e", RenameMode::exchange));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.stat("e/n")->ino, drive.stat("f")->ino);
  EXPECT_EQ(drive.stat("f")->links, 2U);
  ASSERT_TRUE(drive.save("e/n", "both"));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("f"), "both");
  EXPECT_EQ(drive.bucket.bytes_of("e/n"), "both");
  EXPECT_EQ(drive.bucket.bytes_of("d/n"), "another");
}

// S8 "Not in, to or from `inbox/` (EXDEV)."
TEST(HardLinksTest, WhatHasNoSecondNameSaysSo) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  ASSERT_TRUE(drive.save("f", "one"));
  ASSERT_TRUE(drive.save("inbox/dropped", "two"));
  EXPECT_EQ(code_of(drive.link("d", "e")), Code::not_permitted);
  EXPECT_EQ(code_of(drive.link("f", "d")), Code::exists);
  EXPECT_EQ(code_of(drive.link("f", "inbox/g")), Code::unsupported);
  EXPECT_EQ(code_of(drive.link("inbox/dropped", "g")), Code::unsupported);
}

TEST(HardLinksTest, SymbolicLinksHaveSecondNamesToo) {
  Drive drive;
  ASSERT_TRUE(drive.symlink("target", "l"));
  ASSERT_TRUE(drive.link("l", "m"));
  EXPECT_EQ(drive.readlink("m").value(), "target");
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("m"), drive.bucket.bytes_of("l"));
  drive.restart(true);
  EXPECT_EQ(drive.readlink("m").value(), "target");
}

// S8 "they are files of one content"
TEST(HardLinksTest, TheCacheKnowsThatTheyAreOne) {
  for (const bool stored : {false, true}) {
    DriveOptions options;
    options.upload = stored;
    Drive drive(options);
    ASSERT_TRUE(drive.save("f", "one"));
    ASSERT_TRUE(drive.link("f", "g"));
    if (stored) {
      ASSERT_TRUE(drive.drain());
    }
    drive.restart();
    EXPECT_EQ(drive.stat("g")->ino, drive.stat("f")->ino);
    EXPECT_EQ(drive.stat("g")->links, 2U);
    drive.restart(true);
    EXPECT_EQ(drive.load("g").value(), "one");
    EXPECT_EQ(drive.load("f").value(), "one");
    EXPECT_EQ(drive.stat("g")->links, stored ? 1U : 2U);  // what is not stored yet is in the journal
  }
}

TEST(HardLinksTest, AForeignVersionOfOneNameIsNotTheOthers) {
  for (const std::string changed : {"f", "g"}) {
    DriveOptions options;
    options.metadata_ttl = Millis(0);
    Drive drive(options);
    ASSERT_TRUE(drive.save("f", "one"));
    ASSERT_TRUE(drive.link("f", "g"));
    ASSERT_TRUE(drive.drain());
    drive.bucket.put_object(changed, "foreign");
    const std::string other = changed == "f" ? "g" : "f";
    EXPECT_EQ(drive.load(changed).value(), "foreign");
    EXPECT_EQ(drive.load(other).value(), "one");
    EXPECT_EQ(drive.stat(other)->links, 1U);
    ASSERT_TRUE(drive.save(other, "ours"));
    ASSERT_TRUE(drive.drain());
    EXPECT_EQ(drive.bucket.bytes_of(changed), "foreign");
    EXPECT_EQ(drive.bucket.bytes_of(other), "ours");
  }
}

TEST(HardLinksTest, AConflictTakesTheOtherNamesAlong) {
  DriveOptions options;
  options.upload_delay = Millis(3'600'000);
  Drive drive(options);
  ASSERT_TRUE(drive.save("f", "ours"));
  ASSERT_TRUE(drive.link("f", "g"));
  drive.bucket.put_object("f", "foreign");
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.load("f").value(), "foreign");
  EXPECT_EQ(drive.load("g").value(), "ours");
  EXPECT_EQ(drive.bucket.bytes_of("g"), "ours");
  EXPECT_EQ(drive.stat("g")->links, 2U);  // the other name is the conflict's
  EXPECT_EQ(drive.bucket.keys().size(), 3U);
}

}  // namespace
}  // namespace cd
