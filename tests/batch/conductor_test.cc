#include "batch/conductor.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/batch/drop_rig.h"

namespace cd {
namespace {

using testing::DropRig;
using testing::FaultKind;
using testing::FlakyStore;
using testing::make_wav;
using testing::MemoryStore;
using testing::TempFolder;
using testing::Verb;

class ConductorTest : public ::testing::Test {
 protected:
  testing::RigOptions options() {
    testing::RigOptions out;
    out.directory = folder_.path();
    return out;
  }
  std::size_t samples_in_bucket() const {
    std::size_t out = 0;
    for (const std::string& key : memory_.keys()) out += key.starts_with(".cratedrive/") ? 0 : 1;
    return out;
  }

  TempFolder folder_;
  MemoryStore memory_;
  FlakyStore store_{memory_};
};

TEST_F(ConductorTest, ADroppedFolderIsAnalysedFiledAndLeavesTheInbox) {
  DropRig rig(store_, options());
  const std::string kick = make_wav(0.3, 1);
  rig.drop("kicks/deep/kick.wav", kick);
  rig.drop("kicks/snare.wav", make_wav(0.3, 2));
  rig.drop("kicks/notes.txt", "tuned to A");
  rig.drop("kicks/.DS_Store", "x");
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.name, "kicks");
  EXPECT_EQ(batch.files_total, 3u);
  EXPECT_EQ(batch.files_done, 3u);
  EXPECT_EQ(batch.bytes_done, batch.bytes_total);
  EXPECT_EQ(memory_.bytes_of("kicks/deep/kick.wav"), kick);
  EXPECT_EQ(memory_.head_of("kicks/deep/kick.wav")->metadata.at("rate"), "22050");
  EXPECT_EQ(memory_.head_of("kicks/deep/kick.wav")->metadata.at("xxh128"), xxh3_128(kick).hex());
  EXPECT_EQ(memory_.head_of("kicks/deep/kick.wav")->content_type, "audio/wav");
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
  EXPECT_EQ(rig.rows(batch.id).size(), 3u);
}

TEST_F(ConductorTest, FilesAreListenedToWhileTheirFolderSettles) {
  testing::RigOptions patient = options();
  patient.settle = Millis(3'600'000);
  DropRig rig(store_, patient);
  rig.drop("kicks/a.wav", make_wav(0.3, 1));
  rig.drop("kicks/b.wav", make_wav(0.3, 2));
  rig.drop("kicks/same as a.wav", make_wav(0.3, 1));
  rig.wait_counter("cratedrive_batch_heard_early_total", 2);  // those whose writers were gone when the last one came
  EXPECT_EQ(samples_in_bucket(), 0u);
  const std::string id = rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::receiving; }).id;
  ASSERT_TRUE(rig.conductor().command(id, "start"));
  const BatchProgress batch = rig.wait_final(id);
  EXPECT_EQ(batch.files_done, 2u);
  EXPECT_EQ(batch.files_skipped, 1u);
  EXPECT_EQ(memory_.head_of("kicks/b.wav")->metadata.at("rate"), "22050");
}

TEST_F(ConductorTest, AFileThatWasWrittenAgainAfterItWasHeardIsStoredAsItIs) {
  testing::RigOptions patient = options();
  patient.settle = Millis(3'600'000);
  DropRig rig(store_, patient);
  rig.drop("kicks/a.wav", make_wav(0.3, 1));
  rig.drop("kicks/b.wav", make_wav(0.3, 3));  // makes the batch look again
  rig.wait_counter("cratedrive_batch_heard_early_total", 1);
  const std::string again = make_wav(0.4, 2);
  rig.drop("kicks/a.wav", again);
  const std::string id = rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::receiving; }).id;
  ASSERT_TRUE(rig.conductor().command(id, "start"));
  rig.wait_final(id);
  EXPECT_EQ(memory_.bytes_of("kicks/a.wav"), again);
  EXPECT_EQ(memory_.head_of("kicks/a.wav")->metadata.at("xxh128"), xxh3_128(again).hex());
}

TEST_F(ConductorTest, TheReportIsAnObjectAndAFile) {
  DropRig rig(store_, options());
  rig.drop("kicks/a.wav", make_wav(0.2, 1));
  rig.drop("kicks/b.wav", make_wav(0.2, 1));
  const BatchProgress batch = rig.wait_final();
  const auto object = memory_.bytes_of(".cratedrive/batches/" + batch.id + ".json");
  ASSERT_TRUE(object.has_value());
  EXPECT_EQ(rig.conductor().report_json(batch.id).value(), *object);
  const auto json = nlohmann::json::parse(*object);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["state"], "done");
  EXPECT_EQ(json["files_done"], 1);
  EXPECT_EQ(json["files_skipped"], 1);
  EXPECT_EQ(json["items"].size(), 2u);
}

TEST_F(ConductorTest, OfEqualFilesOneIsStoredAndTheOthersNameIt) {
  DropRig rig(store_, options());
  for (int i = 0; i < 20; ++i) rig.drop("kicks/copy" + std::to_string(i) + ".wav", make_wav(0.2, 1));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.files_done, 1u);
  EXPECT_EQ(batch.files_skipped, 19u);
  EXPECT_EQ(samples_in_bucket(), 1u);
  std::string stored;
  for (const ItemRow& row : rig.rows(batch.id)) {
    if (row.state == ItemState::done) stored = row.destination;
  }
  for (const ItemRow& row : rig.rows(batch.id)) {
    if (row.state != ItemState::skipped) continue;
    EXPECT_EQ(row.twin, stored);
  }
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
}

TEST_F(ConductorTest, ASecondDropOfTheSameFolderUploadsNothing) {
  DropRig rig(store_, options());
  const auto drop = [&] {
    for (unsigned i = 0; i < 5; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.2, i));
    rig.drop("kicks/empty.wav", "");
  };
  drop();
  const BatchProgress first = rig.wait_final();
  EXPECT_EQ(first.files_done, 6u);
  EXPECT_EQ(first.files_warned, 1u);
  store_.forget_calls();
  drop();
  const BatchProgress second =
      rig.wait_for([&](const BatchProgress& b) { return is_final(b.state) && b.id != first.id; });
  EXPECT_EQ(second.state, BatchState::done);
  EXPECT_EQ(second.files_skipped, 6u);
  EXPECT_EQ(store_.calls({Verb::put, "kicks/"}), 0u);
  EXPECT_EQ(samples_in_bucket(), 6u);
}

TEST_F(ConductorTest, WhatTheLibraryHoldsFromElsewhereIsSkipped) {
  const std::string kick = make_wav(0.2, 1);
  memory_.put_object("old/place.wav", kick);
  DropRig rig(store_, options());
  rig.drop("kicks/kick.wav", kick);
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.files_skipped, 1u);
  EXPECT_EQ(rig.rows(batch.id).at(0).twin, "old/place.wav");
  EXPECT_EQ(samples_in_bucket(), 1u);
}

TEST_F(ConductorTest, AnotherFileOfTheSameNameKeepsItsPlace) {
  memory_.put_object("kicks/kick.wav", "something else");
  DropRig rig(store_, options());
  rig.drop("kicks/kick.wav", make_wav(0.2, 1));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(rig.rows(batch.id).at(0).destination, "kicks/kick (2).wav");
  EXPECT_EQ(memory_.bytes_of("kicks/kick.wav"), "something else");
}

TEST_F(ConductorTest, AnOpenWriterKeepsABatchReceiving) {
  DropRig rig(store_, options());
  rig.drop_open("kicks/kick.wav", make_wav(0.2, 1));
  const BatchProgress batch =
      rig.wait_for([](const BatchProgress& b) { return b.note == "a file is still being written"; });
  EXPECT_EQ(batch.state, BatchState::receiving);
  rig.close_writers();
  EXPECT_EQ(rig.wait_final().files_done, 1u);
}

TEST_F(ConductorTest, LooseFilesAreOneBatch) {
  DropRig rig(store_, options());
  rig.drop("a.wav", make_wav(0.2, 1));
  rig.drop("b.wav", make_wav(0.2, 2));
  const BatchProgress batch = rig.wait_for([](const BatchProgress& b) {
    return is_final(b.state) && b.files_total == 2;
  });
  EXPECT_EQ(batch.name, "loose files");
  EXPECT_TRUE(memory_.bytes_of("a.wav").has_value());
  EXPECT_TRUE(memory_.bytes_of("b.wav").has_value());
}

TEST_F(ConductorTest, AFailedUploadIsBackInTheInboxWithItsReasonAndRetryStoresIt) {
  DropRig rig(store_, options());
  store_.add({.on = {Verb::put, "bad.wav"}, .kind = FaultKind::error, .error = {Code::permission, "no entry"}});
  rig.drop("kicks/bad.wav", make_wav(0.2, 1));
  rig.drop("kicks/good.wav", make_wav(0.2, 2));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done_with_errors);
  ASSERT_EQ(batch.errors.size(), 1u);
  EXPECT_EQ(batch.errors[0].path, "bad.wav");
  EXPECT_NE(batch.errors[0].reason.find("no entry"), std::string::npos);
  EXPECT_EQ(rig.inbox(), (std::set<std::string>{"kicks/", "kicks/bad.wav"}));
  EXPECT_FALSE(rig.in_library("kicks/bad.wav"));
  store_.clear();
  ASSERT_TRUE(rig.conductor().command(batch.id, "retry").has_value());
  const BatchProgress again = rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; });
  EXPECT_EQ(again.id, batch.id);
  EXPECT_EQ(again.files_done, 2u);
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
}

TEST_F(ConductorTest, CancelTakesBackWhatIsNotStored) {
  DropRig rig(store_, options());
  store_.add({.on = {Verb::put, "kicks/"}, .kind = FaultKind::hold});
  for (unsigned i = 0; i < 8; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.2, i));
  store_.wait_held(8);
  const BatchProgress open = rig.conductor().batches().at(0);
  ASSERT_TRUE(rig.conductor().command(open.id, "cancel\n").has_value());
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::cancelled);
  EXPECT_EQ(rig.inbox().size(), 9u);
  EXPECT_EQ(samples_in_bucket(), 0u);
  store_.clear();
  store_.release_held();
  ASSERT_TRUE(rig.conductor().command(open.id, "retry").has_value());
  EXPECT_EQ(rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; }).files_done, 8u);
  EXPECT_EQ(samples_in_bucket(), 8u);
}

TEST_F(ConductorTest, WithTheStoreAwayABatchWaitsAndSaysWhy) {
  store_.set_down(true);
  DropRig rig(store_, options());
  rig.drop("kicks/kick.wav", make_wav(0.2, 1));
  const BatchProgress waiting = rig.wait_for([](const BatchProgress& b) {
    return b.state == BatchState::queued && b.note.starts_with("waits for the store");
  });
  EXPECT_EQ(waiting.files_done, 0u);
  store_.set_down(false);
  EXPECT_EQ(rig.wait_final().state, BatchState::done);
}

TEST_F(ConductorTest, ARestartGoesOnWhereItWas) {
  DropRig rig(store_, options());
  store_.add({.on = {Verb::put, "kicks/"}, .kind = FaultKind::hold});
  for (unsigned i = 0; i < 6; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.2, i));
  store_.wait_held(6);
  store_.clear();
  rig.stop();
  rig.start();
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.files_done, 6u);
  EXPECT_EQ(samples_in_bucket(), 6u);
  EXPECT_EQ(rig.conductor().batches().size(), 1u);
}

TEST_F(ConductorTest, AFileTakenOutOfTheInboxIsNoLongerWaitedFor) {
  testing::RigOptions slow = options();
  slow.settle = Millis(1'000);  // both files are there by then
  DropRig rig(store_, slow);
  store_.set_down(true);
  rig.drop("kicks/a.wav", make_wav(0.2, 1));
  rig.drop("kicks/b.wav", make_wav(0.2, 2));
  rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::queued && b.files_total == 2; });
  const auto folder = rig.meta().resolve("inbox/kicks");
  ASSERT_TRUE(rig.journal().tree().unlink((*folder)->record.ino, "a.wav").has_value());
  rig.wait_for([](const BatchProgress& b) { return b.files_skipped == 1; });
  store_.set_down(false);
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.files_done, 1u);
  EXPECT_EQ(batch.files_skipped, 1u);
}

TEST_F(ConductorTest, CommandsThatAreNoneAreRefusedWithAList) {
  DropRig rig(store_, options());
  rig.drop("kicks/a.wav", make_wav(0.2, 1));
  const std::string id = rig.wait_final().id;
  EXPECT_EQ(rig.conductor().command(id, "explode").error().code, Code::invalid);
  EXPECT_EQ(rig.conductor().command(id, "cancel now").error().code, Code::invalid);
  EXPECT_EQ(rig.conductor().command("nobody", "cancel").error().code, Code::not_found);
}

TEST_F(ConductorTest, TwentyBatchesAtOnceAllArrive) {
  DropRig rig(store_, options());
  for (unsigned b = 0; b < 20; ++b) {
    for (unsigned i = 0; i < 5; ++i) {
      rig.drop("b" + std::to_string(b) + "/" + std::to_string(i) + ".wav", make_wav(0.1, b * 5 + i));
    }
  }
  rig.wait_for([&](const BatchProgress&) {
    std::uint64_t finished = 0;
    for (const BatchProgress& batch : rig.conductor().batches()) {
      finished += is_final(batch.state) ? batch.files_done + batch.files_skipped : 0;
    }
    return finished == 100;
  });
  EXPECT_EQ(samples_in_bucket(), 100u);
  EXPECT_EQ(rig.inbox(), std::set<std::string>{});
}

}  // namespace
}  // namespace cd
