// The dashboard: all that it should say is there, and no text from outside is markup. And what it costs.
#include "app/dashboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/disk.h"
#include "batch/wave_label.h"

namespace cd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kEvil = "<script>alert('x')</script>\" onload=\"y&\x1b[31m";

DashboardFacts facts() {
  DashboardFacts f;
  f.drive.url = "s3://crate";
  f.drive.mount_point = "/mnt/crate";
  f.drive.now_ns = 2'000'000'000'000'000'000;
  f.drive.store.state = StoreState::ok;
  f.cost.prices.table = "r2";
  f.cost.storage = 1.5;
  BatchProgress b;
  b.id = "20260131-120000-kicks";
  b.name = "kicks";
  b.state = BatchState::uploading;
  b.files_total = 200;
  b.files_done = 50;
  b.files_skipped = 20;
  b.files_failed = 1;
  b.files_per_second = 12.5;
  b.current = "analysing kick.wav";
  b.errors = {{"bad.wav", "the store said no"}};
  f.drive.batches = {b};
  f.health = {{"clock", HealthLevel::warning, "it is 7 min late", "set it"}};
  f.drive.samples = {{"Drums/kick #1.wav", wave_label({-0.5f, 0.5f, -1.0f, 0.2f}), "kick", "120", "Am", "-9.1", "0.4"}};
  return f;
}

TEST(DashboardTest, ThePageSaysWhatIsGoingOn) {
  const std::string page = render_dashboard(facts());
  for (const char* words : {"kicks", "71 of 200 files", "width:25.00%", "width:10.00%", "12.5 files/s", "analysing kick.wav", "bad.wav",
                            "the store said no", "it is 7 min late", "set it", "$1.50", "kick #1.wav", "120 bpm", "<svg",
                            "../Drums/kick%20%231.wav", "http-equiv=\"refresh\"", "prefers-color-scheme:dark", "viewport"})
    EXPECT_THAT(page, HasSubstr(words));
}

TEST(DashboardTest, ItNeedsNothingButItself) {
  const std::string page = render_dashboard(facts());
  for (const char* foreign : {"http://", "https://", "<script", "<link", "<img", "@import", "url("}) EXPECT_THAT(page, Not(HasSubstr(foreign)));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST(DashboardTest, NoTextFromOutsideIsMarkup) {
  DashboardFacts f = facts();
  f.drive.url = f.drive.mount_point = f.drive.store.last_error = kEvil;
  f.drive.store.state = StoreState::unreachable;
  BatchProgress& b = f.drive.batches[0];
  b.id = b.name = b.current = b.note = kEvil;
  b.errors = {{kEvil, kEvil}};
  f.health = {{kEvil, HealthLevel::error, kEvil, kEvil}};
  f.drive.samples = {{kEvil, kEvil, kEvil, kEvil, kEvil, kEvil, kEvil}};
  f.uploads.resize(1);
  f.uploads[0].path = f.uploads[0].state = f.uploads[0].last_error = kEvil;
  const std::string page = render_dashboard(f);
  for (const char* harm : {"<script", "\" onload", "alert('", "\x1b"}) EXPECT_THAT(page, Not(HasSubstr(harm)));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
}

TEST(DashboardTest, AnEmptyDriveHasAPageToo) {
  EXPECT_THAT(render_dashboard({}), HasSubstr("Nothing is under way"));
}

TEST(WaveLabelTest, AnOutlineGoesIntoPrintableTextAndBack) {
  std::vector<float> waveform;
  for (int i = 0; i < 200; ++i) waveform.insert(waveform.end(), {-static_cast<float>(i) / 200, static_cast<float>(i) / 400});
  const std::string label = wave_label(waveform);
  EXPECT_EQ(label.size(), kWaveColumns);
  const auto heights = wave_heights(label);
  ASSERT_EQ(heights.size(), kWaveColumns);
  EXPECT_LT(heights.front(), 0.05);
  EXPECT_NEAR(heights.back(), 0.995, 0.02);
  EXPECT_EQ(wave_label({}), "");
  EXPECT_TRUE(wave_heights("<script>").empty());
  EXPECT_TRUE(wave_heights(std::string(1000, '0')).empty());
}

TEST(CostTest, ATableGivesTheBillOfAMonth) {
  Config config;
  const auto url = *StoreUrl::parse("r2://crate");
  const Prices prices = prices_of(config, url);
  EXPECT_EQ(prices.table, "r2");
  const CostReport r = estimate({2'000'000, 5'000'000, 7, 1'000'000'000'000, 0}, "2026-01", 100'000'000'000, prices);
  EXPECT_NEAR(r.storage, 1.5, 1e-9);
  EXPECT_NEAR(r.class_a, 9.0, 1e-9);
  EXPECT_NEAR(r.class_b, 1.8, 1e-9);
  EXPECT_EQ(r.egress, 0);
  EXPECT_THAT(cost_json(r), HasSubstr("\"month\": 12.3"));
  EXPECT_THAT(cost_line(r), HasSubstr("$12.30"));
}

TEST(CostTest, OwnPricesReplaceThoseOfTheTable) {
  Config config;
  config.prices = "s3";
  config.price_egress = "0";
  const Prices prices = prices_of(config, *StoreUrl::parse("file:///music"));
  EXPECT_EQ(prices.table, "own");
  EXPECT_EQ(prices.egress_gb, 0);
  EXPECT_EQ(prices.class_a_million, 5.0);
  EXPECT_EQ(prices_of(Config{}, *StoreUrl::parse("file:///music")).table, "none");
}

TEST(CostTest, TheMonthIsCountedOverRestarts) {
  char name[] = "/tmp/cratedrive-cost-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    MetricRegistry metrics;
    CostMeter meter(metrics, system_disk(), system_clock(), folder + "/costs.json");
    metrics.counter("cratedrive_store_requests_total", "", "verb=\"put\"").add(10);
    metrics.counter("cratedrive_store_requests_total", "", "verb=\"head\"").add(2);
    metrics.counter("cratedrive_store_requests_total", "", "verb=\"remove\"").add(1);
    std::string month;
    const RequestCounts counts = meter.counts(month);
    EXPECT_EQ(counts.class_a, 10 * round);
    EXPECT_EQ(counts.class_b, 2 * round);
    EXPECT_EQ(counts.free, round);
  }
  EXPECT_TRUE(system_disk().remove_tree(folder));
}

}  // namespace
}  // namespace cd
