// What people see, word for word; and what no file name can do to it.
#include "app/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "app/health_report.h"
#include "app/status_json.h"
#include "app/umount_progress.h"
#include "batch/wave_label.h"
#include "base/text.h"

namespace cd {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNow = 1'769'860'800'000'000'000;  // 2026-01-31T12:00:00Z
constexpr std::int64_t kSecond = 1'000'000'000;

BatchProgress open_batch() {
  BatchProgress b;
  b.id = "20260131-115900-kicks";
  b.name = "kicks";
  b.state = BatchState::uploading;
  b.files_total = 1004;
  b.files_done = 400;
  b.files_skipped = 100;
  b.files_failed = 2;
  b.files_warned = 5;
  b.bytes_total = 250u << 20;
  b.bytes_done = 123u << 20;
  b.current = "analysing drums/kick.wav";
  b.created_at_ns = kNow - 62 * kSecond;
  b.started_at_ns = kNow - 60 * kSecond;
  b.files_per_second = 12.5;
  b.eta_seconds = 40;
  b.errors = {{"a.wav", "the store said no"}};
  return b;
}

BatchProgress finished_batch() {
  BatchProgress b = open_batch();
  b.id = "20260131-110000-snares";
  b.name = "snares";
  b.state = BatchState::done;
  b.files_done = 1004;
  b.files_skipped = b.files_failed = 0;
  b.current = "";
  b.finished_at_ns = kNow - 30 * kSecond;
  b.errors.clear();
  return b;
}

DriveStatus busy_drive() {
  DriveStatus s;
  s.url = "s3://crate/kits/";
  s.mount_point = "/mnt/crate";
  s.now_ns = kNow;
  s.mounted_at_ns = kNow - 600 * kSecond;
  s.store.state = StoreState::ok;
  s.store.last_ok_wall_ns = kNow - 2 * kSecond;
  s.uploads.pending_uploads = 34;
  s.uploads.pending_bytes = 12u << 20;
  s.uploads.bytes_per_second = 1 << 20;
  s.cache.bytes = 1u << 30;
  s.cache.bytes_max = 10ull << 30;
  s.cache.hits = 98;
  s.cache.misses = 2;
  s.library.entries = 12034;
  s.library.bytes = 34ull << 30;
  s.batches = {open_batch(), finished_batch()};
  return s;
}

std::size_t widest(const std::string& text) {
  std::size_t most = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    most = std::max(most, static_cast<std::size_t>(std::ranges::count_if(
                              line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; })));
  }
  return most;
}

TEST(StatusReportTest, ABusyDriveAtAGlance) {
  EXPECT_EQ(render_status(busy_drive()),
            "drive     s3://crate/kits/\n"
            "on        /mnt/crate, mounted 10 min ago\n"
            "state     busy\n"
            "store     ok, last answer 2 s ago\n"
            "uploads   34 to go, 12 MiB, 1.0 MiB/s, 12 s left\n"
            "cache     1.0 GiB of 10 GiB, 98 % of 100 reads local\n"
            "library   12,034 entries known, 34 GiB\n"
            "\n"
            "kicks                                                                  uploading\n"
            "  [###########-----------]  50 %   502 of 1,004 files   123 MiB of 250 MiB\n"
            "  done 400, skipped 100, failed 2, with a warning 5   12.5 files/s   40 s left\n"
            "  now   analysing drums/kick.wav\n"
            "  last error  a.wav\n"
            "              the store said no\n"
            "  id    20260131-115900-kicks\n"
            "\n"
            "Finished\n"
            "  done             snares                              1,004 files   30 s ago\n");
}

TEST(StatusReportTest, ADriveAtRestSaysSo) {
  DriveStatus s = busy_drive();
  s.uploads = {};
  s.batches.clear();
  EXPECT_EQ(drive_state(s), "ok");
  EXPECT_THAT(render_status(s), HasSubstr("uploads   none\n"));
  EXPECT_THAT(render_status(s), HasSubstr("No batch is open.\n"));
}

TEST(StatusReportTest, TheStateOfTheDriveIsTheGravestThatHolds) {
  DriveStatus s = busy_drive();
  EXPECT_EQ(drive_state(s), "busy");
  s.uploads.paused = true;
  EXPECT_EQ(drive_state(s), "paused");
  for (const StoreState away : {StoreState::unreachable, StoreState::denied, StoreState::offline}) {
    s.store.state = away;
    EXPECT_EQ(drive_state(s), "offline");
  }
  DriveStatus rest = busy_drive();
  rest.batches.clear();
  rest.uploads.pending_uploads = rest.uploads.failed = 3;
  EXPECT_EQ(drive_state(rest), "attention");
}

TEST(StatusReportTest, AStoreThatIsAwayShowsWhyAndSinceWhen) {
  DriveStatus s = busy_drive();
  s.store.state = StoreState::unreachable;
  s.store.since_wall_ns = kNow - 60 * kSecond;
  s.store.last_error = "could not connect to 127.0.0.1:9";
  const std::string text = render_status(s);
  EXPECT_THAT(text, HasSubstr("store     unreachable since 1 min ago, last answer 2 s ago\n"));
  EXPECT_THAT(text, HasSubstr("could not connect to 127.0.0.1:9\n"));
}

TEST(StatusReportTest, NamesFromOutsideCannotLeaveTheirLine) {
  DriveStatus s = busy_drive();
  const std::string evil = "\x1b[2J\x1b[31mred\nfake: line\r\x9b\x07" + std::string(300, 'x') + "\xff\xfe";
  s.batches[0].name = s.batches[0].current = s.batches[0].note = s.batches[0].id = evil;
  s.batches[0].errors = {{evil, evil}};
  s.batches[1].name = evil;
  s.mount_point = s.store.last_error = s.uploads.last_error = evil;
  s.store.state = StoreState::unreachable;
  s.uploads.failed = 1;
  s.samples = {{evil, evil, evil, evil, evil, evil, evil}};
  UploadView upload;
  upload.path = upload.last_error = evil;
  for (const std::string& text :
       {render_status(s), render_inbox(s, evil), render_batch(s.batches[0], kNow), render_uploads({upload}, s.uploads, kNow)}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\nfake")));
    EXPECT_THAT(text, Not(HasSubstr("\r")));
    EXPECT_TRUE(is_valid_utf8(text));
    EXPECT_LE(widest(text), 80u) << text;
  }
}

TEST(StatusReportTest, NothingIsWiderThanATerminalHoweverLargeTheNumbers) {
  DriveStatus s = busy_drive();
  for (BatchProgress& b : s.batches) {
    b.files_total = b.files_done = b.files_skipped = b.files_failed = b.files_warned = 4'000'000'000u;
    b.bytes_total = b.bytes_done = 1ull << 60;
    b.eta_seconds = 1e7;
  }
  s.uploads.pending_uploads = s.uploads.failed = 4'000'000'000u;
  EXPECT_LE(widest(render_status(s)), 80u);
}

TEST(StatusReportTest, TheLatestSamplesAreDrawn) {
  DriveStatus s = busy_drive();
  EXPECT_THAT(render_status(s), Not(HasSubstr("Latest samples")));
  s.samples = {{"Drums/kick.wav", wave_label({-1.0f, 1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}), "kick", "", "", "", "0.4"},
               {"Loops/beat.wav", "", "loop", "92", "Am", "", ""}};
  const std::string text = render_status(s);
  EXPECT_THAT(text, HasSubstr("\nLatest samples\n  █▁ "));
  EXPECT_THAT(text, HasSubstr("  kick.wav  kick\n"));
  EXPECT_THAT(text, HasSubstr("  beat.wav  loop 92 Am\n"));
}

TEST(StatusReportTest, ABatchNamesItsErrors) {
  const std::string text = render_batch(open_batch(), kNow);
  EXPECT_THAT(text, HasSubstr("began     2026-01-31T11:59:00Z, 1 min ago\n"));
  EXPECT_THAT(text, HasSubstr("  a.wav\n      the store said no\n"));
  EXPECT_THAT(text, HasSubstr("see the file errors"));
}

// ---- for programs

TEST(StatusJsonTest, ABatchHasTheFieldsOfTheContract) {
  const auto json = nlohmann::json::parse(batch_json(open_batch()));
  EXPECT_EQ(json["id"], "20260131-115900-kicks");
  EXPECT_EQ(json["name"], "kicks");
  EXPECT_EQ(json["state"], "uploading");
  EXPECT_EQ(json["files_total"], 1004);
  EXPECT_EQ(json["files_done"], 400);
  EXPECT_EQ(json["files_failed"], 2);
  EXPECT_EQ(json["files_skipped"], 100);
  EXPECT_EQ(json["files_warned"], 5);
  EXPECT_EQ(json["bytes_total"], 250u << 20);
  EXPECT_EQ(json["bytes_done"], 123u << 20);
  EXPECT_EQ(json["current"], "analysing drums/kick.wav");
  EXPECT_EQ(json["started_at"], "2026-01-31T11:59:00.000Z");
  EXPECT_TRUE(json["finished_at"].is_null());
  ASSERT_EQ(json["errors"].size(), 1u);
  EXPECT_EQ(json["errors"][0]["path"], "a.wav");
  EXPECT_EQ(json["errors"][0]["reason"], "the store said no");
}

TEST(StatusJsonTest, TheDriveHasTheFieldsOfTheContract) {
  const auto json = nlohmann::json::parse(status_json(busy_drive()));
  EXPECT_EQ(json["state"], "busy");
  EXPECT_EQ(json["store"]["state"], "ok");
  EXPECT_EQ(json["store"]["url"], "s3://crate/kits/");
  EXPECT_EQ(json["pending_uploads"], 34);
  EXPECT_EQ(json["pending_bytes"], 12u << 20);
  EXPECT_EQ(json["cache"]["bytes"], 1u << 30);
  ASSERT_EQ(json["batches"].size(), 2u);
  EXPECT_EQ(json["batches"][1]["state"], "done");
}

TEST(StatusJsonTest, BytesThatAreNoTextDoNotBreakIt) {
  DriveStatus s = busy_drive();
  s.batches[0].name = "\xff\xfe\"\n";
  EXPECT_TRUE(nlohmann::json::parse(status_json(s), nullptr, false).is_object());
}

// ---- health

TEST(HealthTest, AHealthyDriveHasNothingToCure) {
  HealthFacts facts;
  facts.drive = busy_drive();
  facts.drive.traits.probed = true;
  for (const HealthItem& item : examine(facts)) EXPECT_TRUE(item.level <= HealthLevel::note) << item.text;
}

TEST(HealthTest, EveryTroubleComesWithItsCure) {
  HealthFacts facts;
  facts.drive = busy_drive();
  facts.drive.store.state = StoreState::denied;
  facts.drive.store.last_error = "AccessDenied";
  facts.drive.store.clock_skew_ms = 20 * 60'000;
  facts.drive.uploads.failed = 2;
  facts.drive.cache.disk_trouble = "disk is broken";
  facts.recovery.missing = 1;
  facts.recovery.orphans = 1;
  facts.tree.hidden_keys = 1;
  facts.state_disk = {100ull << 30, 10};
  std::size_t troubles = 0;
  for (const HealthItem& item : examine(facts)) {
    if (item.level < HealthLevel::warning) continue;
    ++troubles;
    EXPECT_FALSE(item.cure.empty()) << item.text;
  }
  EXPECT_GE(troubles, 7u);
  const auto json = nlohmann::json::parse(health_json(examine(facts)));
  EXPECT_EQ(json["state"], "error");
  EXPECT_LE(widest(render_health(examine(facts))), 80u);
}

TEST(HealthTest, WhatAStoreDoesNotHonourIsSaid) {
  StoreTraits traits;
  traits.probed = true;
  traits.put_if_match = true;
  const std::string text = render_health(examine_traits(traits));
  EXPECT_THAT(text, HasSubstr("If-Match on PUT is honoured"));
  EXPECT_THAT(text, HasSubstr("If-None-Match on PUT is not honoured"));
}

// ---- draining

TEST(DrainProgressTest, GoesOnUntilUploadsAndBatchesAreThrough) {
  DriveStatus s = busy_drive();
  DrainProgress progress;
  ASSERT_TRUE(progress.update(status_json(s)));
  EXPECT_FALSE(progress.over());
  EXPECT_EQ(progress.to_go(), 34u + 502u);
  s.uploads.pending_uploads = 0;
  s.batches[0].state = BatchState::done;
  ASSERT_TRUE(progress.update(status_json(s)));
  EXPECT_TRUE(progress.over());
  EXPECT_EQ(progress.left_behind(), "");
  EXPECT_DOUBLE_EQ(progress.fraction(), 1.0);
}

TEST(DrainProgressTest, DoesNotWaitForWhatHasFailedOrIsPaused) {
  DriveStatus s = busy_drive();
  s.uploads.pending_uploads = s.uploads.failed = 2;
  s.batches[0].paused = true;
  DrainProgress progress;
  ASSERT_TRUE(progress.update(status_json(s)));
  EXPECT_TRUE(progress.over());
  EXPECT_THAT(progress.left_behind(), HasSubstr("failed uploads: 2"));
  EXPECT_THAT(progress.left_behind(), HasSubstr("paused batches: 1"));
}

TEST(DrainProgressTest, SaysWhatIsInTheWay) {
  DriveStatus s = busy_drive();
  s.store.state = StoreState::unreachable;
  s.store.last_error = "no route to host";
  DrainProgress progress;
  ASSERT_TRUE(progress.update(status_json(s)));
  EXPECT_FALSE(progress.over());
  EXPECT_THAT(drain_line(progress), HasSubstr("store unreachable: no route"));
  EXPECT_LE(widest(drain_line(progress)), 79u);
}

TEST(DrainProgressTest, AnythingElseIsNoStatus) {
  DrainProgress progress;
  EXPECT_FALSE(progress.update("[]"));
  EXPECT_FALSE(progress.update("<html>"));
}

}  // namespace
}  // namespace cd
