// The journal as a whole, against a bucket that can be broken on order.
#include "tests/journal/world.h"

#include <algorithm>
#include <fstream>
#include <thread>

namespace cd::testing {
namespace {

using Tree = std::map<std::string, std::string>;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() : store(small_parts()), flaky(store), world(flaky, folder.path()) {}
  void SetUp() override { world.open(); }

  void expect_bucket(const Tree& expected) {
    ASSERT_TRUE(world.drain());
    EXPECT_EQ(bucket_tree(store), expected);
    EXPECT_EQ(world.journal->totals().pending_uploads, 0u);
    EXPECT_EQ(store.open_uploads(), 0u);
  }
  InodeId ino(const std::string& path) { return world.at(path).value().record.ino; }

  TempDirectory folder;
  MemoryStore store;
  FlakyStore flaky;
  World world;
};

TEST_F(JournalTest, AFileThatWasWrittenComesToTheBucketWithItsAttributes) {
  ASSERT_TRUE(world.mkdir("Drums"));
  ASSERT_TRUE(world.write("Drums/kick.wav", "boom"));
  ASSERT_TRUE(world.chmod("Drums/kick.wav", 0640));
  ASSERT_TRUE(world.names().set_xattr(ino("Drums/kick.wav"), "user.comment", "deep"));
  expect_bucket({{"Drums/", ""}, {"Drums/kick.wav", "boom"}});
  const auto head = store.head_of("Drums/kick.wav");
  EXPECT_EQ(head->content_type, "audio/wav");
  EXPECT_EQ(head->metadata.at("mode"), std::to_string(0100640));
  EXPECT_TRUE(head->metadata.contains("xattr"));
  EXPECT_EQ(world.journal->state_of(world.at("Drums/kick.wav")->record), "stored");
  EXPECT_EQ(world.read("Drums/kick.wav"), "boom");
  while (world.journal->totals().staged_bytes > 0) std::this_thread::yield();  // its uploader lets go of it
}

TEST_F(JournalTest, WhatWasStoredIsReadFromTheBlockCacheWithoutARequest) {
  ASSERT_TRUE(world.write("a", "bytes that we had anyway"));
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(world.read("a"), "bytes that we had anyway");
  EXPECT_EQ(flaky.calls({Verb::get, ""}), 0u);
}

TEST_F(JournalTest, AnUploadWaitsWhileAWriterIsOpen) {
  const auto made = world.names().create(kRootInode, "take.wav", {});
  ASSERT_TRUE(made);
  EXPECT_EQ(world.journal->uploads(10).at(0).state, "open");
  ASSERT_TRUE(world.write("other", "x"));
  ASSERT_TRUE(world.drain("other"));
  EXPECT_EQ(store.keys(), std::vector<std::string>{"other"});
  world.names().close_for_write(made->ino);
  expect_bucket({{"other", "x"}, {"take.wav", ""}});
}

TEST_F(JournalTest, TheUploadThreadSleepsWhileItMayStartNothing) {
  world.journal->pause();
  for (int n = 0; n < 50; ++n) ASSERT_TRUE(world.write("file " + std::to_string(n), "y"));  // their time comes, and passes
  const auto rounds = [this] { return world.metrics->counter_sum("cratedrive_upload_rounds_total"); };
  const std::uint64_t before = rounds();
  for (int n = 0; n < 10'000; ++n) ASSERT_TRUE(world.at("file 7"));
  EXPECT_LE(rounds() - before, 10u) << "a thread that looks again and again would have looked a thousand times";
  world.journal->resume();
  ASSERT_TRUE(world.drain());
}

TEST_F(JournalTest, ChangesThatBringNoWorkDoNotWakeTheUploadThread) {
  flaky.add({.on = {Verb::put, "first"}, .kind = FaultKind::hold});
  world.close();
  JournalOptions options = quick_options();
  options.uploads_parallel = 1;
  World one(flaky, folder.path() + "/one", options);
  one.open();
  ASSERT_TRUE(one.write("first", "x"));
  flaky.wait_held(1);
  const auto rounds = [&one] { return one.metrics->counter_sum("cratedrive_upload_rounds_total"); };
  const std::uint64_t before = rounds();
  for (int n = 0; n < 50; ++n) ASSERT_TRUE(one.write("file " + std::to_string(n), "y"));  // three changes each
  EXPECT_LE(rounds() - before, 10u);
  flaky.clear();
  flaky.release_held();
  ASSERT_TRUE(one.drain());
}

TEST_F(JournalTest, OpenedForWritingAndClosedUntouchedSendsNothing) {
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.drain());
  flaky.forget_calls();
  ASSERT_TRUE(world.names().open_for_write(ino("a"), false));
  world.names().close_for_write(ino("a"));
  EXPECT_EQ(world.journal->totals().pending_uploads, 0u);
  EXPECT_EQ(world.read("a"), "content");
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(flaky.calls({Verb::put, ""}), 0u);
  EXPECT_EQ(flaky.calls({Verb::copy, ""}), 0u);
}

TEST_F(JournalTest, APatchOfAStoredFileKeepsTheRestOfIt) {
  store.put_object("song", "0123456789");
  ASSERT_TRUE(world.load());
  ASSERT_TRUE(world.patch("song", 3, "abc"));
  EXPECT_EQ(world.read("song"), "012abc6789");
  world.reopen(true);
  expect_bucket({{"song", "012abc6789"}});
}

TEST_F(JournalTest, APatchedFileWhoseAnswerWasLostWithTheCacheIsWhole) {
  const std::string large(200'000, 'b');
  for (const std::string& before : {std::string("0123456789"), large}) {
    store.put_object("song", before);
    ASSERT_TRUE(world.load());
    world.tree->expire_all();
    ASSERT_TRUE(world.load());
    flaky.add({.on = {before.size() > 100 ? Verb::finish : Verb::put, "song"}, .kind = FaultKind::answer_lost});
    ASSERT_TRUE(world.patch("song", 3, "abc"));
    flaky.wait_calls({before.size() > 100 ? Verb::finish : Verb::put, "song"}, 1);
    world.close();
    flaky.clear();
    flaky.forget_calls();
    world.reopen(true);
    ASSERT_TRUE(world.drain());
    std::string expected = before;
    expected.replace(3, 3, "abc");
    EXPECT_EQ(store.bytes_of("song"), expected);
    EXPECT_EQ(world.read("song"), expected);
    EXPECT_EQ(store.keys().size(), 1u);
  }
}

TEST_F(JournalTest, APatchedFilePatchedAgainWhileItIsSentKeepsItsBase) {
  std::string expected(200'000, 'b');
  store.put_object("song", expected);
  ASSERT_TRUE(world.load());
  flaky.add({.on = {Verb::finish, "song"}, .kind = FaultKind::answer_lost, .nth = 1, .times = 1});
  flaky.add({.on = {Verb::finish, "song"}, .kind = FaultKind::hold, .nth = 2, .times = 1});
  ASSERT_TRUE(world.patch("song", 3, "abc"));
  flaky.wait_held(1);
  EXPECT_EQ(store.bytes_of("song")->substr(3, 3), "abc");
  world.blocks->drop_all();
  ASSERT_TRUE(world.patch("song", 100, "xyz"));
  flaky.release_held();
  expected.replace(3, 3, "abc");
  expected.replace(100, 3, "xyz");
  expect_bucket({{"song", expected}});
  EXPECT_EQ(world.read("song"), expected);
}

TEST_F(JournalTest, ARenameIsACopyInTheBucketAndTheOldNameGoes) {
  ASSERT_TRUE(world.write("old", "content"));
  ASSERT_TRUE(world.drain());
  flaky.forget_calls();
  ASSERT_TRUE(world.rename("old", "new"));
  EXPECT_EQ(world.snapshot(), (Tree{{"new", "content"}}));
  expect_bucket({{"new", "content"}});
  EXPECT_EQ(flaky.calls({Verb::copy, ""}), 1u);
  EXPECT_EQ(flaky.calls({Verb::put, ""}), 0u);
}

TEST_F(JournalTest, AChainOfRenamesIsOneCopy) {
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.drain());
  world.journal->pause();
  ASSERT_TRUE(world.rename("a", "b"));
  ASSERT_TRUE(world.rename("b", "c"));
  ASSERT_TRUE(world.rename("c", "d"));
  flaky.forget_calls();
  world.journal->resume();
  expect_bucket({{"d", "content"}});
  EXPECT_EQ(flaky.calls({Verb::copy, ""}), 1u);
  EXPECT_EQ(flaky.calls({Verb::remove, ""}), 1u);
}

TEST_F(JournalTest, ThereAndBackAgainAsksNothingOfTheStore) {
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.drain());
  world.journal->pause();
  flaky.forget_calls();
  ASSERT_TRUE(world.rename("a", "b"));
  ASSERT_TRUE(world.rename("b", "a"));
  world.journal->resume();
  expect_bucket({{"a", "content"}});
  EXPECT_EQ(flaky.calls(), 0u);
}

TEST_F(JournalTest, ASwapOfTwoStoredFilesKeepsBoth) {
  ASSERT_TRUE(world.write("a", "was a"));
  ASSERT_TRUE(world.write("b", "was b"));
  ASSERT_TRUE(world.drain());
  ASSERT_TRUE(world.rename("a", "b", RenameMode::exchange));
  EXPECT_EQ(world.snapshot(), (Tree{{"a", "was b"}, {"b", "was a"}}));
  expect_bucket({{"a", "was b"}, {"b", "was a"}});
}

TEST_F(JournalTest, AFolderAndAFileThatChangePlacesTwiceAreThereWithoutTheCache) {
  for (const bool drained : {false, true}) {
    SCOPED_TRACE(drained);
    const std::string top = drained ? "late" : "early";
    ASSERT_TRUE(world.mkdir(top));
    ASSERT_TRUE(world.mkdir(top + "/a"));
    ASSERT_TRUE(world.write(top + "/a/s", "was s"));
    ASSERT_TRUE(world.mkdir(top + "/Drums"));
    ASSERT_TRUE(world.write(top + "/Drums/x", "boom"));
    ASSERT_TRUE(world.mkdir(top + "/Drums/empty"));
    ASSERT_TRUE(world.drain());
    ASSERT_TRUE(world.rename(top + "/a/s", top + "/Drums", RenameMode::exchange));
    if (drained) {
      ASSERT_TRUE(world.drain());
    } else {
      world.journal->pause();
    }
    ASSERT_TRUE(world.rename(top + "/a", top + "/Drums", RenameMode::exchange));
    const auto before = world.snapshot();
    world.journal->pause();
    world.reopen(true, false);
    ASSERT_TRUE(world.load());
    EXPECT_EQ(world.snapshot(), before);
    world.journal->resume();
    world.journal->start();
    ASSERT_TRUE(world.drain());
    EXPECT_EQ(world.snapshot(), before);
    EXPECT_EQ(bucket_tree(store), before);
  }
}

TEST_F(JournalTest, AFileBesideAFolderOfItsNameStaysInSightWhenTheFolderGoes) {
  store.put_object("kit", "a file");
  store.put_object("kit/x", "below it");
  ASSERT_TRUE(world.load());
  const Tree both{{"%2Fkit", "a file"}, {"kit/", ""}, {"kit/x", "below it"}};
  EXPECT_EQ(world.snapshot(), both);
  world.journal->pause();
  ASSERT_TRUE(world.unlink("kit/x"));
  ASSERT_TRUE(world.rmdir("kit"));
  for (const bool without_cache : {false, true}) {
    if (without_cache) world.reopen(true, false);
    world.tree->expire_all();
    ASSERT_TRUE(world.load());
    EXPECT_EQ(world.snapshot(), (Tree{{"%2Fkit", "a file"}}));
  }
  world.journal->resume();
  world.journal->start();
  ASSERT_TRUE(world.drain());
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(bucket_tree(store), (Tree{{"kit", "a file"}}));
  EXPECT_EQ(world.snapshot().size(), 1U);
  EXPECT_EQ(world.snapshot().begin()->second, "a file");
}

TEST_F(JournalTest, AFileAndAFolderThatChangedPlacesHalfwayAndBackAreThereWithoutTheCache) {
  store.put_object("kit", "a file");
  store.put_object("drum/", "");
  store.put_object("drum/x", "below it");
  ASSERT_TRUE(world.load());
  const auto before = world.snapshot();
  flaky.add({{Verb::copy, "drum"}, FaultKind::error});
  ASSERT_TRUE(world.rename("kit", "drum", RenameMode::exchange));
  flaky.wait_calls({Verb::copy, "kit/x"}, 1);
  ASSERT_TRUE(world.drain("kit/x"));
  world.journal->pause();
  ASSERT_TRUE(world.rename("kit", "drum", RenameMode::exchange));
  EXPECT_EQ(world.snapshot(), before);
  world.reopen(true, false);
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), before);
  flaky.clear();
  world.journal->resume();
  world.journal->start();
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(bucket_tree(store), before);
  EXPECT_EQ(world.snapshot(), before);
}

TEST_F(JournalTest, AFileThatIsBeingRemovedStaysHiddenBesideAFolderOfItsNameThatIsToo) {
  store.put_object("kit/x", "below it");
  ASSERT_TRUE(world.load());
  world.journal->pause();
  ASSERT_TRUE(world.unlink("kit/x"));
  ASSERT_TRUE(world.rmdir("kit"));
  store.put_object("kit", "a file");  // as if ours had got there before the removals
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), (Tree{{"%2Fkit", "a file"}}));
  ASSERT_TRUE(world.unlink("%2Fkit"));
  for (const bool restarted : {false, true}) {
    if (restarted) world.reopen(false, false);
    world.tree->expire_all();
    ASSERT_TRUE(world.load());
    EXPECT_EQ(world.snapshot(), Tree{});
  }
  world.journal->resume();
  world.journal->start();
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(bucket_tree(store), Tree{});
  store.put_object("kit", "a stranger's");
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), (Tree{{"kit", "a stranger's"}}));
}

// A file had the name, then a folder whose removal still waits, then a file again, and that goes too.
TEST_F(JournalTest, AFileThatIsRemovedWhereAFolderIsStillBeingRemovedStaysHidden) {
  store.put_object("kit/x", "below it");
  ASSERT_TRUE(world.load());
  flaky.add({.on = {Verb::remove, "kit/x"}, .kind = FaultKind::error});
  ASSERT_TRUE(world.unlink("kit/x"));
  ASSERT_TRUE(world.rmdir("kit"));
  ASSERT_TRUE(world.write("kit", "a file"));
  EXPECT_EQ(world.seen.wait_for_outcome(0).path, "kit");
  world.journal->pause();
  ASSERT_TRUE(world.unlink("kit"));
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), Tree{});
  flaky.clear();
  world.journal->resume();
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(bucket_tree(store), Tree{});
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), Tree{});
}

// The store's refusal and the end of the removal that it was about may cross.
TEST_F(JournalTest, AFileIsSentAgainWhenAFolderHadItsNameAMomentAgo) {
  const Error in_the_way{Code::is_directory, "a folder has its name"};
  flaky.add({.on = {Verb::put, "kit"}, .kind = FaultKind::error, .error = in_the_way, .times = 1});
  ASSERT_TRUE(world.write("kit", "a file"));
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(bucket_tree(store), (Tree{{"kit", "a file"}}));
}

TEST_F(JournalTest, AFileThatIsBeingRemovedStaysHiddenWhenAFolderOfItsNameMovesThere) {
  store.put_object("there/kit", "a file");
  store.put_object("here/kit/x", "below it");  // folders that keys imply: nothing is to be stored for themselves
  ASSERT_TRUE(world.load());
  world.journal->pause();
  ASSERT_TRUE(world.unlink("there/kit"));
  ASSERT_TRUE(world.rmdir("there"));
  ASSERT_TRUE(world.rename("here", "there"));
  const Tree expected{{"there/", ""}, {"there/kit/", ""}, {"there/kit/x", "below it"}};
  EXPECT_EQ(world.snapshot(), expected);
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), expected);
  world.journal->resume();
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(bucket_tree(store), expected);
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), expected);
}

TEST_F(JournalTest, AFileBesideAFolderOfItsNameCanTakeThatName) {
  Tree expected;
  for (const bool paused : {false, true}) {
    SCOPED_TRACE(paused);
    const std::string top = paused ? "late/" : "early/";
    store.put_object(top + "kit", "a file");
    store.put_object(top + "kit/x", "below it");
    world.tree->expire_all();
    ASSERT_TRUE(world.load());
    if (paused) world.journal->pause();
    ASSERT_TRUE(world.rename(top + "%2Fkit", top + "aside"));
    ASSERT_TRUE(world.rename(top + "kit", top + "folder"));
    ASSERT_TRUE(world.rename(top + "aside", top + "kit"));
    expected.insert({{top, ""}, {top + "folder/", ""}, {top + "folder/x", "below it"}, {top + "kit", "a file"}});
    EXPECT_EQ(world.snapshot(), expected);
    world.journal->resume();
    ASSERT_TRUE(world.drain());
    EXPECT_EQ(bucket_tree(store), expected);
    EXPECT_EQ(world.snapshot(), expected);
  }
}

TEST_F(JournalTest, AFolderMovesWithEverythingBelowIt) {
  store.put_object("lib/x", "X");
  store.put_object("lib/deep/y", "Y");
  ASSERT_TRUE(world.load());
  ASSERT_TRUE(world.write("lib/fresh", "F"));
  ASSERT_TRUE(world.mkdir("lib/empty"));
  ASSERT_TRUE(world.rename("lib", "moved"));
  const Tree expected{{"moved/", ""}, {"moved/x", "X"}, {"moved/deep/", ""}, {"moved/deep/y", "Y"},
                      {"moved/fresh", "F"}, {"moved/empty/", ""}};
  EXPECT_EQ(world.snapshot(), expected);
  world.reopen(true);
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), expected);
  expect_bucket(expected);
}

TEST_F(JournalTest, ARemovedTreeLeavesNothingAndDoesNotComeBackWithAListing) {
  store.put_object("t/a", "1");
  store.put_object("t/b/c", "2");
  store.put_object("stays", "3");
  ASSERT_TRUE(world.load());
  world.journal->pause();
  ASSERT_TRUE(world.unlink("t/a"));
  ASSERT_TRUE(world.unlink("t/b/c"));
  ASSERT_TRUE(world.rmdir("t/b"));
  ASSERT_TRUE(world.rmdir("t"));
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), (Tree{{"stays", "3"}}));
  world.reopen(true);
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), (Tree{{"stays", "3"}}));
  expect_bucket({{"stays", "3"}});
  EXPECT_EQ(flaky.calls({Verb::put, ""}), 0u);
}

TEST_F(JournalTest, AFolderMadeAnewOverItsRemovalIsEmpty) {
  store.put_object("t/a", "1");
  ASSERT_TRUE(world.load());
  world.journal->pause();
  ASSERT_TRUE(world.unlink("t/a"));
  ASSERT_TRUE(world.rmdir("t"));
  ASSERT_TRUE(world.mkdir("t"));
  world.tree->expire_all();
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), (Tree{{"t/", ""}}));
  world.journal->resume();
  expect_bucket({{"t/", ""}});
  EXPECT_EQ(world.snapshot(), (Tree{{"t/", ""}}));
}

TEST_F(JournalTest, AFolderStaysWhenItsLastFileGoes) {
  store.put_object("kits/808", "boom");
  ASSERT_TRUE(world.load());
  ASSERT_TRUE(world.unlink("kits/808"));
  EXPECT_EQ(world.snapshot(), (Tree{{"kits/", ""}}));
  expect_bucket({{"kits/", ""}});
}

TEST_F(JournalTest, AForeignVersionKeepsTheNameAndOursGetsAnother) {
  ASSERT_TRUE(world.load());
  store.put_object("mix.wav", "theirs");
  ASSERT_TRUE(world.write("mix.wav", "ours"));
  ASSERT_TRUE(world.drain());
  const Tree bucket = bucket_tree(store);
  ASSERT_EQ(bucket.size(), 2u);
  EXPECT_EQ(bucket.at("mix.wav"), "theirs");
  const std::string other = bucket.begin()->first;
  EXPECT_TRUE(other.starts_with("mix (conflict studio ") && other.ends_with("Z).wav")) << other;
  EXPECT_EQ(bucket.begin()->second, "ours");
  EXPECT_EQ(world.snapshot(), bucket);
  const UploadOutcome outcome = world.seen.wait_for_outcome(0);
  EXPECT_EQ(outcome.path, "mix.wav");
  EXPECT_EQ(outcome.conflict_path, other);
  EXPECT_EQ(world.journal->totals().conflicts_total, 1u);
}

TEST_F(JournalTest, AnOverwriteOfAVersionThatChangedInTheBucketIsAConflict) {
  store.put_object("a", "first");
  ASSERT_TRUE(world.load());
  store.put_object("a", "theirs");
  ASSERT_TRUE(world.write("a", "ours"));
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(store.bytes_of("a"), "theirs");
  EXPECT_EQ(store.keys().size(), 2u);
}

TEST_F(JournalTest, ARemovalOfAVersionThatChangedKeepsTheForeignOne) {
  store.put_object("a", "first");
  ASSERT_TRUE(world.load());
  store.put_object("a", "theirs");
  ASSERT_TRUE(world.unlink("a"));
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(store.bytes_of("a"), "theirs");
  EXPECT_EQ(world.snapshot(), (Tree{{"a", "theirs"}}));
}

TEST_F(JournalTest, AnUploadWhoseAnswerWasLostIsNoConflict) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::answer_lost, .nth = 1, .times = 1});
  ASSERT_TRUE(world.write("a", "content"));
  expect_bucket({{"a", "content"}});
  EXPECT_EQ(world.journal->totals().conflicts_total, 0u);
}

TEST_F(JournalTest, AFileWrittenAgainAfterALostAnswerIsNoConflict) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::answer_lost, .nth = 1, .times = 1});
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::hold, .nth = 1, .times = 1});
  ASSERT_TRUE(world.write("a", "first"));
  flaky.wait_calls({Verb::put, "a"}, 2);
  ASSERT_TRUE(world.write("a", "second"));
  flaky.clear();
  flaky.release_held();
  expect_bucket({{"a", "second"}});
  EXPECT_EQ(world.journal->totals().conflicts_total, 0u);
}

TEST_F(JournalTest, UnlinkedWhileItIsSentLeavesNoObject) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::hold});
  ASSERT_TRUE(world.write("a", "content"));
  flaky.wait_held(1);
  ASSERT_TRUE(world.unlink("a"));
  flaky.clear();
  flaky.release_held();
  expect_bucket({});
}

TEST_F(JournalTest, UnlinkedAfterALostAnswerLeavesNoObject) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::answer_lost, .nth = 1, .times = 1});
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::hold, .nth = 1});
  ASSERT_TRUE(world.write("a", "content"));
  flaky.wait_calls({Verb::put, "a"}, 2);
  EXPECT_EQ(store.bytes_of("a"), "content");
  ASSERT_TRUE(world.unlink("a"));
  flaky.clear();
  flaky.release_held();
  expect_bucket({});
}

TEST_F(JournalTest, RenamedWhileItIsSentEndsUnderItsNewNameOnly) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::hold});
  ASSERT_TRUE(world.write("a", "content"));
  flaky.wait_held(1);
  ASSERT_TRUE(world.rename("a", "b"));
  flaky.clear();
  flaky.release_held();
  expect_bucket({{"b", "content"}});
}

// S15 "Uploads of one path happen in order, one at a time."
TEST_F(JournalTest, WrittenAgainWhileItIsSentTheLastContentWins) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::hold, .nth = 1, .times = 1});
  ASSERT_TRUE(world.write("a", "first"));
  flaky.wait_held(1);
  ASSERT_TRUE(world.write("a", "second, and longer"));
  flaky.release_held();
  expect_bucket({{"a", "second, and longer"}});
}

TEST_F(JournalTest, AnUnlinkedFileStaysInTheBucketWhileItIsRead) {
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.drain());
  const InodeId reader = ino("a");
  world.names().reader_opened(reader);
  ASSERT_TRUE(world.unlink("a"));
  ASSERT_TRUE(world.write("b", "x"));
  ASSERT_TRUE(world.drain("b"));
  EXPECT_EQ(store.bytes_of("a"), "content");
  EXPECT_EQ(world.snapshot(), (Tree{{"b", "x"}}));
  world.names().reader_closed(reader);
  expect_bucket({{"b", "x"}});
}

TEST_F(JournalTest, ARenamedFileStaysUnderItsOldKeyTooWhileItIsRead) {
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.drain());
  const InodeId reader = ino("a");
  world.names().reader_opened(reader);
  ASSERT_TRUE(world.rename("a", "b"));
  ASSERT_TRUE(world.drain("b"));
  EXPECT_EQ(store.bytes_of("a"), "content");
  world.names().reader_closed(reader);
  expect_bucket({{"b", "content"}});
}

TEST_F(JournalTest, WhatTheStoreRefusesFailsAtOnceWithItsWordsAndRetryTakesItUp) {
  flaky.add({.on = {Verb::put, "a"}, .kind = FaultKind::error, .error = {Code::permission, "no, says the store"}});
  ASSERT_TRUE(world.write("a", "content"));
  ASSERT_TRUE(world.write("b", "other"));
  const Status drained = world.drain("a");
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().message, "no, says the store");
  EXPECT_EQ(world.journal->state_of(world.at("a")->record), "failed: no, says the store");
  ASSERT_TRUE(world.drain("b")) << "one failing file does not hold up the rest";
  EXPECT_EQ(world.journal->totals().failed, 1u);
  EXPECT_EQ(world.read("a"), "content");
  flaky.clear();
  EXPECT_EQ(world.journal->retry(""), 1u);
  expect_bucket({{"a", "content"}, {"b", "other"}});
}

TEST_F(JournalTest, AStoreThatIsAwayUsesUpNoTries) {
  flaky.set_down(true);
  ASSERT_TRUE(world.write("a", "content"));
  flaky.wait_calls({Verb::put, "a"}, 20);  // more than tries_max
  EXPECT_EQ(world.journal->totals().failed, 0u);
  flaky.set_down(false);
  world.journal->store_came_back();
  expect_bucket({{"a", "content"}});
}

TEST_F(JournalTest, ALargeFileGoesUpInPartsAndARestartSendsOnlyWhatIsMissing) {
  std::string bytes(200'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  flaky.add({.on = {Verb::part, "long.wav"}, .kind = FaultKind::hold, .nth = 6});
  ASSERT_TRUE(world.write("long.wav", bytes));
  flaky.wait_calls({Verb::part, "long.wav"}, 13);
  world.close();
  const std::size_t sent = 5;
  flaky.clear();
  flaky.forget_calls();
  world.open();
  expect_bucket({{"long.wav", bytes}});
  EXPECT_EQ(flaky.calls({Verb::part, "long.wav"}), 13 - sent);
  EXPECT_EQ(flaky.calls({Verb::begin, ""}), 0u);
}

TEST_F(JournalTest, AChangeInTheMiddleOfALargeFileSendsOnlyThePartThatItIsIn) {
  std::string bytes(200'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  ASSERT_TRUE(world.write("long.wav", bytes));
  ASSERT_TRUE(world.drain());
  flaky.forget_calls();
  const std::string change(100, 'x');
  ASSERT_TRUE(world.patch("long.wav", 100'000, change));
  bytes.replace(100'000, change.size(), change);
  expect_bucket({{"long.wav", bytes}});
  std::uint64_t sent = 0;
  for (const Call& call : flaky.recorded()) sent += call.verb == Verb::part || call.verb == Verb::put ? call.length : 0;
  EXPECT_EQ(sent, 16u << 10) << "one part of 16 KiB";
  EXPECT_EQ(flaky.calls({Verb::part, "long.wav"}), 13u);
}

TEST_F(JournalTest, PartsThatTheStoreWillNotCopyAreSent) {
  const std::string bytes(200'000, 'm');
  ASSERT_TRUE(world.write("long.wav", bytes));
  ASSERT_TRUE(world.drain());
  const Error refused{Code::unsupported, "no copies of parts"};
  flaky.add({.on = {Verb::part, "long.wav"}, .kind = FaultKind::error, .error = refused, .nth = 2, .times = 1});
  ASSERT_TRUE(world.patch("long.wav", 100'000, "change"));
  std::string wanted = bytes;
  wanted.replace(100'000, 6, "change");
  expect_bucket({{"long.wav", wanted}});
}

TEST_F(JournalTest, ALargeFileThatWasReplacedBySomebodyElseIsNotMixedWithTheirs) {
  const std::string bytes(200'000, 'm');
  ASSERT_TRUE(world.write("long.wav", bytes));
  ASSERT_TRUE(world.drain());
  flaky.add({.on = {Verb::finish, "long.wav"}, .kind = FaultKind::hold});
  ASSERT_TRUE(world.patch("long.wav", 100'000, "change"));
  flaky.wait_held(1);
  const std::string theirs(200'000, 't');
  PutRequest foreign;
  foreign.key = "long.wav";
  foreign.body = share(theirs);
  ASSERT_TRUE(blocking<PutReply>([&](auto done) { store.put(foreign, {}, std::move(done)); }));
  flaky.clear();
  flaky.release_held();
  (void)world.drain();
  EXPECT_EQ(store.bytes_of("long.wav"), theirs);
}

TEST_F(JournalTest, AMultipartUploadThatTheStoreForgotBeginsAnew) {
  const std::string bytes(200'000, 'm');
  const Error forgotten{Code::not_found, "no such upload"};
  flaky.add({.on = {Verb::part, "long.wav"}, .kind = FaultKind::error, .error = forgotten, .nth = 3, .times = 1});
  flaky.add({.on = {Verb::finish, "long.wav"}, .kind = FaultKind::error, .error = forgotten, .nth = 1, .times = 1});
  ASSERT_TRUE(world.write("long.wav", bytes));
  expect_bucket({{"long.wav", bytes}});
  EXPECT_EQ(flaky.calls({Verb::begin, "long.wav"}), 3u);
}

TEST_F(JournalTest, KeysThatTheStoreRefusesUseUpNoTries) {
  flaky.add({.on = {Verb::put, ""}, .kind = FaultKind::error, .error = {Code::credentials, "expired"}, .times = 30});
  ASSERT_TRUE(world.write("late.wav", "late"));
  expect_bucket({{"late.wav", "late"}});
}

// S14 "An object never appears half"
TEST_F(JournalTest, ALargeFileChangedWhileItGoesUpIsNeverAMixture) {
  const std::string first(200'000, '1');
  const std::string second(200'000, '2');
  flaky.add({.on = {Verb::part, "long"}, .kind = FaultKind::hold, .nth = 3});
  ASSERT_TRUE(world.write("long", first));
  flaky.wait_held(1);
  ASSERT_TRUE(world.write("long", second));
  flaky.clear();
  flaky.release_held();
  expect_bucket({{"long", second}});
}

TEST_F(JournalTest, ATruncationAndAnAppendOfAStoredFileAreKept) {
  store.put_object("a", "0123456789");
  ASSERT_TRUE(world.load());
  ASSERT_TRUE(world.truncate("a", 4));
  ASSERT_TRUE(world.patch("a", 6, "end"));
  const std::string expected = std::string("0123") + std::string(2, '\0') + "end";
  EXPECT_EQ(world.read("a"), expected);
  expect_bucket({{"a", expected}});
}

TEST_F(JournalTest, ASecondDaemonIsRefusedWithAClearSentence) {
  JournalOptions options = quick_options();
  options.directory = folder.path() + "/state";
  const auto second = Journal::open(options, *world.meta, *world.tree, *world.blocks, flaky, *world.health,
                                    system_disk(), system_clock(), *world.metrics);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::busy);
}

TEST_F(JournalTest, StagedFilesThatNobodySpeaksOfAreSetAside) {
  world.close();
  { std::ofstream(folder.path() + "/state/staged/00000000000000aa") << "whose is this?"; }
  world.open();
  EXPECT_EQ(world.journal->recovery().orphans, 1u);
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/state/orphans/00000000000000aa"));
}

TEST_F(JournalTest, AnObjectBesideTheTreeIsStoredAndReplacedWithoutShowing) {
  ASSERT_TRUE(world.journal->put_object(".cratedrive/batches/1.json", "{1}", "application/json", "report"));
  ASSERT_TRUE(world.drain());
  ASSERT_TRUE(world.journal->put_object(".cratedrive/batches/1.json", "{2}", "application/json", "report"));
  ASSERT_TRUE(world.drain());
  EXPECT_EQ(store.bytes_of(".cratedrive/batches/1.json"), "{2}");
  EXPECT_EQ(store.head_of(".cratedrive/batches/1.json")->content_type, "application/json");
  EXPECT_TRUE(world.snapshot().empty());
  EXPECT_EQ(world.seen.wait_for_outcome(1).tag, "report");
}

TEST_F(JournalTest, ALogThatWasWrittenAnewSaysTheSame) {
  const std::string large(200'000, 'L');
  store.put_object("lib/song", "0123456789");
  store.put_object("lib/long", large);
  store.put_object("gone/x", "x");
  ASSERT_TRUE(world.load());
  world.journal->pause();
  ASSERT_TRUE(world.patch("lib/song", 2, "ab"));
  ASSERT_TRUE(world.patch("lib/long", 9, "cd"));
  ASSERT_TRUE(world.truncate("lib/song", 8));
  ASSERT_TRUE(world.write("inbox/kick", "boom"));
  ASSERT_TRUE(world.mkdir("empty"));
  ASSERT_TRUE(world.unlink("gone/x"));
  ASSERT_TRUE(world.rmdir("gone"));
  for (char round = 'a'; round < 'y'; ++round) {
    ASSERT_TRUE(world.names().set_xattr(ino("lib/song"), "user.note", std::string(60'000, round)));
  }
  const Tree before = world.snapshot();
  const auto log_bytes = [&] { return std::filesystem::file_size(folder.path() + "/state/log"); };
  ASSERT_GT(log_bytes(), 1u << 20);
  world.reopen(true, false);
  EXPECT_LT(log_bytes(), 200'000u);
  world.reopen(true, false);
  ASSERT_TRUE(world.load());
  EXPECT_EQ(world.snapshot(), before);
  EXPECT_EQ(world.read("inbox/kick"), "boom");
  EXPECT_EQ(world.journal->recovery().orphans, 0u);
  world.journal->start();
  std::string patched = large;
  patched.replace(9, 2, "cd");
  expect_bucket({{"empty/", ""}, {"lib/", ""}, {"lib/song", "01ab4567"}, {"lib/long", patched}});
}

TEST_F(JournalTest, AWriterThatFillsTheStagingAreaAloneGetsNoSpace) {
  world.close();
  JournalOptions small = quick_options();
  small.staging_bytes_max = 1'000;
  World tight(flaky, folder.path() + "/tight", small);
  std::filesystem::create_directories(folder.path() + "/tight");
  tight.open();
  const Status written = tight.write("a", std::string(2'000, 'x'));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::no_space);
}

// S7 "a larger one gives EXDEV"
TEST_F(JournalTest, ErrorsAreThoseOfPosix) {
  ASSERT_TRUE(world.mkdir("d"));
  ASSERT_TRUE(world.mkdir("d/e"));
  ASSERT_TRUE(world.write("f", "x"));
  auto& names = world.names();
  EXPECT_EQ(names.create(kRootInode, "f", {}).error().code, Code::exists);
  EXPECT_EQ(names.create(kRootInode, "a/b", {}).error().code, Code::invalid);
  EXPECT_EQ(names.create(kRootInode, std::string(256, 'x'), {}).error().code, Code::name_too_long);
  EXPECT_EQ(names.create(kRootInode, ".cratedrive", {}).error().code, Code::permission);
  EXPECT_EQ(names.create(ino("f"), "x", {}).error().code, Code::not_directory);
  EXPECT_EQ(world.unlink("d").error().code, Code::is_directory);
  EXPECT_EQ(world.rmdir("f").error().code, Code::not_directory);
  EXPECT_EQ(world.rmdir("d").error().code, Code::not_empty);
  EXPECT_EQ(world.rmdir("inbox").error().code, Code::permission);
  EXPECT_EQ(world.unlink("nothing").error().code, Code::not_found);
  EXPECT_EQ(world.rename("d", "d/e/x").error().code, Code::invalid);
  EXPECT_EQ(world.rename("f", "d").error().code, Code::is_directory);
  EXPECT_EQ(world.rename("d", "f").error().code, Code::not_directory);
  EXPECT_EQ(world.rename("f", "d", RenameMode::no_replace).error().code, Code::exists);
  EXPECT_EQ(world.rename("f", "inbox/f").error().code, Code::unsupported);
  EXPECT_EQ(names.remove_xattr(ino("f"), "user.none").error().code, Code::not_found);
  EXPECT_EQ(names.open_for_write(ino("d"), false).error().code, Code::is_directory);
}

// ---- the inbox

TEST_F(JournalTest, WhatLiesInTheInboxIsNotUploadedAndSurvivesTheLossOfTheCache) {
  ASSERT_TRUE(world.mkdir("inbox/drop"));
  ASSERT_TRUE(world.write("inbox/drop/kick.wav", "boom"));
  ASSERT_TRUE(world.drain());
  EXPECT_TRUE(store.keys().empty());
  world.reopen(true);
  EXPECT_EQ(world.read("inbox/drop/kick.wav"), "boom");
  EXPECT_TRUE(world.at("inbox/drop")->record.local_only);
  EXPECT_FALSE(world.names().was_interrupted(ino("inbox/drop/kick.wav")));
  EXPECT_EQ(world.journal->totals().inbox_files, 1u);
  ASSERT_TRUE(world.rename("inbox/drop", "inbox/renamed"));
  ASSERT_TRUE(world.unlink("inbox/renamed/kick.wav"));
  ASSERT_TRUE(world.rmdir("inbox/renamed"));
  world.reopen(true);
  EXPECT_FALSE(world.at("inbox/renamed"));
  EXPECT_EQ(world.journal->totals().inbox_files, 0u);
  EXPECT_TRUE(store.keys().empty());
}

// S40 "neither place is ever without it"
TEST_F(JournalTest, AFiledFileLeavesTheInboxAndIsStoredWithItsLabels) {
  ASSERT_TRUE(world.write("inbox/kick.wav", "boom"));
  const InodeId kick = ino("inbox/kick.wav");
  const auto filed = world.names().file_away({.inbox_path = "inbox/kick.wav",
                                              .destination = "Drums/808/kick.wav",
                                              .content_type = "audio/wav",
                                              .labels = {{"bpm", "120"}},
                                              .tag = "item 7"});
  ASSERT_TRUE(filed) << filed.error().message;
  EXPECT_EQ(filed->ino, kick);
  EXPECT_FALSE(world.at("inbox/kick.wav"));
  expect_bucket({{"Drums/", ""}, {"Drums/808/", ""}, {"Drums/808/kick.wav", "boom"}});
  EXPECT_EQ(store.head_of("Drums/808/kick.wav")->metadata.at("bpm"), "120");
  const UploadOutcome outcome = world.seen.wait_for_outcome(0);
  EXPECT_EQ(outcome.tag, "item 7");
  EXPECT_EQ(outcome.path, "Drums/808/kick.wav");
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(store.keys().size(), 1u) << "folders that keys imply get no markers";
  EXPECT_EQ(world.names().withdraw("Drums/808/kick.wav", "inbox/kick.wav"), false);
}

TEST_F(JournalTest, FilingOverAnExistingFileNeedsTheWordReplace) {
  ASSERT_TRUE(world.write("a", "old"));
  ASSERT_TRUE(world.drain());
  ASSERT_TRUE(world.write("inbox/a", "new"));
  Filing over = filing("inbox/a", "a");
  EXPECT_EQ(world.names().file_away(over).error().code, Code::exists);
  over.replace = true;
  ASSERT_TRUE(world.names().file_away(over));
  expect_bucket({{"a", "new"}});
}

TEST_F(JournalTest, AWithdrawnFileIsBackInTheInboxAndNotInTheBucket) {
  flaky.add({.on = {Verb::put, "kick"}, .kind = FaultKind::hold});
  ASSERT_TRUE(world.write("inbox/kick.wav", "boom"));
  ASSERT_TRUE(world.names().file_away(filing("inbox/kick.wav", "kick.wav")));
  flaky.wait_held(1);
  EXPECT_EQ(world.names().withdraw("kick.wav", "inbox/kick.wav"), true);
  flaky.clear();
  flaky.release_held();
  expect_bucket({});
  EXPECT_EQ(world.read("inbox/kick.wav"), "boom");
  EXPECT_FALSE(world.at("kick.wav"));
}

}  // namespace
}  // namespace cd::testing
