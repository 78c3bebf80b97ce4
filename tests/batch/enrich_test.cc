// Enrichers: programs that are asked about stored files, on a drive below the kernel over a folder as the bucket, where
// they find the files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "remote/open_store.h"
#include "tests/batch/drop_rig.h"

namespace cd {
namespace {

using testing::DropRig;
using testing::make_wav;
using testing::TempFolder;

TEST(EnricherTest, KindsAndExtensionsDecideWhomAFileMeets) {
  Enricher e;
  const EnrichFile loop{"Drums/beat.WAV", "audio/wav", "loop"};
  EXPECT_TRUE(is_for(e, loop));
  e.kinds = {"image", "loop"};
  EXPECT_TRUE(is_for(e, loop));
  EXPECT_FALSE(is_for(e, {"a.txt", "text/plain", ""}));
  e.kinds = {"audio"};
  e.extensions = {"wav"};
  EXPECT_TRUE(is_for(e, loop));
  EXPECT_FALSE(is_for(e, {"a/wav", "audio/wav", ""}));
  EXPECT_FALSE(is_for(e, {"a.flac", "audio/flac", ""}));
}

TEST(EnricherTest, AnAnswerIsOneJsonObject) {
  Enricher e;
  e.name = "tagger";
  const auto labels = labels_of_answer(e, R"({"Mood": "dark", "score": 0.5, "loud": true, "tags": ["a", "b"], "none": null})");
  ASSERT_TRUE(labels.has_value());
  EXPECT_EQ(*labels, (Metadata{{"tagger.mood", "dark"}, {"tagger.score", "0.5"}, {"tagger.loud", "true"},
                               {"tagger.tags", "[\"a\",\"b\"]"}}));
  EXPECT_TRUE(labels_of_answer(e, " \n").value().empty());
  for (const char* bad : {"[1]", "{\"a\": 1} {}", "words", "{"}) EXPECT_FALSE(labels_of_answer(e, bad).has_value()) << bad;
}

class EnrichTest : public ::testing::Test {
 protected:
  EnrichTest() {
    std::filesystem::create_directories(bucket());
    store_ = std::move(*open_store(*StoreUrl::parse("file://" + bucket()), StoreOptions{}, health_, metrics_));
  }
  [[nodiscard]] std::string bucket() const { return folder_.path() + "/bucket"; }
  [[nodiscard]] std::string told() const { return folder_.path() + "/told"; }
  [[nodiscard]] static Enricher shell(const std::string& name, const std::string& script) {
    Enricher out;
    out.name = name;
    out.argv = {"sh", "-c", script, "{path}"};
    out.retry_first = Millis{1};
    return out;
  }
  testing::RigOptions options(std::vector<Enricher> enrichers) {
    testing::RigOptions out;
    out.directory = folder_.path();
    out.change = [this, enrichers = std::move(enrichers)](BatchOptions& batch) {
      batch.enrichers = enrichers;
      batch.library_root = bucket();
    };
    return out;
  }
  [[nodiscard]] std::size_t lines_told() const {
    std::ifstream in(told());
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  }
  [[nodiscard]] std::vector<std::int64_t> times_told() const {
    std::ifstream in(told());
    return {std::istream_iterator<std::int64_t>(in), {}};
  }
  [[nodiscard]] static bool is_alive(std::int64_t process) {  // and no zombie
    std::ifstream in("/proc/" + std::to_string(process) + "/stat");
    const std::string text(std::istreambuf_iterator<char>(in), {});
    const std::size_t name_end = text.rfind(") ");
    return name_end != std::string::npos && text[name_end + 2] != 'Z' && text[name_end + 2] != 'X';
  }
  TempFolder folder_;
  StoreHealth health_{system_clock()};
  MetricRegistry metrics_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(EnrichTest, AnswersAreInTheReportAndOnTheFile) {
  Enricher counter = shell("counter", "echo \"{\\\"bytes\\\": $(wc -c < \"$0\")}\"");
  Enricher second = shell("second", "echo \"{\\\"saw\\\": \\\"$(echo $CRATEDRIVE_LABELS | grep -c counter.bytes)\\\"}\"");
  Enricher texts = shell("texts", "cat");  // by its stdin
  texts.argv = {"sh", "-c", "echo \"{\\\"first\\\": \\\"$(head -c 4)\\\"}\""};
  texts.extensions = {"txt"};
  DropRig rig(*store_, options({counter, second, texts}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  rig.drop("kicks/read me.txt", "abcdef");
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.enriched, 5u);
  EXPECT_EQ(batch.enrich_failed, 0u);
  const auto entry = rig.meta().resolve("kicks/a.wav");
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->record.xattrs.at("user.label.counter.bytes"), std::to_string(make_wav(0.1, 1).size()));
  EXPECT_EQ((*entry)->record.xattrs.at("user.label.second.saw"), "1");
  const auto report = nlohmann::json::parse(rig.conductor().report_json(batch.id).value());
  for (const auto& item : report["items"]) {
    if (item["path"] == "read me.txt") EXPECT_EQ(item["enriched"]["texts.first"], "abcd");
    else EXPECT_FALSE(item["enriched"].contains("texts.first"));
  }
}

// S59 "An enricher that fails never undoes what was stored; its failure is in `errors`, and `enrich` asks it again, and only it."
TEST_F(EnrichTest, AFailureIsVisibleAndIsRetriedAlone) {
  Enricher good = shell("good", "echo x >> '" + told() + "'");
  Enricher bad = shell("bad", "echo no model here >&2; test -e '" + folder_.path() + "/model'");
  bad.tries = 2;
  DropRig rig(*store_, options({good, bad}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.files_done, 1u);
  EXPECT_EQ(batch.enrich_failed, 1u);
  EXPECT_EQ(rig.rows(batch.id).at(0).enrich_error, "bad: exit status 1: no model here");
  std::ofstream(folder_.path() + "/model") << "here";
  ASSERT_TRUE(rig.conductor().command(batch.id, "enrich").has_value());
  const BatchProgress again = rig.wait_for([](const BatchProgress& b) { return is_final(b.state) && b.enrich_failed == 0; });
  EXPECT_EQ(again.state, BatchState::done);
  EXPECT_EQ(again.enriched, 2u);
  EXPECT_EQ(lines_told(), 1u);
  EXPECT_EQ(rig.rows(batch.id).at(0).enrich_error, "");
}

TEST_F(EnrichTest, NoMoreRunAtOneTimeThanAreAllowed) {
  // Each leaves a mark while it runs, and fails if it sees three.
  const std::string marks = folder_.path() + "/marks";
  std::filesystem::create_directories(marks);
  Enricher two = shell("two", "touch " + marks + "/$$; n=$(ls " + marks + " | wc -l); sleep 0.05; rm " + marks + "/$$; test $n -le 2");
  two.concurrency = 2;
  two.tries = 1;
  Enricher other = shell("other", "true");
  other.concurrency = 6;
  DropRig rig(*store_, options({two, other}));
  for (unsigned i = 0; i < 12; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.03, i));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.enriched, 24u);
  EXPECT_EQ(batch.enrich_failed, 0u);
}

TEST_F(EnrichTest, WhatItLeavesIsStoredAsAnObject) {
  Enricher maker = shell("maker", "");
  maker.argv = {"sh", "-c", "echo made of {name} > '{output}'"};
  maker.produces = "txt";
  DropRig rig(*store_, options({maker}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  const BatchProgress batch = rig.wait_final();
  const auto entry = rig.meta().resolve("kicks/a.wav");
  ASSERT_TRUE(entry && *entry);
  const std::string key = (*entry)->record.xattrs.at("user.label.maker.file");
  EXPECT_EQ(key, ".cratedrive/processed/" + batch.id.substr(0, 4) + "-" + batch.id.substr(4, 2) + "-" + batch.id.substr(6, 2) + "/" +
                     xxh3_128(make_wav(0.1, 1)).hex() + ".txt");
  rig.wait_for([&](const BatchProgress&) { return std::filesystem::exists(bucket() + "/" + key); });
  std::ifstream in(bucket() + "/" + key);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "made of kicks/a.wav\n");
}

TEST_F(EnrichTest, ARestartInTheMiddleAsksNobodyTwiceWhoAnswered) {
  Enricher teller = shell("teller", "echo x >> '" + told() + "'");
  Enricher gate = shell("gate", "test -e '" + folder_.path() + "/open' || sleep 1000");
  const auto with = options({teller, gate});
  DropRig rig(*store_, with);
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  rig.wait_for([](const BatchProgress& b) { return b.enriched == 1; });
  rig.stop();
  std::ofstream(folder_.path() + "/open") << "yes";
  rig.start();
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.state, BatchState::done);
  EXPECT_EQ(batch.enriched, 2u);
  EXPECT_EQ(lines_told(), 1u);
}

TEST_F(EnrichTest, ACancelKillsWhatRuns) {
  DropRig rig(*store_, options({shell("slow", "echo x >> '" + told() + "'; sleep 1000")}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  const BatchProgress running = rig.wait_for([&](const BatchProgress& b) {
    return b.state == BatchState::processing && lines_told() == 1;
  });
  ASSERT_TRUE(rig.conductor().command(running.id, "cancel").has_value());
  EXPECT_EQ(rig.wait_final().state, BatchState::cancelled);
  EXPECT_TRUE(rig.in_library("kicks/a.wav"));
}

// Counted by the enricher itself. Load can only make it slower, so the bound holds on any machine.
TEST_F(EnrichTest, NoMoreAreBegunInASecondThanAreAllowed) {
  constexpr unsigned kFiles = 20;
  constexpr double kPerSecond = 20;
  Enricher paced = shell("paced", "date +%s%N >> '" + told() + "'");
  paced.concurrency = 8;
  paced.per_second = kPerSecond;
  DropRig rig(*store_, options({paced}));
  const std::int64_t begun_ns = system_clock().wall_ns();
  for (unsigned i = 0; i < kFiles; ++i) rig.drop("kicks/" + std::to_string(i) + ".wav", make_wav(0.03, i));
  EXPECT_EQ(rig.wait_final().enriched, kFiles);
  std::vector<std::int64_t> starts = times_told();
  ASSERT_EQ(starts.size(), kFiles);
  std::sort(starts.begin(), starts.end());
  for (std::size_t n = 0; n < starts.size(); ++n) {  // the n-th not before n intervals have passed
    EXPECT_GE(static_cast<double>(starts[n] - begun_ns), static_cast<double>(n) * 1e9 / kPerSecond) << n;
  }
}

TEST_F(EnrichTest, EachFurtherTryWaitsTwiceAsLong) {
  Enricher failing = shell("failing", "date +%s%N >> '" + told() + "'; exit 1");
  failing.tries = 4;
  failing.retry_first = Millis{40};
  DropRig rig(*store_, options({failing}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  EXPECT_EQ(rig.wait_final().enrich_failed, 1u);
  const std::vector<std::int64_t> starts = times_told();
  ASSERT_EQ(starts.size(), 4u);
  for (std::size_t n = 1; n < starts.size(); ++n) EXPECT_GE(starts[n] - starts[n - 1], 40'000'000LL << (n - 1)) << n;
}

// S59 "It is killed with all that it started when it takes longer than its `timeout`."
TEST_F(EnrichTest, WhoTakesTooLongIsKilledWithAllThatItStarted) {
  Enricher slow = shell("slow", "sleep 1000 & echo $! >> '" + told() + "'; wait");
  slow.timeout = Millis{500};
  slow.tries = 2;
  DropRig rig(*store_, options({slow}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.enrich_failed, 1u);
  EXPECT_NE(rig.rows(batch.id).at(0).enrich_error.find("slow: it took longer than"), std::string::npos);
  for (const std::int64_t child : times_told()) {
    while (is_alive(child)) std::this_thread::yield();  // the kernel may need a moment
  }
}

TEST_F(EnrichTest, WhoWritesTooMuchIsKilled) {
  Enricher loud = shell("loud", "yes");
  loud.output_max = 1000;
  loud.tries = 1;
  DropRig rig(*store_, options({loud}));
  rig.drop("kicks/a.wav", make_wav(0.1, 1));
  const BatchProgress batch = rig.wait_final();
  EXPECT_EQ(batch.enrich_failed, 1u);
  EXPECT_NE(rig.rows(batch.id).at(0).enrich_error.find("loud: it wrote more than"), std::string::npos) << rig.rows(batch.id).at(0).enrich_error;
}

}  // namespace
}  // namespace cd
