// A process is killed at every named point of a batch, twice at different passes, and a second one finds: every
// content in the bucket once, the inbox empty, and counts that say so.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/crash_point.h"
#include "remote/open_store.h"
#include "tests/batch/drop_rig.h"
#include "tests/batch/tar_bytes.h"

namespace cd {
namespace {

using testing::DropRig;
using testing::make_wav;
using testing::TempFolder;

constexpr unsigned kContents = 6;
constexpr unsigned kPacked = 4;

class OnDisk {  // a folder as the bucket, that two processes one after another can open
 public:
  explicit OnDisk(const std::string& bucket) : health_(system_clock()) {
    std::filesystem::create_directories(bucket);
    auto opened = open_store(*StoreUrl::parse("file://" + bucket), StoreOptions{}, health_, metrics_);
    if (!opened) std::abort();
    store_ = std::move(*opened);
  }
  ObjectStore& store() { return *store_; }

 private:
  StoreHealth health_;
  MetricRegistry metrics_;
  std::unique_ptr<ObjectStore> store_;
};

testing::RigOptions options_in(const std::string& folder) {
  testing::RigOptions out;
  out.directory = folder;
  out.settle = Millis{150};  // long enough for all drops to be one batch
  out.change = [](BatchOptions& batch) { batch.uploads_ahead = 3; };
  return out;
}

[[noreturn]] void run_and_die(const std::string& folder, const std::string& point) {
  ::setenv("CRATEDRIVE_CRASH", point.c_str(), 1);
  arm_crash_points_from_environment();
  OnDisk disk(folder + "/bucket");
  DropRig rig(disk.store(), options_in(folder));
  for (unsigned i = 0; i < kContents; ++i) {
    rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.1, i));
    rig.drop("kicks/twins/" + std::to_string(i) + ".wav", make_wav(0.1, i));
  }
  if (point.find("unpack") != std::string::npos || point.find("archive") != std::string::npos ||
      point.find("handover") != std::string::npos) {
    testing::TarBytes tar;
    for (unsigned i = 0; i < kPacked; ++i) tar.file("in/" + std::to_string(i) + ".wav", make_wav(0.1, kContents + i));
    rig.drop("kicks/more.tar", tar.str());
  }
  if (point.starts_with("batch.after_cancel")) {
    rig.wait_for([](const BatchProgress& batch) { return batch.state == BatchState::uploading; });
    (void)rig.conductor().command(rig.conductor().batches().at(0).id, "cancel").has_value();
  }
  rig.wait_final();
  rig.stop();  // the end of a batch is told after it
  ::_exit(0);
}

std::map<std::string, int> contents_of(const std::string& bucket) {
  std::map<std::string, int> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(bucket)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".wav") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    ++out[std::string(std::istreambuf_iterator<char>(in), {})];
  }
  return out;
}

class BatchCrashTest : public ::testing::TestWithParam<const char*> {
 protected:
  void die_at(const std::string& point) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) run_and_die(folder_.path(), point);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point << " was not passed";
  }
  TempFolder folder_;
};

TEST_P(BatchCrashTest, NothingIsLostAndNothingIsThereTwice) {
  die_at(GetParam());
  OnDisk disk(folder_.path() + "/bucket");
  DropRig rig(disk.store(), options_in(folder_.path()));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(rig.conductor().batches().size(), 1u);
  EXPECT_EQ(batch.state, BatchState::done) << batch.note;
  EXPECT_EQ(batch.files_total, 2 * kContents);
  EXPECT_EQ(batch.files_done, kContents);
  EXPECT_EQ(batch.files_skipped, kContents);
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  const auto contents = contents_of(folder_.path() + "/bucket");
  EXPECT_EQ(contents.size(), kContents);
  for (unsigned i = 0; i < kContents; ++i) EXPECT_EQ(contents.at(make_wav(0.1, i)), 1) << i;
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, BatchCrashTest,
                         ::testing::Values("batch.after_analysis", "batch.after_analysis:4", "batch.before_file_away",
                                           "batch.before_file_away:4", "batch.after_file_away",
                                           "batch.after_file_away:5", "batch.after_upload", "batch.after_upload:5",
                                           "batch.before_unlink", "batch.before_unlink:4", "batch.before_report",
                                           "batch.after_report",
                                           "batch.before_told", "batch.after_told"));

class ArchiveCrashTest : public BatchCrashTest {};

TEST_P(ArchiveCrashTest, AnArchiveIsUnpackedOnceAndNothingOfItIsLost) {
  die_at(GetParam());
  OnDisk disk(folder_.path() + "/bucket");
  DropRig rig(disk.store(), options_in(folder_.path()));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(rig.conductor().batches().size(), 1u);
  EXPECT_EQ(batch.state, BatchState::done) << batch.note;
  EXPECT_EQ(batch.files_total, 2 * kContents + kPacked + 1);
  EXPECT_EQ(batch.files_skipped, kContents);
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  const auto contents = contents_of(folder_.path() + "/bucket");
  EXPECT_EQ(contents.size(), kContents + kPacked);
  for (unsigned i = 0; i < kContents + kPacked; ++i) EXPECT_EQ(contents.at(make_wav(0.1, i)), 1) << i;
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, ArchiveCrashTest,
                         ::testing::Values("batch.unpack_file", "batch.unpack_file:3", "batch.before_unpacked",
                                           "batch.after_unpacked", "batch.after_handover",
                                           "batch.before_archive_unlink"));

class CancelCrashTest : public BatchCrashTest {};

TEST_F(CancelCrashTest, ACancelThatWasDecidedIsCarriedOutAfterTheCrash) {
  die_at("batch.after_cancel");
  OnDisk disk(folder_.path() + "/bucket");
  DropRig rig(disk.store(), options_in(folder_.path()));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::cancelled);
  // What was not stored is in the inbox, and retry brings all of it home.
  ASSERT_TRUE(rig.conductor().command(batch.id, "retry").has_value());
  rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; });
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  EXPECT_EQ(contents_of(folder_.path() + "/bucket").size(), kContents);
}

}  // namespace
}  // namespace cd
