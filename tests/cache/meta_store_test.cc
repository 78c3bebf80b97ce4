#include "cache/meta_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/cache/temp_folder.h"

namespace cd {
namespace {

using ::testing::ElementsAre;

MetaRecord file_record(InodeId ino, std::uint64_t size, const std::string& etag = "") {
  MetaRecord r;
  r.ino = ino;
  r.attr.size = size;
  r.attr.mode = 0644;
  if (!etag.empty()) r.remote = RemoteVersion{"key", etag, size, RemoteVersion::make_cache_id("key", etag, size)};
  return r;
}

MetaRecord folder_record(InodeId ino) {
  MetaRecord r;
  r.ino = ino;
  r.attr.type = NodeType::directory;
  r.attr.mode = 0755;
  return r;
}

class MetaStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open(const std::string& boot_id = "boot-1", std::uint64_t map_bytes = 1u << 20) {
    store_.reset();
    MetaStoreOptions options;
    options.directory = folder_ / "drive";
    options.boot_id = boot_id;
    options.map_bytes = map_bytes;
    auto opened = MetaStore::open(options, system_disk(), clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }

  // Runs a change that must succeed.
  void change(const std::function<Status(MetaStore::Writer&)>& what) {
    const Status status = store_->write(what);
    ASSERT_TRUE(status) << status.error().message;
  }

  InodeId put_file(InodeId parent, const std::string& name, std::uint64_t size = 1, const std::string& etag = "") {
    InodeId ino;
    change([&](MetaStore::Writer& w) -> Status {
      ino = w.new_inode();
      return w.put(parent, name, file_record(ino, size, etag));
    });
    return ino;
  }

  InodeId make_folders(const std::string& path) {
    InodeId ino;
    change([&](MetaStore::Writer& w) -> Status {
      CD_TRY(ino, w.make_folders(path));
      return {};
    });
    return ino;
  }

  std::vector<std::string> names(InodeId parent, bool with_whiteouts = false) {
    std::vector<std::string> out;
    EXPECT_TRUE(store_->list(parent, "", [&](std::string_view name, const MetaRecord&) {
      out.emplace_back(name);
      return true;
    }, with_whiteouts));
    return out;
  }

  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<MetaStore> store_;
};

TEST_F(MetaStoreTest, ANewStoreHasOnlyTheRoot) {
  EXPECT_FALSE(store_->was_warm());
  const auto root = store_->resolve("");
  ASSERT_TRUE(root && *root);
  EXPECT_EQ((*root)->record.ino, kRootInode);
  EXPECT_TRUE((*root)->record.is_directory());
  EXPECT_EQ(store_->path_of(kRootInode), std::string());
  EXPECT_EQ(store_->is_empty(kRootInode), true);
  EXPECT_EQ(store_->totals().entries, 0u);
}

TEST_F(MetaStoreTest, ARecordComesBackAsItWasPut) {
  const InodeId ino = put_file(kRootInode, "kick.wav", 12, "e1");
  MetaRecord full = file_record(ino, 12, "e1");
  full.attr.uid = 1000;
  full.attr.mtime_ns = -5;
  full.staged = StagedId(7);
  full.pending = full.exact = true;
  full.content_type = "audio/wav";
  full.metadata = {{"bpm", "92"}};
  full.xattrs = {{"user.raw", std::string("\0\xff", 2)}};
  change([&](MetaStore::Writer& w) { return w.put(kRootInode, "kick.wav", full); });

  const auto got = store_->lookup(kRootInode, "kick.wav");
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->attr, full.attr);
  EXPECT_EQ((*got)->remote, full.remote);
  EXPECT_EQ((*got)->staged, full.staged);
  EXPECT_TRUE((*got)->pending);
  EXPECT_TRUE((*got)->exact);
  EXPECT_EQ((*got)->content_type, "audio/wav");
  EXPECT_EQ((*got)->metadata, full.metadata);
  EXPECT_EQ((*got)->xattrs, full.xattrs);
  EXPECT_EQ((*got)->changed, store_->sequence());
}

TEST_F(MetaStoreTest, AFolderMovesWithAllThatIsBelowIt) {
  make_folders("Drums/Kicks");
  const auto drums = store_->resolve("Drums");
  const InodeId kick = put_file((*store_->resolve("Drums/Kicks"))->record.ino, "a.wav");
  const InodeId archive = make_folders("Archive");
  change([&](MetaStore::Writer& w) { return w.move(kRootInode, "Drums", archive, "Old"); });

  EXPECT_EQ(store_->path_of(kick), std::string("Archive/Old/Kicks/a.wav"));
  EXPECT_EQ((*store_->resolve("Archive/Old"))->record.ino, (*drums)->record.ino);
  EXPECT_FALSE(store_->resolve("Drums").value().has_value());
}

TEST_F(MetaStoreTest, AFolderCountsTheFoldersThatItShows) {
  InodeId a;
  InodeId b;
  InodeId inner;
  change([&](MetaStore::Writer& w) -> Status {
    a = w.new_inode();
    b = w.new_inode();
    inner = w.new_inode();
    CD_TRY_VOID(w.put(kRootInode, "a", folder_record(a)));
    CD_TRY_VOID(w.put(kRootInode, "b", folder_record(b)));
    return w.put(a, "inner", folder_record(inner));
  });
  put_file(a, "file");
  const auto counts = [&] { return std::vector{*store_->subfolders(kRootInode), *store_->subfolders(a), *store_->subfolders(b)}; };
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{2, 1, 0}));
  change([&](MetaStore::Writer& w) { return w.move(a, "inner", b, "moved"); });
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{2, 0, 1}));
  change([&](MetaStore::Writer& w) -> Status {  // hidden, and shown again
    MetaRecord hidden = folder_record(inner);
    hidden.whiteout = true;
    return w.put(b, "moved", hidden);
  });
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{2, 0, 0}));
  change([&](MetaStore::Writer& w) { return w.put(b, "moved", folder_record(inner)); });
  change([&](MetaStore::Writer& w) { return w.move(kRootInode, "a", b, "moved"); });  // over a folder
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{1, 0, 1}));
  change([&](MetaStore::Writer& w) { return w.erase(kRootInode, "b"); });
  EXPECT_EQ(counts(), (std::vector<std::uint64_t>{0, 0, 0}));
}

TEST_F(MetaStoreTest, AFolderDoesNotMoveIntoItself) {
  const InodeId inner = make_folders("a/b/c");
  const Status status = store_->write([&](MetaStore::Writer& w) { return w.move(kRootInode, "a", inner, "x"); });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::invalid);
  EXPECT_EQ(store_->path_of(inner), std::string("a/b/c"));
}

TEST_F(MetaStoreTest, MovingOverAFileForgetsThatFile) {
  const InodeId old = put_file(kRootInode, "b", 5);
  const InodeId ours = put_file(kRootInode, "a", 3);
  change([&](MetaStore::Writer& w) { return w.move(kRootInode, "a", kRootInode, "b"); });
  EXPECT_THAT(names(kRootInode), ElementsAre("b"));
  EXPECT_EQ(store_->path_of(ours), std::string("b"));
  EXPECT_EQ(store_->path_of(old).error().code, Code::not_found);
  EXPECT_EQ(store_->totals().bytes, 3u);
}

TEST_F(MetaStoreTest, ErasingAFolderForgetsAllThatIsBelowIt) {
  const InodeId inner = make_folders("a/b/c");
  const InodeId file = put_file(inner, "x.wav", 9, "etag");
  change([&](MetaStore::Writer& w) { return w.erase(kRootInode, "a"); });
  EXPECT_EQ(store_->totals().entries, 0u);
  EXPECT_EQ(store_->totals().bytes, 0u);
  EXPECT_FALSE(store_->entry(file).value().has_value());
  EXPECT_FALSE(store_->entry(inner).value().has_value());
  EXPECT_FALSE(store_->find_content("etag", 9).value().has_value());
}

TEST_F(MetaStoreTest, InodeNumbersAreNotReusedAfterARestart) {
  const InodeId first = put_file(kRootInode, "a");
  change([&](MetaStore::Writer& w) { return w.erase(kRootInode, "a"); });
  open();
  EXPECT_TRUE(store_->was_warm());
  EXPECT_GT(put_file(kRootInode, "a"), first);
}

TEST_F(MetaStoreTest, WhiteoutsAreSeenOnlyByLookupRaw) {
  const InodeId ino = put_file(kRootInode, "gone.wav", 5, "e");
  change([&](MetaStore::Writer& w) -> Status {
    CD_TRY(auto record, w.lookup_raw(kRootInode, "gone.wav"));
    record->whiteout = true;
    return w.put(kRootInode, "gone.wav", *record);
  });
  EXPECT_FALSE(store_->lookup(kRootInode, "gone.wav").value().has_value());
  EXPECT_TRUE(store_->lookup_raw(kRootInode, "gone.wav").value().has_value());
  EXPECT_FALSE(store_->entry(ino).value().has_value());
  EXPECT_FALSE(store_->resolve("gone.wav").value().has_value());
  EXPECT_EQ(store_->path_of(ino).error().code, Code::not_found);
  EXPECT_TRUE(names(kRootInode).empty());
  EXPECT_THAT(names(kRootInode, true), ElementsAre("gone.wav"));
  EXPECT_EQ(store_->is_empty(kRootInode), true);
  EXPECT_FALSE(store_->find_content("e", 5).value().has_value());
  EXPECT_EQ(store_->totals().entries, 0u);
}

TEST_F(MetaStoreTest, AFailedChangeLeavesNothingBehind) {
  const std::uint64_t before = store_->sequence();
  const Status status = store_->write([&](MetaStore::Writer& w) -> Status {
    CD_TRY_VOID(w.put(kRootInode, "a", file_record(w.new_inode(), 1)));
    return fail(Code::busy, "changed our mind");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::busy);
  EXPECT_TRUE(names(kRootInode).empty());
  EXPECT_EQ(store_->sequence(), before);
}

TEST_F(MetaStoreTest, AChangeThatWritesNothingDoesNotMoveTheSequence) {
  const std::uint64_t before = store_->sequence();
  change([&](MetaStore::Writer& w) -> Status {
    CD_TRY(const auto none, w.lookup_raw(kRootInode, "a"));
    EXPECT_FALSE(none);
    return {};
  });
  EXPECT_EQ(store_->sequence(), before);
}

TEST_F(MetaStoreTest, NamesThatCannotBeNamesAreRefused) {
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a/b"),
                                  std::string("a\0b", 3)}) {
    const Status status = store_->write(
        [&](MetaStore::Writer& w) { return w.put(kRootInode, name, file_record(w.new_inode(), 1)); });
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().code, Code::invalid);
  }
  const Status status = store_->write([&](MetaStore::Writer& w) {
    return w.put(kRootInode, std::string(256, 'x'), file_record(w.new_inode(), 1));
  });
  EXPECT_EQ(status.error().code, Code::name_too_long);
  put_file(kRootInode, std::string(255, 'x'));
}

TEST_F(MetaStoreTest, AListGoesOnAfterAName) {
  for (const char* name : {"a", "a-b", "a.wav", "ab", "b"}) put_file(kRootInode, name);
  std::vector<std::string> got;
  EXPECT_TRUE(store_->list(kRootInode, "a", [&](std::string_view name, const MetaRecord&) {
    got.emplace_back(name);
    return got.size() < 3;
  }));
  EXPECT_THAT(got, ElementsAre("a-b", "a.wav", "ab"));
}

TEST_F(MetaStoreTest, AVisitorOfAChangeMayWriteWhatItVisits) {
  for (int i = 0; i < 1000; ++i) put_file(kRootInode, "f" + std::to_string(i));
  change([&](MetaStore::Writer& w) -> Status {
    return w.list(kRootInode, [&](std::string_view name, const MetaRecord&) {
      return w.erase(kRootInode, name).has_value();
    }, false);
  });
  EXPECT_TRUE(names(kRootInode).empty());
}

TEST_F(MetaStoreTest, ContentIsFoundUnderItsNewNameAndNotAfterItIsGone) {
  const InodeId ino = put_file(make_folders("x"), "a.wav", 100, "etag");
  put_file(kRootInode, "other", 101, "etag");
  EXPECT_EQ(store_->find_content("etag", 100).value(), "x/a.wav");
  change([&](MetaStore::Writer& w) -> Status {
    CD_TRY(const auto at, w.entry(ino));
    return w.move(at->parent, "a.wav", kRootInode, "b.wav");
  });
  EXPECT_EQ(store_->find_content("etag", 100).value(), "b.wav");
  change([&](MetaStore::Writer& w) { return w.put(kRootInode, "b.wav", file_record(ino, 100, "etag-2")); });
  EXPECT_FALSE(store_->find_content("etag", 100).value().has_value());
  EXPECT_EQ(store_->find_content("etag-2", 100).value(), "b.wav");
}

TEST_F(MetaStoreTest, TheSecondOfTwoTwinsIsFoundWhenTheFirstIsBeingReplaced) {
  const InodeId first = put_file(kRootInode, "first", 7, "same");
  put_file(kRootInode, "second", 7, "same");
  MetaRecord changing = file_record(first, 7, "same");
  changing.staged = StagedId(1);
  change([&](MetaStore::Writer& w) { return w.put(kRootInode, "first", changing); });
  EXPECT_EQ(store_->find_content("same", 7).value(), "second");
}

TEST_F(MetaStoreTest, FoldersMadeBelowACompleteListingAreCompleteThemselves) {
  change([&](MetaStore::Writer& w) { return w.set_folder_state(kRootInode, {55, true}); });
  const InodeId inner = make_folders("a/b");
  EXPECT_TRUE(store_->folder_state(inner).complete);
  EXPECT_EQ(store_->folder_state(inner).listed_wall_ns, 55);
}

TEST_F(MetaStoreTest, FoldersBelowALocalFolderAreLocal) {
  const InodeId inbox = make_folders("inbox");
  MetaRecord record = folder_record(inbox);
  record.local_only = true;
  change([&](MetaStore::Writer& w) { return w.put(kRootInode, "inbox", record); });
  make_folders("inbox/kit/snares");
  EXPECT_TRUE((*store_->resolve("inbox/kit/snares"))->record.local_only);
}

TEST_F(MetaStoreTest, MakeFoldersRevivesAFolderThatWasRemovedAndStopsAtAFile) {
  const InodeId folder = make_folders("a");
  MetaRecord gone = folder_record(folder);
  gone.whiteout = true;
  change([&](MetaStore::Writer& w) { return w.put(kRootInode, "a", gone); });
  EXPECT_EQ(make_folders("a"), folder);
  EXPECT_TRUE(store_->lookup(kRootInode, "a").value().has_value());
  put_file(folder, "file");
  const Status status = store_->write([&](MetaStore::Writer& w) -> Status {
    CD_TRY_VOID(w.make_folders("a/file/b"));
    return {};
  });
  EXPECT_EQ(status.error().code, Code::not_directory);
}

TEST_F(MetaStoreTest, TheMapGrowsWhenItIsFull) {
  const std::string long_value(2000, 'v');
  for (int round = 0; round < 5; ++round) {
    change([&](MetaStore::Writer& w) -> Status {
      for (int i = 0; i < 400; ++i) {
        MetaRecord r = file_record(w.new_inode(), 1);
        r.metadata["x"] = long_value;
        CD_TRY_VOID(w.put(kRootInode, std::to_string(round) + "-" + std::to_string(i), r));
      }
      return {};
    });
  }
  EXPECT_EQ(names(kRootInode).size(), 2000u);
  EXPECT_EQ(store_->totals().entries, 2000u);
  EXPECT_GT(store_->totals().disk_bytes, 1u << 20);
}

TEST_F(MetaStoreTest, ReadersGoOnWhileTheMapGrows) {
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0};
  put_file(kRootInode, "a");
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        // Looks something up while it lists, as a readdir does.
        EXPECT_TRUE(store_->list(kRootInode, "", [&](std::string_view name, const MetaRecord&) {
          EXPECT_TRUE(store_->lookup(kRootInode, name).has_value());
          return ++reads % 50 != 0;
        }));
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    MetaRecord r = file_record(InodeId(0), 1);
    r.metadata["x"] = std::string(20'000, 'x');
    change([&](MetaStore::Writer& w) {
      r.ino = w.new_inode();
      return w.put(kRootInode, "f" + std::to_string(i), r);
    });
  }
  stop = true;
  for (std::thread& t : readers) t.join();
  EXPECT_GT(reads, 0);
  store_->release_memory();
  EXPECT_EQ(names(kRootInode).size(), 301u);
}

TEST_F(MetaStoreTest, WhatWasWrittenSurvivesTheDeathOfTheProcess) {
  store_.reset();
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    open();
    put_file(make_folders("Drums"), "kick.wav", 3, "e");
    ::_exit(0);  // no close, as kill -9
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  open();
  EXPECT_TRUE(store_->was_warm());
  EXPECT_TRUE(store_->resolve("Drums/kick.wav").value().has_value());
}

TEST_F(MetaStoreTest, AnotherBootThrowsItAwayUnlessItWasClosedCleanly) {
  put_file(kRootInode, "a");
  open("boot-2");
  EXPECT_FALSE(store_->was_warm());
  EXPECT_TRUE(names(kRootInode).empty());

  put_file(kRootInode, "b");
  ASSERT_TRUE(store_->close_clean());
  open("boot-3");
  EXPECT_TRUE(store_->was_warm());
  EXPECT_THAT(names(kRootInode), ElementsAre("b"));

  open("boot-4");  // the clean mark held for one start only
  EXPECT_FALSE(store_->was_warm());
}

TEST_F(MetaStoreTest, ADamagedMarkANewerVersionAndALostFileEachMeanStartingAfresh) {
  const std::string mark = folder_ / "drive/format";
  const std::vector<std::function<void()>> damages{
      [&] { std::ofstream(mark) << "nonsense"; },
      [&] { std::ofstream(mark) << "cratedrive-cache 99\nwhatever\n"; },
      [&] { std::filesystem::remove(mark); },
      [&] { std::filesystem::remove(folder_ / "drive/meta/data.mdb"); },
      [&] { std::ofstream(folder_ / "drive/meta/data.mdb") << std::string(100'000, 'x'); },
      [&] { std::filesystem::remove_all(folder_ / "drive"); },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    put_file(kRootInode, "a");
    store_.reset();
    damages[i]();
    open();
    EXPECT_FALSE(store_->was_warm()) << i;
    EXPECT_TRUE(names(kRootInode).empty()) << i;
  }
}

TEST_F(MetaStoreTest, AFileCutShortAfterACleanStopMeansStartingAfresh) {
  for (int i = 0; i < 200; ++i) put_file(kRootInode, std::string(200, 'n') + std::to_string(i));
  ASSERT_TRUE(store_->close_clean());
  store_.reset();
  const std::string data = folder_ / "drive/meta/data.mdb";
  std::filesystem::resize_file(data, std::filesystem::file_size(data) / 2);
  open("boot-2");
  EXPECT_FALSE(store_->was_warm());
}

TEST_F(MetaStoreTest, NotesAreKept) {
  ASSERT_TRUE(store_->set_note("traits", "{}"));
  open();
  EXPECT_EQ(store_->note("traits").value(), "{}");
  EXPECT_FALSE(store_->note("state").value().has_value());
}

TEST_F(MetaStoreTest, ItsFilesArePrivate) {
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(folder_ / "drive").permissions(), perms::owner_all);
  EXPECT_EQ(std::filesystem::status(folder_ / "drive/meta/data.mdb").permissions(),
            perms::owner_read | perms::owner_write);
}

TEST(MetaRecordTest, BytesThatAreNoRecordAreCorrupt) {
  MetaRecord r = file_record(InodeId(5), 3, "etag");
  r.metadata = {{"a", "b"}};
  const std::string good = encode(r);
  for (std::size_t n = 0; n < good.size(); ++n) {
    const auto decoded = decode_meta_record(std::string_view(good).substr(0, n));
    ASSERT_FALSE(decoded) << n;
    EXPECT_EQ(decoded.error().code, Code::corrupt);
  }
  EXPECT_FALSE(decode_meta_record(good + "x"));
  EXPECT_TRUE(decode_meta_record(good));
}

}  // namespace
}  // namespace cd
