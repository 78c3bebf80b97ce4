#include "app/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cd {
namespace {

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() {
    char name[] = "/tmp/cratedrive-events-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/events.jsonl";
  }
  ~EventLogTest() override { EXPECT_TRUE(system_disk().remove_tree(folder_)); }

  std::unique_ptr<EventLog> open(std::uint64_t bytes_max = 1 << 20) {
    auto log = EventLog::open(system_disk(), path_, clock_, bytes_max);
    EXPECT_TRUE(log);
    return std::move(*log);
  }
  static std::vector<nlohmann::json> lines(const std::string& text) {
    std::vector<nlohmann::json> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (!line.empty()) out.push_back(nlohmann::json::parse(line, nullptr, false));
    }
    return out;
  }

  ManualClock clock_;
  std::string folder_;
  std::string path_;
};

TEST_F(EventLogTest, EachEventIsOneObjectOnOneLine) {
  const auto log = open();
  log->add("mounted", {{"on", "/mnt/a\nb\xff"}});
  log->add_json(R"({"event":"batch-opened","id":"x"})");
  log->add_json("no json at all");
  const auto found = lines(*log->read_at(0, 10'000));
  ASSERT_EQ(found.size(), 3u);
  for (const auto& line : found) {
    ASSERT_TRUE(line.is_object());
    EXPECT_TRUE(line.contains("time"));
    EXPECT_TRUE(line.contains("event"));
  }
  EXPECT_EQ(found[0]["event"], "mounted");
  EXPECT_EQ(found[1]["id"], "x");
}

TEST_F(EventLogTest, ItGrowsOnlyAtTheEnd) {
  const auto log = open();
  log->add("one");
  const std::uint64_t before = log->size();
  const std::string first = *log->read_at(0, before);
  log->add("two");
  EXPECT_EQ(*log->read_at(0, before), first);
  EXPECT_GT(log->size(), before);
  EXPECT_EQ(*log->read_at(log->size(), 100), "");
}

TEST_F(EventLogTest, ItSurvivesARestart) {
  open()->add("one");
  const auto log = open();
  log->add("two");
  EXPECT_EQ(lines(*log->read_at(0, 10'000)).size(), 2u);
}

TEST_F(EventLogTest, ATornLastLineDoesNotSpoilTheNext) {
  {
    auto file = system_disk().open(path_, OpenMode::create);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->write(0, "{\"event\":\"to"));
  }
  const auto log = open();
  log->add("whole");
  const auto found = lines(*log->read_at(0, 10'000));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(found[0].is_discarded());
  EXPECT_EQ(found[1]["event"], "whole");
}

TEST_F(EventLogTest, ItIsBoundedAndKeepsTheNewest) {
  const auto log = open(1000);
  for (int i = 0; i < 200; ++i) log->add("tick", {{"number", std::to_string(i)}});
  EXPECT_LE(log->size(), 1000u);
  const auto newest = lines(*log->read_at(0, 10'000));
  ASSERT_FALSE(newest.empty());
  EXPECT_EQ(newest.back()["number"], "199");
  const auto older = read_file(system_disk(), path_ + ".1");
  ASSERT_TRUE(older);
  EXPECT_LE(older->size(), 1000u);
  const auto before = lines(*older);
  EXPECT_EQ(std::stoi(before.back()["number"].get<std::string>()) + 1,
            std::stoi(newest.front()["number"].get<std::string>()));
}

}  // namespace
}  // namespace cd
