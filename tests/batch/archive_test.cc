// Archives in the inbox, from the drop to the library, on a drive below the kernel.
#include <gtest/gtest.h>

#include "tests/batch/drop_rig.h"
#include "tests/batch/tar_bytes.h"

namespace cd {
namespace {

using testing::DropRig;
using testing::make_wav;
using testing::MemoryStore;
using testing::TarBytes;
using testing::TempFolder;

class ArchiveTest : public ::testing::Test {
 protected:
  testing::RigOptions options(std::function<void(BatchOptions&)> change = {}) {
    testing::RigOptions out;
    out.directory = folder_.path();
    out.change = std::move(change);
    return out;
  }
  static std::string two_kicks() {
    return TarBytes().file("deep/a.wav", make_wav(0.1, 1)).file("b.wav", make_wav(0.1, 2)).str();
  }
  TempFolder folder_;
  MemoryStore store_;
};

TEST_F(ArchiveTest, AnArchiveGoesInAsTheFolderOfItsName) {
  DropRig rig(store_, options());
  rig.drop("pack/more/kicks.tar", two_kicks());
  rig.drop("pack/c.wav", make_wav(0.1, 3));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done) << batch.note;
  EXPECT_EQ(batch.files_total, 4u);  // the archive too
  EXPECT_EQ(batch.files_done, 4u);
  EXPECT_EQ(store_.bytes_of("pack/more/kicks/deep/a.wav"), make_wav(0.1, 1));
  EXPECT_EQ(store_.bytes_of("pack/more/kicks/b.wav"), make_wav(0.1, 2));
  EXPECT_FALSE(rig.in_library("pack/more/kicks.tar"));
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  EXPECT_EQ(rig.conductor().batches().size(), 1u);
}

TEST_F(ArchiveTest, ALooseArchiveIsOneBatchWithItsFiles) {
  DropRig rig(store_, options());
  rig.drop("kicks.tar", two_kicks());
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done) << batch.note;
  EXPECT_EQ(batch.files_done, 3u);
  EXPECT_TRUE(rig.in_library("kicks/deep/a.wav"));
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  EXPECT_EQ(rig.conductor().batches().size(), 1u);
  // Once more: nothing is stored twice.
  rig.drop("kicks.tar", two_kicks());
  const BatchProgress again =
      rig.wait_for([&](const BatchProgress& b) { return b.id != batch.id && is_final(b.state); });
  EXPECT_EQ(again.files_skipped, 2u);
  EXPECT_EQ(again.state, BatchState::done);
}

TEST_F(ArchiveTest, AKeptArchiveIsStoredBesideItsFiles) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.keep_archive = batch.only_audio = true; }));
  rig.drop("pack/kicks.tar", two_kicks());
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done) << batch.note;
  EXPECT_EQ(store_.bytes_of("pack/kicks.tar"), two_kicks());
  EXPECT_TRUE(rig.in_library("pack/kicks/b.wav"));
}

TEST_F(ArchiveTest, ArchivesAreStoredAsTheyAreWhereThatIsWanted) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.unpack_archives = false; }));
  rig.drop("pack/kicks.tar", two_kicks());
  rig.wait_final();
  EXPECT_EQ(store_.bytes_of("pack/kicks.tar"), two_kicks());
  EXPECT_FALSE(rig.in_library("pack/kicks/b.wav"));
}

TEST_F(ArchiveTest, AnArchiveInAnArchiveIsStoredAsItIsAndUnpackedWhereDepthAllowsIt) {
  const std::string outer = TarBytes().file("in.tar", two_kicks()).str();
  {
    DropRig rig(store_, options());
    rig.drop("pack/out.tar", outer);
    rig.wait_final();
    EXPECT_EQ(store_.bytes_of("pack/out/in.tar"), two_kicks());
  }
  DropRig rig(store_, options([](BatchOptions& batch) { batch.archive_depth = 2; }));
  rig.drop("deeper/out.tar", outer);
  const BatchProgress batch = rig.wait_for([](const BatchProgress& b) { return b.name == "deeper" && is_final(b.state); });
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_TRUE(rig.in_library("deeper/out/in/b.wav"));
}

TEST_F(ArchiveTest, WhatIsRefusedIsNamedAndTheArchiveStaysUntilItIsRetried) {
  DropRig rig(store_, options());
  const std::string tar = TarBytes().file("../../evil.wav", "x").file("good.wav", make_wav(0.1, 1)).str();
  rig.drop("pack/mixed.tar", tar);
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done_with_errors);
  EXPECT_TRUE(rig.in_library("pack/mixed/good.wav"));
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].path, "mixed.tar");
  EXPECT_NE(batch.errors[0].reason.find("\"../../evil.wav\" has a path that leaves the archive"), std::string::npos);
  EXPECT_EQ(rig.inbox(), (std::set<std::string>{"pack/", "pack/mixed.tar"}));
  ASSERT_TRUE(rig.conductor().command(batch.id, "retry").has_value());
  rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; });
  EXPECT_EQ(store_.bytes_of("pack/mixed.tar"), tar);
}

TEST_F(ArchiveTest, OfABombNothingGoesIn) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.archive_files_max = 1; }));
  rig.drop("pack/kicks.tar", two_kicks());
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::failed);
  EXPECT_NE(batch.errors.at(0).reason.find("archive_files_max"), std::string::npos);
  EXPECT_EQ(rig.inbox(), (std::set<std::string>{"pack/", "pack/kicks.tar"}));
}

TEST_F(ArchiveTest, WhatOnlyHasTheNameOfAnArchiveIsAFileLikeAnyOther) {
  DropRig rig(store_, options());
  rig.drop("pack/kicks.zip", "no archive at all");
  EXPECT_EQ(rig.wait_final().state, BatchState::done);
  EXPECT_EQ(store_.bytes_of("pack/kicks.zip"), "no archive at all");
}

TEST_F(ArchiveTest, AFolderOfThatNameThatIsThereAlreadyIsLeftAlone) {
  auto slowly = options();
  slowly.settle = Millis{300};  // long enough for both to be one batch
  DropRig rig(store_, slowly);
  rig.drop("pack/kicks/b.wav", make_wav(0.1, 7));
  rig.drop("pack/kicks.tar", two_kicks());
  // Whichever is filed first: both files called b.wav are there under names of their own.
  rig.wait_for([&](const BatchProgress&) {
    const bool beside = rig.in_library("pack/kicks (2)/b.wav") || rig.in_library("pack/kicks/b (2).wav");
    return beside && rig.in_library("pack/kicks/b.wav") && rig.inbox().empty();
  });
}

}  // namespace
}  // namespace cd
