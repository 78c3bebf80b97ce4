#include "app/library_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "cache/tree_cache.h"
#include "remote/blocking.h"
#include "tests/cache/temp_folder.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd {
namespace {

using testing::Fault;
using testing::FaultKind;
using testing::Verb;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class LibraryCheckTest : public ::testing::Test {
 protected:
  LibraryCheckTest() {
    auto opened = MetaStore::open({folder_.path(), "boot", 1u << 28}, system_disk(), system_clock());
    EXPECT_TRUE(opened);
    meta_ = std::move(*opened);
    put("kick.wav", "boom");
    put("Drums/snare.wav", std::string(9u << 20, 's'));  // in two pieces
  }

  void put(const std::string& key, const std::string& bytes) {
    bucket_.put_object(key, bytes, {{"xxh128", xxh3_128(bytes).hex()}});
  }

  void learn() {
    TreeCache tree(*meta_, store_, health_, system_clock(), metrics_, TreeCacheOptions{});
    ASSERT_TRUE(blocking<void>([&](auto done) { tree.load_tree(kRootInode, std::move(done)); }));
  }

  // "key: what", and the level in front of what is not to be repaired.
  std::vector<std::string> check(bool read = false, bool repair = false, bool with_tree = true) {
    LibraryCheckOptions options;
    options.read = read;
    options.repair = repair;
    const auto checked = check_library(store_, with_tree ? meta_.get() : nullptr, options);
    if (!checked) return {"failed: " + checked.error().message};
    summary_ = checked->summary;
    std::vector<std::string> out;
    for (const Finding& finding : checked->findings) {
      EXPECT_EQ(finding.where, "library");
      const char* level = finding.level == Finding::Level::damage ? "damage: " : finding.level == Finding::Level::note ? "note: " : "";
      EXPECT_EQ(finding.repaired, finding.level == Finding::Level::repairable && repair);
      out.push_back(level + finding.subject + ": " + finding.what);
    }
    return out;
  }

  TempFolder folder_;
  testing::MemoryStore bucket_;
  testing::FlakyStore store_{bucket_};
  StoreHealth health_{system_clock()};
  MetricRegistry metrics_;
  std::unique_ptr<MetaStore> meta_;
  std::string summary_;
};

TEST_F(LibraryCheckTest, WhatIsKnownAndThereHasNothingWrong) {
  EXPECT_THAT(check(), ElementsAre());  // nothing is known yet
  learn();
  EXPECT_THAT(check(), ElementsAre());
  EXPECT_THAT(summary_, HasSubstr("2 objects"));
  EXPECT_EQ(store_.calls({Verb::get, ""}), 0U);
}

TEST_F(LibraryCheckTest, WhatOthersReplacedOrRemovedIsAskedForAnewAfterARepair) {
  learn();
  bucket_.put_object("kick.wav", "bang");
  bucket_.remove_object("Drums/snare.wav");
  bucket_.put_object("new.wav", "not known here, which is no fault");
  const auto stale = UnorderedElementsAre(HasSubstr("kick.wav: the bucket has another version"),
                                          HasSubstr("Drums/snare.wav: was stored, and the bucket does not have it"));
  EXPECT_THAT(check(), stale);
  EXPECT_TRUE(meta_->folder_state(kRootInode).complete);
  EXPECT_THAT(check(false, true), stale);
  EXPECT_FALSE(meta_->folder_state(kRootInode).complete);
  learn();
  EXPECT_THAT(check(), ElementsAre());
}

TEST_F(LibraryCheckTest, WhatIsStillToBeUploadedIsNotExpectedInTheBucket) {
  learn();
  ASSERT_TRUE(meta_->write([](MetaStore::Writer& writer) -> Status {
    CD_TRY(auto entry, writer.resolve_raw("kick.wav"));
    entry->record.pending = true;
    return writer.put(entry->parent, entry->name, entry->record);
  }));
  bucket_.remove_object("kick.wav");
  EXPECT_THAT(check(), ElementsAre());
}

TEST_F(LibraryCheckTest, EveryObjectIsReadAndComparedWithItsChecksum) {
  put("labelled", "as it was");
  EXPECT_THAT(check(true, false, false), ElementsAre());
  EXPECT_THAT(summary_, HasSubstr("3 read and compared, 0 have no checksum"));
  bucket_.put_object("labelled", "other bytes", {{"xxh128", xxh3_128("as it was").hex()}});
  EXPECT_THAT(check(true, true), ElementsAre("damage: labelled: its bytes in the bucket are not those of its checksum"));
}

TEST_F(LibraryCheckTest, BytesThatComeShortOrWrongAreDamageAndTheOthersAreStillRead) {
  store_.add({{Verb::get, "snare"}, FaultKind::truncated_body});
  store_.add({{Verb::get, "kick"}, FaultKind::corrupt_body});
  EXPECT_THAT(check(true), UnorderedElementsAre(HasSubstr("damage: Drums/snare.wav: the store gave"),
                                                HasSubstr("damage: kick.wav: its bytes in the bucket are not those")));
}

TEST_F(LibraryCheckTest, AnObjectThatGoesMeanwhileIsANoteAndOneThatIsRefusedIsDamage) {
  store_.add({{Verb::get, "kick"}, FaultKind::error, {Code::precondition_failed, "another version"}});
  store_.add({{Verb::get, "snare"}, FaultKind::error, {Code::permission, "denied"}});
  EXPECT_THAT(check(true), UnorderedElementsAre(HasSubstr("note: kick.wav: changed while"),
                                                HasSubstr("damage: Drums/snare.wav: cannot be read: denied")));
}

TEST_F(LibraryCheckTest, AStoreThatIsAwayEndsTheCheckWithItsWords) {
  learn();
  store_.set_down(true);
  EXPECT_THAT(check(), ElementsAre(HasSubstr("failed: ")));
  store_.set_down(false);
  store_.add({{Verb::get, ""}, FaultKind::error, {Code::timeout, "no answer in time"}});
  EXPECT_THAT(check(true), ElementsAre("failed: no answer in time"));
}

}  // namespace
}  // namespace cd
