// The label index follows the tree: what is put, changed, moved and removed.
#include "cache/label_index.h"

#include <gtest/gtest.h>

#include "base/disk.h"
#include "tests/cache/temp_folder.h"

namespace cd {
namespace {

class LabelIndexTest : public ::testing::Test {
 protected:
  LabelIndexTest() {
    MetaStoreOptions options;
    options.directory = folder_.path() + "/cache";
    meta_ = std::move(*MetaStore::open(options, system_disk(), system_clock()));
  }
  InodeId put(const std::string& path, Metadata labels, const std::string& etag = "", InodeId again = {}) {
    InodeId ino;
    const auto slash = path.rfind('/');
    const Status done = meta_->write([&](MetaStore::Writer& w) -> Status {
      CD_TRY(const InodeId parent, w.make_folders(slash == std::string::npos ? "" : path.substr(0, slash)));
      MetaRecord record;
      record.ino = ino = again ? again : w.new_inode();
      record.attr.size = 10;
      record.metadata = labels;
      if (!etag.empty()) record.remote = RemoteVersion{path, etag, 10, {}};
      return w.put(parent, path.substr(slash + 1), record);
    });
    EXPECT_TRUE(done);
    return ino;
  }
  void erase(const std::string& path) {
    const auto entry = *meta_->resolve(path);
    ASSERT_TRUE(entry);
    ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) { return w.erase(entry->parent, entry->name); }));
  }
  std::vector<std::string> names(Facet facet, std::string_view value) {
    std::vector<std::string> out;
    EXPECT_TRUE(index().scan(facet, value, "", [&](const LabelRow& row) {
      out.emplace_back(row.name);
      return true;
    }));
    return out;
  }
  std::size_t contents() {
    std::size_t n = 0;
    EXPECT_TRUE(index().twins("", [&](std::string_view) { return ++n > 0; }));
    return n;
  }
  LabelIndex index() { return LabelIndex(*meta_); }
  using Names = std::vector<std::string>;

  TempFolder folder_;
  std::unique_ptr<MetaStore> meta_;
};

TEST_F(LabelIndexTest, AFileIsFoundUnderAllThatItsLabelsSay) {
  put("Drums/a.wav", {{"bpm", "92.5"}, {"bpm-source", "name"}, {"camelot", "8A"}, {"key-confidence", "0.9"},
                      {"kind", "one-shot"}, {"class", "kick"}, {"duration", "1.5"}});
  EXPECT_EQ(names(Facet::name, ""), Names{"a.wav"});
  EXPECT_EQ(names(Facet::bpm, "090"), Names{"a.wav"});
  EXPECT_EQ(names(Facet::key, "08A"), Names{"a.wav"});
  EXPECT_EQ(names(Facet::kind, "one-shot"), Names{"a.wav"});
  EXPECT_EQ(names(Facet::kind, "kick"), Names{"a.wav"});
  EXPECT_EQ(names(Facet::bpm_unsure, ""), Names{});
}

TEST_F(LabelIndexTest, WhatWasHeardWithLittleConfidenceIsUnsure) {
  put("a.wav", {{"bpm", "92"}, {"bpm-source", "heard"}, {"bpm-confidence", "0.3"}, {"camelot", "8A"}, {"key-confidence", "0.1"}});
  EXPECT_EQ(names(Facet::bpm, "090"), Names{});
  EXPECT_EQ(names(Facet::bpm_unsure, ""), Names{"a.wav"});
  EXPECT_EQ(names(Facet::key_unsure, ""), Names{"a.wav"});
}

TEST_F(LabelIndexTest, NewLabelsReplaceTheOldOnes) {
  const InodeId ino = put("a.wav", {{"bpm", "92"}, {"bpm-source", "tag"}});
  put("a.wav", {{"bpm", "140"}, {"bpm-source", "tag"}}, "", ino);
  EXPECT_EQ(names(Facet::bpm, "090"), Names{});
  EXPECT_EQ(names(Facet::bpm, "140"), Names{"a.wav"});
}

TEST_F(LabelIndexTest, AMovedFileHasItsNewName) {
  put("a.wav", {{"kind", "loop"}});
  const auto from = *meta_->resolve("a.wav");
  ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) -> Status {
    CD_TRY(const InodeId to, w.make_folders("x/y"));
    return w.move(from->parent, "a.wav", to, "b.wav");
  }));
  EXPECT_EQ(names(Facet::kind, "loop"), Names{"b.wav"});
}

TEST_F(LabelIndexTest, WhatIsRemovedLeavesNothingBehind) {
  put("x/a.wav", {{"kind", "loop"}, {"bpm", "90"}, {"bpm-source", "tag"}}, "e1");
  put("x/y/b.wav", {{"kind", "loop"}}, "e1");
  EXPECT_EQ(contents(), 1u);
  erase("x");
  for (const Facet facet : {Facet::name, Facet::bpm, Facet::kind, Facet::recent})
    EXPECT_FALSE(*index().next_value(facet, "")) << static_cast<char>(facet);
  EXPECT_EQ(names(Facet::name, ""), Names{});
  EXPECT_EQ(contents(), 0u);
}

TEST_F(LabelIndexTest, TwoFilesOfOneContentAreTwinsUntilOneGoes) {
  put("a.wav", {{"kind", "loop"}}, "e1");
  EXPECT_EQ(contents(), 0u);
  put("b.bin", {}, "e1");
  put("c.bin", {}, "e2");
  EXPECT_EQ(contents(), 1u);
  erase("a.wav");
  EXPECT_EQ(contents(), 0u);
}

TEST_F(LabelIndexTest, ValuesAreSkippedThroughWithoutTheirFiles) {
  for (int bpm = 60; bpm < 200; ++bpm) put(std::to_string(bpm) + ".wav", {{"bpm", std::to_string(bpm)}, {"bpm-source", "tag"}});
  std::vector<std::string> values;
  for (auto value = *index().next_value(Facet::bpm, ""); value; value = *index().next_value(Facet::bpm, *value))
    values.push_back(*value);
  EXPECT_EQ(values.size(), 14u);
  EXPECT_EQ(values.front(), "060");
  EXPECT_EQ(values.back(), "190");
}

TEST_F(LabelIndexTest, ForeignLabelsThatAreNoneAreNotThere) {
  put("a.wav", {{"bpm", "../.."}, {"kind", "../x"}, {"camelot", "99Z"}, {"class", "a/b"}, {"duration", "1"}});
  EXPECT_EQ(names(Facet::name, ""), Names{"a.wav"});
  for (const Facet facet : {Facet::bpm, Facet::bpm_unsure, Facet::key, Facet::key_unsure, Facet::kind})
    EXPECT_FALSE(*index().next_value(facet, "")) << static_cast<char>(facet);
  put("b.txt", {{"comment", "no sample"}});
  EXPECT_EQ(names(Facet::name, ""), Names{"a.wav"});
}

TEST(SampleFactsTest, FactsAreReadBackAsTheyWereWritten) {
  MetaRecord record;
  record.metadata = {{"bpm", "92.25"}, {"bpm-source", "acid"}, {"camelot", "12B"}, {"key-confidence", "0.7"},
                     {"kind", "loop"}, {"lufs", "-14.3"}, {"duration", "1.846"}, {"batch", "20260131-120000-kicks"}};
  const SampleFacts facts = facts_of(InodeId(7), record);
  EXPECT_EQ(facts.arrived_ns, 1'769'860'800'000'000'000);
  EXPECT_EQ(*decode_facts(encode(facts)), facts);
  EXPECT_FALSE(decode_facts("x"));
}

TEST(SampleFactsTest, LabelsThatNoNumberCanHoldAreNotThere) {
  MetaRecord record;
  record.attr.ctime_ns = 7;
  record.metadata = {{"lufs", "1e308"}, {"duration", "1e300"}, {"bpm", "1e308"}, {"batch", "99991231-235959-x"}};
  const SampleFacts facts = facts_of(InodeId(7), record);
  EXPECT_EQ(facts.lufs, std::nullopt);
  EXPECT_EQ(facts.bpm, 0);
  EXPECT_EQ(facts.arrived_ns, 7);
  EXPECT_TRUE(decode_facts(encode(facts)));
  record.metadata["batch"] = "20260131-996000-x";
  EXPECT_EQ(facts_of(InodeId(7), record).arrived_ns, 7);
}

TEST(SampleFactsTest, TheCamelotWheelHasTwentyFourPlaces) {
  for (int n = 1; n <= 24; ++n) EXPECT_EQ(camelot_number(camelot_text(n)), n);
  EXPECT_EQ(key_folder(camelot_number("8A")), "8A Am");
  EXPECT_EQ(key_folder(camelot_number("8B")), "8B C");
  EXPECT_EQ(key_folder(camelot_number("1A")), "1A Abm");
  for (const char* none : {"", "0A", "13A", "8C", "A8", "8", "108A"}) EXPECT_EQ(camelot_number(none), 0) << none;
}

}  // namespace
}  // namespace cd
