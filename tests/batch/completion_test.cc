// How batches end, get stuck, and stop by themselves; and what can be said to one file of a batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

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

class CompletionTest : public ::testing::Test {
 protected:
  testing::RigOptions options(std::function<void(BatchOptions&)> change = {}) {
    testing::RigOptions out;
    out.directory = folder_.path();
    out.change = std::move(change);
    return out;
  }
  static void tell(DropRig& rig, const std::string& id, const std::string& line) {
    const Status told = rig.conductor().command(id, line);
    EXPECT_TRUE(told.has_value()) << told.error().message;
  }
  static std::size_t events_of(const DropRig& rig, const std::string& name) {
    std::size_t out = 0;
    for (const std::string& event : rig.events()) out += event.find("\"event\":\"" + name + "\"") != std::string::npos;
    return out;
  }
  // A batch of `files` of which none gets further than the store.
  static std::string drop_and_hold(DropRig& rig, FlakyStore& store, unsigned files, const std::string& folder) {
    store.add({.on = {Verb::put, folder}, .kind = FaultKind::hold});
    for (unsigned i = 0; i < files; ++i) rig.drop(folder + "/" + std::to_string(i) + ".wav", make_wav(0.05, i));
    store.wait_held(1);
    return rig.conductor().batches().at(0).id;
  }
  TempFolder folder_;
  MemoryStore memory_;
  FlakyStore store_{memory_};
};

// S58 "A batch in which `pause_after_failures` files in a row fail alike pauses and says why."
TEST_F(CompletionTest, ABatchWhereEverythingFailsAlikePausesAndSaysWhy) {
  store_.add({.on = {Verb::put, "kicks"}, .error = {Code::permission, "the bucket's policy forbids it"}});
  auto change = options([](BatchOptions& batch) {
    batch.pause_after_failures = 3;
    batch.uploads_ahead = 1;
  });
  change.tries_max = 1;
  DropRig rig(store_, change);
  for (unsigned i = 0; i < 30; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.05, i));
  const BatchProgress paused = rig.wait_for([](const BatchProgress& b) { return b.paused; });
  EXPECT_NE(paused.note.find("3 files in a row failed alike"), std::string::npos) << paused.note;
  EXPECT_NE(paused.note.find("the bucket's policy forbids it"), std::string::npos);
  EXPECT_LE(paused.files_failed, 5u);
  store_.clear();
  tell(rig, paused.id, "resume");
  const BatchProgress ended = rig.wait_final();
  EXPECT_EQ(ended.state, BatchState::done_with_errors);
  tell(rig, paused.id, "retry");
  EXPECT_EQ(rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; }).files_done, 30u);
}

TEST_F(CompletionTest, FailuresOfDifferentKindsDoNotPauseIt) {
  store_.add({.on = {Verb::put, "kicks/0"}, .error = {Code::permission, "forbidden"}});
  store_.add({.on = {Verb::put, "kicks/1"}, .error = {Code::invalid, "malformed"}});
  auto change = options([](BatchOptions& batch) { batch.pause_after_failures = 2; });
  change.tries_max = 1;
  DropRig rig(store_, change);
  for (unsigned i = 0; i < 2; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.05, i));
  EXPECT_EQ(rig.wait_final().files_failed, 2u);
  EXPECT_EQ(events_of(rig, "batch-paused"), 0u);
}

TEST_F(CompletionTest, ABatchThatDoesNotMoveIsCalledStuckUntilItMoves) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.stuck_after = Millis{100}; }));
  const std::string id = drop_and_hold(rig, store_, 2, "kicks");
  rig.wait_for([](const BatchProgress& b) { return b.stuck_seconds > 0; });
  EXPECT_EQ(events_of(rig, "batch-stuck"), 1u);
  store_.clear();
  store_.release_held();
  EXPECT_EQ(rig.wait_final().stuck_seconds, 0);
}

// S57 "the program of `on_batch_done` is begun once for each end"
TEST_F(CompletionTest, TheCommandRunsOnceForEachBatchAndKnowsIt) {
  const std::string told = folder_.path() + "/told";
  DropRig rig(store_, options([&](BatchOptions& batch) {
    batch.on_batch_done = {"sh", "-c", "echo \"$1 $CRATEDRIVE_BATCH_NAME $(test -s $CRATEDRIVE_BATCH_REPORT && echo report)\" >> $0",
                           told, "{state}"};
  }));
  rig.drop("kicks/a.wav", make_wav(0.05, 1));
  const std::string id = rig.wait_final().id;
  rig.wait_for([&](const BatchProgress&) { return events_of(rig, "batch-command") == 1; });
  rig.stop();
  rig.start();
  EXPECT_TRUE(is_final(rig.conductor().batch(id)->state));
  rig.drop("snares/a.wav", make_wav(0.05, 2));
  rig.wait_for([&](const BatchProgress&) { return events_of(rig, "batch-command") == 2; });
  std::ifstream in(told);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "done kicks report\ndone snares report\n");
}

TEST_F(CompletionTest, ACommandThatFailsIsTold) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.on_batch_done = {"/nowhere/none"}; }));
  rig.drop("kicks/a.wav", make_wav(0.05, 1));
  EXPECT_EQ(rig.wait_final().state, BatchState::done);
  rig.wait_for([&](const BatchProgress&) { return events_of(rig, "batch-command-failed") == 1; });
}

TEST_F(CompletionTest, WithConfirmABatchWaitsForStart) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.confirm = true; }));
  rig.drop("kicks/a.wav", make_wav(0.05, 1));
  const BatchProgress waits = rig.wait_for([](const BatchProgress& b) { return b.note.find("start") != std::string::npos; });
  EXPECT_EQ(waits.state, BatchState::receiving);
  EXPECT_EQ(waits.files_total, 1u);
  rig.drop("kicks/b.wav", make_wav(0.05, 2));
  rig.wait_for([](const BatchProgress& b) { return b.files_total == 2 && b.note.find("start") != std::string::npos; });
  tell(rig, waits.id, "start");
  EXPECT_EQ(rig.wait_final().files_done, 2u);
}

TEST_F(CompletionTest, OneFileCanBePausedCancelledAndTakenUpAgain) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.uploads_ahead = 1; }));
  const std::string id = drop_and_hold(rig, store_, 4, "kicks");
  tell(rig, id, "pause 2.wav");
  tell(rig, id, "cancel 3.wav");
  EXPECT_FALSE(rig.conductor().command(id, "pause no-such.wav").has_value());
  EXPECT_FALSE(rig.conductor().command(id, "start 2.wav").has_value());
  rig.wait_for([](const BatchProgress& b) { return b.files_failed >= 1; });
  store_.clear();
  store_.release_held();
  const BatchProgress ended = rig.wait_final();
  EXPECT_EQ(ended.state, BatchState::done_with_errors);
  EXPECT_EQ(ended.files_done, 2u);
  EXPECT_EQ(rig.inbox(), (std::set<std::string>{"kicks/", "kicks/2.wav", "kicks/3.wav"}));
  tell(rig, id, "resume 2.wav");
  rig.wait_for([](const BatchProgress& b) { return is_final(b.state) && b.files_done == 3; });
  tell(rig, id, "retry 3.wav");
  EXPECT_EQ(rig.wait_for([](const BatchProgress& b) { return b.state == BatchState::done; }).files_done, 4u);
}

TEST_F(CompletionTest, AnUrgentBatchIsServedFirstAndTheOrderSurvivesARestart) {
  DropRig rig(store_, options([](BatchOptions& batch) {
    batch.uploads_ahead = 1;
    batch.confirm = true;
  }));
  for (const char* folder : {"early", "urgent"}) {
    for (unsigned i = 0; i < 5; ++i) {
      rig.drop(std::string(folder) + "/" + std::to_string(i) + ".wav", make_wav(0.05, i + (*folder == 'u' ? 10 : 0)));
    }
  }
  const auto id_of = [&](const std::string& name) {
    return rig.wait_for([&](const BatchProgress& b) { return b.name == name && !b.note.empty(); }).id;
  };
  const std::string early = id_of("early"), urgent = id_of("urgent");
  tell(rig, urgent, "priority 5");
  EXPECT_FALSE(rig.conductor().command(urgent, "priority 10").has_value());
  EXPECT_FALSE(rig.conductor().command(urgent, "priority").has_value());
  rig.wait_for([](const BatchProgress& b) { return b.priority == 5; });
  rig.stop();
  rig.start();
  EXPECT_EQ(rig.conductor().batch(urgent)->priority, 5);
  store_.add({.on = {Verb::put, ".wav"}, .kind = FaultKind::hold});
  tell(rig, early, "start");
  store_.wait_held(1);
  tell(rig, urgent, "start");
  // All of both are ready before the next one is placed.
  rig.wait_for([&](const BatchProgress& b) {
    const auto rows = rig.rows(b.id);
    return b.name == "urgent" && b.state == BatchState::uploading &&
           std::all_of(rows.begin(), rows.end(), [](const ItemRow& row) { return !row.labels_json.empty(); });
  });
  store_.clear();
  store_.release_held();
  rig.wait_for([](const BatchProgress& b) { return b.name == "early" && is_final(b.state); });
  EXPECT_EQ(rig.conductor().batch(urgent)->files_done, 5u);
}

TEST_F(CompletionTest, TwentyBatchesAtOnceAllGetTheirTurn) {
  DropRig rig(store_, options([](BatchOptions& batch) {
    batch.uploads_ahead = 4;
    batch.confirm = true;  // all of them are there before the first begins
  }));
  const auto files_of = [](unsigned b) { return b == 0 ? 60u : 2u; };  // a large one that came first
  for (unsigned b = 0; b < 20; ++b) {
    for (unsigned i = 0; i < files_of(b); ++i) {
      rig.drop("b" + std::to_string(b) + "/" + std::to_string(i) + ".wav", make_wav(0.03, b * 100 + i));
    }
  }
  for (unsigned b = 0; b < 20; ++b) {
    const BatchProgress whole = rig.wait_for([&](const BatchProgress& p) {
      return p.name == "b" + std::to_string(b) && p.files_total == files_of(b) && !p.note.empty();
    });
    tell(rig, whole.id, "start");
  }
  rig.wait_for([&](const BatchProgress&) { return events_of(rig, "batch-finished") == 20; });
  // The large one did not hold up the small ones.
  std::size_t last_small = 0, large = 0, at = 0;
  for (const std::string& event : rig.events()) {
    ++at;
    if (event.find("\"event\":\"batch-finished\"") == std::string::npos) continue;
    EXPECT_NE(event.find("\"state\":\"done\""), std::string::npos);
    (event.find("\"name\":\"b0\"") != std::string::npos ? large : last_small) = at;
  }
  EXPECT_LT(last_small, large);
}

TEST_F(CompletionTest, AFolderThatIsRemovedWhileItRunsEndsItsBatch) {
  DropRig rig(store_, options([](BatchOptions& batch) { batch.uploads_ahead = 1; }));
  drop_and_hold(rig, store_, 3, "kicks");
  const auto folder = rig.meta().resolve("inbox/kicks");
  ASSERT_TRUE(folder && *folder);
  for (const std::string& path : rig.inbox()) {
    const auto entry = rig.meta().resolve("inbox/" + path);
    if (entry && *entry && path.ends_with(".wav")) {
      EXPECT_TRUE(rig.journal().tree().unlink((*entry)->parent, (*entry)->name).has_value());
    }
  }
  store_.clear();
  store_.release_held();
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.files_done, 1u);
  EXPECT_EQ(batch.files_skipped, 2u);
}

// Each has its turn, however many files of a neighbour are ready to go, and whoever came first.
TEST_F(CompletionTest, TheFilesOfTwentyBatchesGoUpInTurns) {
  constexpr unsigned kBatches = 20;
  const auto files_of = [](unsigned b) { return b == 0 ? 60u : 2u; };
  DropRig rig(store_, options([](BatchOptions& batch) {
    batch.uploads_ahead = 1;
    batch.confirm = true;
  }));
  store_.add({.on = {Verb::put, ""}, .kind = FaultKind::hold});
  for (unsigned b = 0; b < kBatches; ++b) {
    for (unsigned i = 0; i < files_of(b); ++i) {
      rig.drop("b" + std::to_string(b) + "/" + std::to_string(i) + ".wav", make_wav(0.03, b * 100 + i));
    }
  }
  for (unsigned b = 0; b < kBatches; ++b) {
    const BatchProgress whole = rig.wait_for([&](const BatchProgress& p) {
      return p.name == "b" + std::to_string(b) && p.files_total == files_of(b) && !p.note.empty();
    });
    tell(rig, whole.id, "start");
  }
  // All of them were listened to: nothing is left to do but to upload.
  for (const BatchProgress& batch : rig.conductor().batches()) {
    rig.wait_for([&](const BatchProgress&) {
      const auto rows = rig.rows(batch.id);
      return std::all_of(rows.begin(), rows.end(), [](const ItemRow& row) { return !row.type.empty(); });
    });
  }
  store_.clear();
  store_.release_held();
  rig.wait_for([&](const BatchProgress&) { return events_of(rig, "batch-finished") == kBatches; });
  unsigned large = 0, large_before = 0;  // of its files, before the last of the small ones
  for (const std::string& event : rig.events()) {
    if (event.find("\"event\":\"item-done\"") == std::string::npos) continue;
    if (event.find("-b0\"") != std::string::npos) ++large;
    else large_before = large;
  }
  EXPECT_EQ(large, files_of(0));
  EXPECT_LE(large_before, 4u);  // two rounds, and those that were under way
}

}  // namespace
}  // namespace cd
