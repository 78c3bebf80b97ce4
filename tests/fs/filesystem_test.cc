#include "fs/filesystem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <sys/xattr.h>

#include <atomic>
#include <set>

#include "fs/content.h"
#include "tests/fs/drive.h"

namespace cd {
namespace {

using testing::Drive;
using testing::DriveOptions;
using testing::FaultKind;
using testing::Verb;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

template <class T>
Code code_of(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  return result ? Code::io : result.error().code;
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 / 3 % 26);
  return bytes;
}

// An unlink may look at what was open while its last handle is being closed.
TEST(ContentTest, WhoLooksAfterTheLastCloseHoldsNothingBack) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "x"));
  ASSERT_TRUE(drive.drain());
  Contents contents;
  Namespace& names = drive.journal->tree();
  const auto content = contents.acquire(drive.stat("f")->ino);
  ASSERT_TRUE(content->open_reader(*drive.meta, names));
  contents.release(content, names);
  ASSERT_TRUE(content->reload(*drive.meta, names));
  ASSERT_TRUE(drive.unlink("f"));
  for (const UploadView& upload : drive.journal->uploads(10)) EXPECT_NE(upload.state, "open") << upload.path;
}

// ---- names and bytes

TEST(FilesystemTest, AFileThatWasWrittenIsReadBackAndBecomesAnObject) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("Drums"));
  ASSERT_TRUE(drive.save("Drums/kick.wav", "boom"));
  EXPECT_EQ(drive.load("Drums/kick.wav").value(), "boom");
  EXPECT_EQ(drive.stat("Drums/kick.wav")->attr.size, 4U);
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("Drums/kick.wav"), "boom");
  EXPECT_EQ(drive.load("Drums/kick.wav").value(), "boom");
}

TEST(FilesystemTest, WhatIsInTheBucketIsThere) {
  Drive drive;
  const std::string bytes = pattern(300'000);
  drive.bucket.put_object("a/b/long.wav", bytes);
  drive.bucket.put_object("top.txt", "x");
  EXPECT_THAT(drive.list("").value(), ::testing::IsSupersetOf({std::string("a"), std::string("top.txt")}));
  EXPECT_EQ(drive.load("a/b/long.wav").value(), bytes);
  EXPECT_EQ(code_of(drive.stat("a/none")), Code::not_found);
}

TEST(FilesystemTest, RenameUnlinkAndRmdirSayWhatPosixSays) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  ASSERT_TRUE(drive.save("d/x", "1"));
  ASSERT_TRUE(drive.save("y", "2"));
  EXPECT_EQ(code_of(drive.rmdir("d")), Code::not_empty);
  EXPECT_EQ(code_of(drive.unlink("d")), Code::is_directory);
  EXPECT_EQ(code_of(drive.rmdir("y")), Code::not_directory);
  EXPECT_EQ(code_of(drive.rename("d/x", "y", RenameMode::no_replace)), Code::exists);
  ASSERT_TRUE(drive.rename("d/x", "y"));
  EXPECT_EQ(drive.load("y").value(), "1");
  ASSERT_TRUE(drive.rmdir("d"));
  EXPECT_EQ(code_of(drive.stat("d")), Code::not_found);
  EXPECT_EQ(code_of(drive.create(std::string(256, 'n'), O_WRONLY)), Code::name_too_long);
}

// S3 "Reads on one mount see all completed writes of that mount at once"
TEST(FilesystemTest, AllHandlesSeeAWriteAtOnce) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "old bytes"));
  ASSERT_TRUE(drive.drain());
  const HandleId reader = drive.open("f", O_RDONLY).value();
  EXPECT_EQ(drive.read(reader, 0, 100).value(), "old bytes");
  const HandleId writer = drive.open("f", O_RDWR).value();
  ASSERT_TRUE(drive.write(writer, 0, "NEW"));
  EXPECT_EQ(drive.read(reader, 0, 100).value(), "NEW bytes");
  ASSERT_TRUE(drive.write(writer, 9, " and more"));
  EXPECT_EQ(drive.read(reader, 0, 100).value(), "NEW bytes and more");
  EXPECT_EQ(drive.stat("f")->attr.size, 18U);
  ASSERT_TRUE(drive.close(writer));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.read(reader, 0, 100).value(), "NEW bytes and more");
  EXPECT_EQ(drive.bucket.bytes_of("f"), "NEW bytes and more");
  ASSERT_TRUE(drive.close(reader));
}

TEST(FilesystemTest, APartlyStagedFileIsReadAsAMosaic) {
  Drive drive;
  std::string bytes = pattern(400'000);
  drive.bucket.put_object("big", bytes);
  const HandleId file = drive.open("big", O_RDWR).value();
  ASSERT_TRUE(drive.write(file, 100'000, "HERE"));
  ASSERT_TRUE(drive.write(file, 450'000, "END"));
  bytes.replace(100'000, 4, "HERE");
  bytes.resize(450'000, '\0');
  bytes += "END";
  EXPECT_EQ(drive.read(file, 0, 1u << 20).value(), bytes);
  EXPECT_EQ(drive.read(file, 99'990, 30).value(), bytes.substr(99'990, 30));
  ASSERT_TRUE(drive.close(file));
  EXPECT_EQ(drive.load("big").value(), bytes);
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("big"), bytes);
}

TEST(FilesystemTest, AppendsOfTwoHandlesDoNotOverwriteEachOther) {
  Drive drive;
  ASSERT_TRUE(drive.save("log", ""));
  const HandleId a = drive.open("log", O_WRONLY | O_APPEND).value();
  const HandleId b = drive.open("log", O_WRONLY | O_APPEND).value();
  ASSERT_TRUE(drive.write(a, 0, "one "));
  ASSERT_TRUE(drive.write(b, 0, "two "));
  ASSERT_TRUE(drive.write(a, 0, "three"));
  ASSERT_TRUE(drive.close(a));
  ASSERT_TRUE(drive.close(b));
  EXPECT_EQ(drive.load("log").value(), "one two three");
}

TEST(FilesystemTest, WhatAMappingWritesBackGoesToItsOffsetAlsoThroughAnAppendingHandle) {
  Drive drive;
  ASSERT_TRUE(drive.save("log", "0123456789"));
  const HandleId handle = drive.open("log", O_RDWR | O_APPEND).value();
  const auto written = blocking<std::size_t>(
      [&](auto r) { drive.fs->write_back(drive.caller, handle, 2, share("ab"), std::move(r)); });
  EXPECT_EQ(written.value(), 2u);
  ASSERT_TRUE(drive.write(handle, 0, "end"));
  ASSERT_TRUE(drive.close(handle));
  EXPECT_EQ(drive.load("log").value(), "01ab456789end");
}

TEST(FilesystemTest, AFileThatWasMovedAndOverwrittenBeforeAnybodyLookedAtItKeepsItsMode) {
  DriveOptions options;
  options.upload = false;  // the move is still to come when the file is opened
  Drive drive(options);
  drive.bucket.put_object("before", "old", {{"mode", std::to_string(S_IFREG | 0600)}, {"bpm", "92"}});
  ASSERT_TRUE(drive.rename("before", "after"));
  ASSERT_TRUE(drive.save("after", "new"));
  EXPECT_EQ(drive.stat("after")->attr.mode, 0600U);
  drive.journal->start();
  ASSERT_TRUE(drive.drain());
  const auto head = drive.bucket.head_of("after");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->metadata.at("mode"), std::to_string(S_IFREG | 0600));
  EXPECT_EQ(head->metadata.at("bpm"), "92");
}

TEST(FilesystemTest, ADeviceNodeIsAnObjectThatAColdCacheRecognises) {
  Drive drive;
  const auto made = blocking<NodeAttributes>([&](auto r) {
    drive.fs->mknod(drive.caller, kRootInode, "tty", S_IFCHR | 0620, 0x405, std::move(r));
  });
  ASSERT_TRUE(made);
  EXPECT_EQ(made->attr.type, NodeType::char_device);
  ASSERT_TRUE(drive.drain());
  const auto head = blocking<ObjectHead>([&](auto done) { drive.bucket.head("tty", {}, std::move(done)); });
  ASSERT_TRUE(head);
  EXPECT_EQ(head->metadata.at("mode"), std::to_string(S_IFCHR | 0620));
  EXPECT_EQ(head->metadata.at("rdev"), std::to_string(0x405));
  EXPECT_EQ(head->info.size, kSpecialBodyBytes);
}

// A LIST that began before the removal would show the file beside the folder, under its escaped name.
TEST(FilesystemTest, AFileWhoseNameAFolderTookStaysHiddenFromAListThatBeganBeforeItsRemoval) {
  Drive drive;
  ASSERT_TRUE(drive.save("name", "a file first"));
  ASSERT_TRUE(drive.drain());
  drive.flaky->add({.on = {Verb::remove, "name"}, .kind = FaultKind::hold});
  ASSERT_TRUE(drive.unlink("name"));
  drive.flaky->wait_held(1);
  ASSERT_TRUE(drive.mkdir("name"));
  const RemovedKeys::List list(drive.meta->removed_keys());
  EXPECT_TRUE(drive.meta->lookup_raw(kRootInode, "%2Fname").value());
  EXPECT_FALSE(list.hides("name"));
  drive.flaky->clear();
  drive.flaky->release_held();
  ASSERT_TRUE(drive.drain());
  EXPECT_FALSE(drive.meta->lookup_raw(kRootInode, "%2Fname").value()) << "nothing is left in the tree";
  EXPECT_TRUE(list.hides("name"));
  EXPECT_EQ(drive.stat("name")->attr.type, NodeType::directory);
}

TEST(FilesystemTest, AnUnlinkedFileLivesUntilItIsClosed) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "still here"));
  const NodeAttributes node = drive.stat("f").value();
  const HandleId file = drive.open("f", O_RDWR).value();
  ASSERT_TRUE(drive.unlink("f"));
  EXPECT_EQ(code_of(drive.stat("f")), Code::not_found);
  ASSERT_TRUE(drive.write(file, 10, "!"));
  EXPECT_EQ(drive.read(file, 0, 100).value(), "still here!");
  const auto attr =
      blocking<NodeAttributes>([&](auto r) { drive.fs->getattr(drive.caller, node.ino, std::move(r)); });
  EXPECT_EQ(attr->links, 0U);
  EXPECT_EQ(attr->attr.size, 11U);
  ASSERT_TRUE(drive.close(file));
  EXPECT_EQ(code_of(blocking<NodeAttributes>([&](auto r) { drive.fs->getattr(drive.caller, node.ino, r); })),
            Code::stale);
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("f"), std::nullopt);
}

TEST(FilesystemTest, AStoredFileThatIsUnlinkedIsReadToItsEnd) {
  Drive drive;
  const std::string bytes = pattern(500'000);
  drive.bucket.put_object("f", bytes);
  const HandleId file = drive.open("f", O_RDONLY).value();
  ASSERT_TRUE(drive.unlink("f"));
  EXPECT_EQ(drive.read(file, 400'000, 1'000).value(), bytes.substr(400'000, 1'000));
  ASSERT_TRUE(drive.close(file));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("f"), std::nullopt);
}

TEST(FilesystemTest, AnOpenFileIsOneVersionOrStale) {
  Drive drive;
  const std::string bytes = pattern(500'000);
  drive.bucket.put_object("f", bytes);
  const HandleId file = drive.open("f", O_RDONLY).value();
  EXPECT_EQ(drive.read(file, 0, 10).value(), bytes.substr(0, 10));
  drive.bucket.put_object("f", std::string(500'000, 'z'));
  const auto rest = drive.read(file, 450'000, 10);
  if (rest) {
    EXPECT_EQ(*rest, bytes.substr(450'000, 10));  // it was read ahead
  } else {
    EXPECT_EQ(rest.error().code, Code::stale);
  }
  ASSERT_TRUE(drive.close(file));
}

TEST(FilesystemTest, AnOpenFileOutlivesItsRenameInTheBucket) {
  Drive drive;
  const std::string bytes = pattern(700'000);
  drive.bucket.put_object("f", bytes);
  const HandleId file = drive.open("f", O_RDONLY).value();
  ASSERT_TRUE(drive.rename("f", "g"));
  drive.flaky->wait_calls({Verb::copy, ""}, 1);
  drive.blocks->drop_all();
  EXPECT_EQ(drive.read(file, 600'000, 50).value(), bytes.substr(600'000, 50));
  ASSERT_TRUE(drive.close(file));
  ASSERT_TRUE(drive.drain());
  EXPECT_EQ(drive.bucket.bytes_of("f"), std::nullopt);
  EXPECT_EQ(drive.load("g").value(), bytes);
}

TEST(FilesystemTest, TruncateFallocateAndSeekFollowTheHoles) {
  Drive drive;
  const HandleId file = drive.create("f", O_RDWR).value();
  ASSERT_TRUE(drive.write(file, 0, std::string(8'192, 'x')));
  AttrRequest grow;
  grow.fields = static_cast<std::uint32_t>(SetAttr::size);
  grow.size = 20'000;
  EXPECT_EQ(drive.setattr("f", grow)->attr.size, 20'000U);
  const auto seek = [&](std::uint64_t from, int whence) {
    return blocking<std::uint64_t>([&](auto r) { drive.fs->lseek(drive.caller, file, from, whence, r); });
  };
  EXPECT_EQ(seek(0, SEEK_HOLE).value(), 8'192U);
  EXPECT_EQ(code_of(seek(9'000, SEEK_DATA)), Code::not_found);
  const auto allocate = [&](int mode, std::uint64_t offset, std::uint64_t length) {
    return blocking<void>([&](auto r) { drive.fs->fallocate(drive.caller, file, mode, offset, length, r); });
  };
  ASSERT_TRUE(allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4'096));
  EXPECT_EQ(drive.read(file, 4'090, 10).value(), std::string(6, '\0') + "xxxx");
  ASSERT_TRUE(allocate(FALLOC_FL_KEEP_SIZE, 0, 1'000'000));
  EXPECT_EQ(drive.stat("f")->attr.size, 20'000U);
  ASSERT_TRUE(allocate(0, 0, 30'000));
  EXPECT_EQ(drive.stat("f")->attr.size, 30'000U);
  EXPECT_EQ(code_of(allocate(FALLOC_FL_COLLAPSE_RANGE, 0, 4'096)), Code::unsupported);
  ASSERT_TRUE(drive.close(file));
}

TEST(FilesystemTest, TimesThatWereSetStandUntilTheNextWrite) {
  Drive drive;
  const HandleId file = drive.create("f", O_RDWR).value();
  ASSERT_TRUE(drive.write(file, 0, "x"));
  AttrRequest touch;
  touch.fields = static_cast<std::uint32_t>(SetAttr::mtime);
  touch.change.mtime_ns = 1'000'000'000'000'000'007;
  ASSERT_TRUE(drive.setattr("f", touch));
  EXPECT_EQ(drive.stat("f")->attr.mtime_ns, 1'000'000'000'000'000'007);
  ASSERT_TRUE(drive.close(file));
  EXPECT_EQ(drive.stat("f")->attr.mtime_ns, 1'000'000'000'000'000'007);
}

TEST(FilesystemTest, AttributesTravelWithTheObject) {
  Drive drive;
  ASSERT_TRUE(drive.save("f", "x"));
  ASSERT_TRUE(drive.symlink("f", "link"));
  const InodeId ino = drive.stat("f")->ino;
  const auto set = [&](const std::string& name, const std::string& value, int flags) {
    return blocking<void>([&](auto r) { drive.fs->setxattr(drive.caller, ino, name, value, flags, r); });
  };
  const auto get = [&](const std::string& name) {
    return blocking<std::string>([&](auto r) { drive.fs->getxattr(drive.caller, ino, name, r); });
  };
  drive.files.xattrs["user.cratedrive.state"] = "stored";
  ASSERT_TRUE(set("user.comment", "fat", 0));
  EXPECT_EQ(get("user.comment").value(), "fat");
  EXPECT_EQ(get("user.cratedrive.state").value(), "stored");
  EXPECT_EQ(code_of(set("user.comment", "x", XATTR_CREATE)), Code::exists);
  EXPECT_EQ(code_of(set("user.other", "x", XATTR_REPLACE)), Code::not_found);
  EXPECT_EQ(code_of(set("user.cratedrive.state", "x", 0)), Code::permission);
  EXPECT_EQ(code_of(set("security.capability", "x", 0)), Code::unsupported);
  EXPECT_EQ(code_of(set("user.large", std::string(3'000, 'x'), 0)), Code::too_large);
  EXPECT_EQ(code_of(get("user.none")), Code::not_found);
  EXPECT_THAT(blocking<std::vector<std::string>>([&](auto r) { drive.fs->listxattr(drive.caller, ino, r); }).value(),
              UnorderedElementsAre("user.comment", "user.cratedrive.state"));
  EXPECT_EQ(drive.readlink("link").value(), "f");
}

// ---- folders

TEST(FilesystemTest, ALargeFolderIsReadInPagesWithEveryNameOnce) {
  Drive drive;
  constexpr int kFiles = 100'000;
  std::set<std::string> expected;
  ASSERT_TRUE(drive.meta->write([&](MetaStore::Writer& writer) -> Status {
    CD_TRY(const InodeId folder, writer.make_folders("many"));
    CD_TRY_VOID(writer.set_folder_state(folder, {system_clock().wall_ns(), true}));
    CD_TRY_VOID(writer.set_folder_state(kRootInode, {system_clock().wall_ns(), true}));
    for (int i = 0; i < kFiles; ++i) {
      MetaRecord record;
      record.ino = writer.new_inode();
      CD_TRY_VOID(writer.put(folder, "file-" + std::to_string(i), std::move(record)));
    }
    return {};
  }));
  for (int i = 0; i < kFiles; ++i) expected.insert("file-" + std::to_string(i));
  const auto names = drive.list("many", 300).value();
  EXPECT_EQ(names.size(), expected.size());
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
}

TEST(FilesystemTest, AWalkThroughAFolderIsNotDisturbedByRemovingWhatItShowed) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(drive.save("d/" + std::to_string(100 + i), ""));
  const InodeId ino = drive.stat("d")->ino;
  const HandleId folder = blocking<HandleId>([&](auto r) { drive.fs->opendir(drive.caller, ino, r); }).value();
  std::uint64_t offset = 0;
  int seen = 0;
  for (;;) {
    const auto page = blocking<std::vector<DirectoryEntry>>(
        [&](auto r) { drive.fs->readdir(drive.caller, folder, offset, 10, r); });
    ASSERT_TRUE(page);
    if (page->empty()) break;
    int taken = 0;
    for (const DirectoryEntry& entry : *page) {
      if (++taken > 7) break;  // the kernel's buffer was full
      offset = entry.next;
      if (entry.name.starts_with(".")) continue;
      ASSERT_TRUE(drive.unlink("d/" + entry.name));
      ++seen;
    }
  }
  EXPECT_EQ(seen, 50);
  drive.fs->releasedir(folder);
  EXPECT_TRUE(drive.rmdir("d"));
}

TEST(FilesystemTest, AnOffsetLongPastIsFoundAgain) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(drive.save("d/" + std::to_string(100 + i), ""));
  const InodeId ino = drive.stat("d")->ino;
  const HandleId folder = blocking<HandleId>([&](auto r) { drive.fs->opendir(drive.caller, ino, r); }).value();
  const auto at = [&](std::uint64_t offset) {
    return blocking<std::vector<DirectoryEntry>>(
               [&](auto r) { drive.fs->readdir(drive.caller, folder, offset, 1, r); })
        .value();
  };
  EXPECT_EQ(at(0).front().name, ".");
  EXPECT_EQ(at(2).front().name, "100");
  EXPECT_EQ(at(12).front().name, "110");
  EXPECT_EQ(at(5).front().name, "103");
  drive.fs->releasedir(folder);
}

// ---- virtual files

TEST(FilesystemTest, AVirtualFolderIsReadPageByPageAndFromAnyOffset) {
  Drive drive;
  std::vector<std::string> wanted;
  for (int i = 100; i < 125; ++i) {
    wanted.push_back(std::to_string(i));
    drive.files.files[".cratedrive/many/" + wanted.back()] = {"x"};
  }
  drive.files.page_max = 4;
  for (const std::size_t page : {1u, 3u, 4u, 100u}) EXPECT_EQ(drive.list(".cratedrive/many", page).value(), wanted) << page;

  const auto node = drive.stat(".cratedrive/many").value();
  const HandleId folder = blocking<HandleId>([&](auto r) { drive.fs->opendir(drive.caller, node.ino, std::move(r)); }).value();
  const auto entry_at = [&](std::uint64_t offset) {
    const auto got = blocking<std::vector<DirectoryEntry>>([&](auto r) { drive.fs->readdir(drive.caller, folder, offset, 1, std::move(r)); });
    return got && !got->empty() ? got->front().name : std::string();
  };
  EXPECT_EQ(entry_at(2 + 20), "120");
  EXPECT_EQ(entry_at(2 + 21), "121");
  EXPECT_EQ(entry_at(2 + 5), "105") << "back again";
  EXPECT_EQ(entry_at(2 + 25), "");
  drive.fs->releasedir(folder);
}

TEST(FilesystemTest, AVirtualFileTooLargeForMemoryIsReadFromDisk) {
  Drive drive;
  drive.files.files[".cratedrive/catalog"] = {std::string(300'000, 'c') + "end"};
  drive.files.spool_at = 100;
  EXPECT_EQ(drive.load(".cratedrive/catalog").value(), drive.files.files[".cratedrive/catalog"].text);
  EXPECT_EQ(drive.files.renders, 0);
}

TEST(FilesystemTest, WhatTheBucketMayKnowBetterIsWaitedForAndThenShown) {
  Drive drive;
  drive.files.files[".cratedrive/smart/a"] = {"x"};
  drive.files.current = false;
  const auto node = drive.stat(".cratedrive/smart").value();
  std::optional<Result<HandleId>> opened;
  drive.fs->opendir(drive.caller, node.ino, [&](Result<HandleId> handle) { opened.emplace(std::move(handle)); });
  EXPECT_FALSE(opened) << "it waits";
  ASSERT_EQ(drive.files.waiting.size(), 1u);
  drive.files.waiting[0]({});
  ASSERT_TRUE(opened);
  ASSERT_TRUE(*opened);
  drive.fs->releasedir(**opened);
}

TEST(FilesystemTest, WhatCannotBeBroughtUpToDateIsShownAsItIs) {
  Drive drive;
  drive.files.files[".cratedrive/smart/a"] = {"x"};
  drive.files.current = false;
  const auto node = drive.stat(".cratedrive/smart").value();
  std::optional<Result<HandleId>> opened;
  drive.fs->opendir(drive.caller, node.ino, [&](Result<HandleId> handle) { opened.emplace(std::move(handle)); });
  ASSERT_EQ(drive.files.waiting.size(), 1u);
  drive.files.waiting[0](fail(Code::unreachable, "away"));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(*opened);
}

TEST(FilesystemTest, VirtualFilesAreThereAndBelongToTheDrive) {
  Drive drive;
  drive.files.files[".cratedrive/status"] = {"all is well\n"};
  drive.files.files[".cratedrive/control"] = {"", true};
  drive.files.files["inbox/STATUS.txt"] = {"nothing to do\n"};
  EXPECT_THAT(drive.list("").value(), UnorderedElementsAre(".cratedrive", "inbox"));
  EXPECT_THAT(drive.list("inbox").value(), ElementsAre("STATUS.txt"));
  EXPECT_THAT(drive.list(".cratedrive").value(), UnorderedElementsAre("status", "control"));
  EXPECT_EQ(drive.load(".cratedrive/status").value(), "all is well\n");
  EXPECT_EQ(drive.load("inbox/STATUS.txt").value(), "nothing to do\n");
  EXPECT_EQ(code_of(drive.unlink("inbox/STATUS.txt")), Code::permission);
  EXPECT_EQ(code_of(drive.create(".cratedrive/new", O_WRONLY)), Code::permission);
  EXPECT_EQ(code_of(drive.mkdir(".cratedrive")), Code::permission);
  EXPECT_EQ(code_of(drive.rename(".cratedrive", "other")), Code::permission);
  EXPECT_EQ(code_of(drive.open(".cratedrive/status", O_WRONLY)), Code::permission);
}

TEST(FilesystemTest, AControlFileTakesLinesAndRefusesNonsense) {
  Drive drive;
  drive.files.files[".cratedrive/control"] = {"", true};
  const HandleId file = drive.open(".cratedrive/control", O_WRONLY | O_TRUNC).value();
  EXPECT_EQ(drive.write(file, 0, "sync\npause\n\n").value(), 12U);
  EXPECT_EQ(code_of(drive.write(file, 12, "nonsense\n")), Code::invalid);
  EXPECT_THAT(drive.files.commands, ElementsAre(".cratedrive/control: sync", ".cratedrive/control: pause"));
  AttrRequest chmod;
  chmod.fields = static_cast<std::uint32_t>(SetAttr::mode);
  chmod.change.mode = 0600;
  EXPECT_TRUE(drive.setattr(".cratedrive/control", chmod));
  EXPECT_TRUE(drive.close(file));
}

TEST(FilesystemTest, AVirtualFileIsOneMomentAndAGrowingOneGoesOn) {
  Drive drive;
  drive.files.files[".cratedrive/status"] = {"before"};
  drive.files.files[".cratedrive/events.jsonl"] = {"one\n", false, true};
  const HandleId status = drive.open(".cratedrive/status", O_RDONLY).value();
  const HandleId events = drive.open(".cratedrive/events.jsonl", O_RDONLY).value();
  EXPECT_EQ(drive.read(events, 0, 100).value(), "one\n");
  drive.files.files[".cratedrive/status"].text = "after, and longer";
  drive.files.files[".cratedrive/events.jsonl"].text += "two\n";
  EXPECT_EQ(drive.read(status, 0, 100).value(), "before");
  EXPECT_EQ(drive.read(events, 4, 100).value(), "two\n");
  drive.fs->release(status);
  drive.fs->release(events);
}

TEST(FilesystemTest, AFolderInTheInboxCanBeRemovedWithAllThatIsInIt) {
  Drive drive;
  drive.files.files["inbox/STATUS.txt"] = {""};
  drive.flaky->set_down(true);
  ASSERT_TRUE(drive.mkdir("inbox/pack"));
  ASSERT_TRUE(drive.save("inbox/pack/a.wav", "a"));
  EXPECT_EQ(drive.load("inbox/pack/a.wav").value(), "a");
  const auto names = drive.list("inbox/pack").value();
  EXPECT_THAT(names, ElementsAre("a.wav"));
  for (const std::string& name : names) ASSERT_TRUE(drive.unlink("inbox/pack/" + name));
  EXPECT_TRUE(drive.rmdir("inbox/pack"));
}

// ---- the two lanes

TEST(FilesystemTest, AThousandHangingReadsKeepNobodyWaiting) {
  Drive drive;
  constexpr int kReads = 1'000;
  drive.bucket.put_object("cached", "here");
  for (int i = 0; i < kReads; ++i) drive.bucket.put_object("cold/" + std::to_string(i), pattern(10'000));
  drive.files.files[".cratedrive/status"] = {"all is well\n"};
  ASSERT_EQ(drive.load("cached").value(), "here");
  std::vector<HandleId> handles;
  for (int i = 0; i < kReads; ++i) handles.push_back(drive.open("cold/" + std::to_string(i), O_RDONLY).value());

  drive.flaky->add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::atomic<int> answered{0};
  std::stop_source ctrl_c;
  Caller waiting = drive.caller;
  waiting.interrupted = ctrl_c.get_token();
  std::atomic<int> interrupted{0};
  for (const HandleId handle : handles)
    drive.fs->read(waiting, handle, 0, 4'096, [&](Result<SharedBytes> got) {
      if (!got && got.error().code == Code::cancelled) ++interrupted;
      ++answered;
    });
  EXPECT_EQ(answered.load(), 0);
  EXPECT_EQ(drive.fs->stats().waiting, static_cast<std::uint64_t>(kReads));

  // Everything local answers on this thread, though nothing comes from the store.
  bool here = false;
  drive.fs->lookup(drive.caller, kRootInode, "cached", [&](const Result<NodeAttributes>& r) { here = r.has_value(); });
  EXPECT_TRUE(here);
  EXPECT_EQ(drive.load("cached").value(), "here");
  EXPECT_EQ(drive.load(".cratedrive/status").value(), "all is well\n");
  ASSERT_TRUE(drive.save("new", "written meanwhile"));
  EXPECT_EQ(drive.load("new").value(), "written meanwhile");

  ctrl_c.request_stop();
  EXPECT_EQ(answered.load(), kReads);
  EXPECT_EQ(interrupted.load(), kReads);
  EXPECT_EQ(drive.fs->stats().waiting, 0U);
  for (const HandleId handle : handles) drive.fs->release(handle);
}

TEST(FilesystemTest, AReadThatHangsEndsAtItsDeadline) {
  DriveOptions options;
  options.fs.read_deadline = Millis(50);
  Drive drive(options);
  drive.bucket.put_object("f", pattern(10'000));
  const HandleId file = drive.open("f", O_RDONLY).value();
  drive.flaky->add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  EXPECT_EQ(code_of(drive.read(file, 0, 100)), Code::timeout);
  drive.fs->release(file);
}

TEST(FilesystemTest, UnmountingAnswersWhoStillWaits) {
  Drive drive;
  drive.bucket.put_object("f", pattern(10'000));
  const HandleId file = drive.open("f", O_RDONLY).value();
  drive.flaky->add({.on = {Verb::get, ""}, .kind = FaultKind::hold});
  std::optional<Code> code;
  drive.fs->read(drive.caller, file, 0, 100, [&](const Result<SharedBytes>& got) { code = got.error().code; });
  EXPECT_FALSE(code);
  drive.fs.reset();
  EXPECT_EQ(code, Code::cancelled);
}

// ---- freshness

TEST(FilesystemTest, AFolderThatWasNeverListedIsNotEmptyWhenTheStoreIsGone) {
  Drive drive;
  drive.flaky->set_down(true);
  const auto missing = drive.stat("anything");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().code, Code::not_found);
  EXPECT_FALSE(drive.list(""));
}

TEST(FilesystemTest, AFolderThatHangsIsAnErrorAndNotEmpty) {
  DriveOptions options;
  options.fs.read_deadline = Millis(50);
  Drive drive(options);
  drive.flaky->add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  EXPECT_EQ(code_of(drive.stat("anything")), Code::timeout);
}

TEST(FilesystemTest, AStaleFolderIsShownAsItWasWhenTheStoreHangs) {
  DriveOptions options;
  options.fs.stale_grace = Millis(20);
  Drive drive(options);
  drive.bucket.put_object("f", "x");
  ASSERT_TRUE(drive.stat("f"));
  drive.bucket.put_object("g", "y");
  drive.tree->expire_all();
  drive.flaky->add({.on = {Verb::list, ""}, .kind = FaultKind::hold});
  EXPECT_TRUE(drive.stat("f"));
  EXPECT_EQ(code_of(drive.stat("g")), Code::not_found);
  drive.flaky->clear();
  drive.flaky->release_held();
}

TEST(FilesystemTest, AStaleFolderIsAskedForAgain) {
  Drive drive;
  drive.bucket.put_object("f", "x");
  ASSERT_TRUE(drive.stat("f"));
  drive.bucket.put_object("g", "y");
  EXPECT_EQ(code_of(drive.stat("g")), Code::not_found);
  drive.tree->expire_all();
  EXPECT_TRUE(drive.stat("g"));
}

TEST(FilesystemTest, WithoutATtlEveryOpenAsks) {
  DriveOptions options;
  options.metadata_ttl = Millis(0);
  options.fs.metadata_ttl = Millis(0);
  Drive drive(options);
  drive.bucket.put_object("f", "first");
  EXPECT_EQ(drive.load("f").value(), "first");
  drive.bucket.put_object("f", "second!");
  EXPECT_EQ(drive.load("f").value(), "second!");
}

TEST(FilesystemTest, AWarmStartListsFromDisk) {
  Drive drive;
  drive.bucket.put_object("a/f", "x");
  ASSERT_TRUE(drive.stat("a/f"));
  drive.restart();
  drive.flaky->set_down(true);
  EXPECT_THAT(drive.list("a").value(), ElementsAre("f"));
  EXPECT_EQ(drive.flaky->calls(), 0U);
}

TEST(FilesystemTest, ALinkIsALinkAlsoWhenTheCacheIsLost) {
  Drive drive;
  ASSERT_TRUE(drive.mkdir("d"));
  ASSERT_TRUE(drive.symlink("../far/away.wav", "d/link"));
  ASSERT_TRUE(drive.save("d/file", "not a link"));
  ASSERT_TRUE(drive.drain());
  drive.restart(true);
  EXPECT_THAT(drive.list("d").value(), ElementsAre("file", "link"));
  drive.flaky->set_down(true);  // the walk has looked already
  EXPECT_EQ(drive.stat("d/link")->attr.type, NodeType::symlink);
  EXPECT_EQ(drive.stat("d/file")->attr.type, NodeType::file);
  EXPECT_EQ(drive.readlink("d/link").value(), "../far/away.wav");
}

// ---- room

TEST(FilesystemTest, AFileThatIsGoingHidesNoFolderOfItsNameWhenTheCacheIsLost) {
  DriveOptions options;
  options.upload = false;
  Drive drive(options);
  drive.bucket.put_object("kits", "a file once");
  ASSERT_TRUE(drive.stat("kits"));
  ASSERT_TRUE(drive.unlink("kits"));
  drive.bucket.put_object("kits/808.wav", "boom");
  drive.restart(true);
  EXPECT_EQ(drive.load("kits/808.wav").value(), "boom");
}

TEST(FilesystemTest, WhenNothingMovesAFullStagingAreaIsNoSpace) {
  DriveOptions options;
  options.upload = false;
  options.staging_bytes_max = 64u << 10;
  Drive drive(options);
  const HandleId file = drive.create("f", O_WRONLY).value();
  Result<std::size_t> wrote = std::size_t{0};
  for (std::uint64_t i = 0; i < 8 && wrote; ++i) wrote = drive.write(file, i * 32'768, std::string(32'768, 'x'));
  EXPECT_EQ(code_of(wrote), Code::no_space);
  drive.fs->release(file);
}

// S5 "close and fsync return when the bucket has the file"
TEST(FilesystemTest, WithRemoteDurabilityCloseMeansStored) {
  DriveOptions options;
  options.fs.durability_remote = true;
  Drive drive(options);
  ASSERT_TRUE(drive.save("f", "safe"));
  EXPECT_EQ(drive.bucket.bytes_of("f"), "safe");
  const HandleId file = drive.open("f", O_RDWR).value();
  ASSERT_TRUE(drive.write(file, 0, "SAFE"));
  ASSERT_TRUE(blocking<void>([&](auto r) { drive.fs->fsync(drive.caller, file, r); }));
  EXPECT_EQ(drive.bucket.bytes_of("f"), "SAFE");
  ASSERT_TRUE(drive.write(file, 4, "!"));
  ASSERT_TRUE(drive.close(file));
  EXPECT_EQ(drive.bucket.bytes_of("f"), "SAFE!");
}

}  // namespace
}  // namespace cd
