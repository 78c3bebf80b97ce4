#include "analyze/report.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

namespace cd {
namespace {

Report full_report() {
  Report report;
  report.type = "audio/wav";
  report.is_audio = true;
  report.format = AudioFormat{"wav", "pcm_16", 44100, 2, 88200, 2.0};
  report.tempo = Tempo{119.98, 0.87};
  report.key = Key{9, true, 0.71};
  report.loudness = Loudness{-14.31, true, -0.24, 3.5};
  report.kind = Kind::loop;
  report.onsets_s = {0, 0.5, 1.001};
  report.waveform = {-0.5F, 0.123F};
  report.hints = {{HintField::bpm, HintSource::file_name, "120"}};
  report.warnings = {"Clipped in 2 places."};
  report.grid = Grid{.beats = 4, .beats_a_bar = 4, .bars = 1, .first_beat_s = 0.012};
  report.slices = {{0, 0.5}, {0.5, 1.001}};
  return report;
}

TEST(Report, ReadBackIsEqualToTheOneWritten) {
  const Report report = full_report();
  const auto back = report_from_json(to_json(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, report);
}

TEST(Report, FieldNamesAreStable) {
  const auto json = nlohmann::json::parse(to_json(full_report()));
  EXPECT_EQ(json["type"], "audio/wav");
  EXPECT_EQ(json["audio"], true);
  EXPECT_EQ(json["kind"], "loop");
  EXPECT_EQ(json["format"]["container"], "wav");
  EXPECT_EQ(json["format"]["codec"], "pcm_16");
  EXPECT_EQ(json["format"]["sample_rate"], 44100);
  EXPECT_EQ(json["format"]["channels"], 2);
  EXPECT_EQ(json["format"]["frames"], 88200);
  EXPECT_EQ(json["format"]["duration"], 2.0);
  EXPECT_EQ(json["tempo"]["bpm"], 119.98);
  EXPECT_EQ(json["tempo"]["confidence"], 0.87);
  EXPECT_EQ(json["key"]["name"], "Am");
  EXPECT_EQ(json["key"]["camelot"], "8A");
  EXPECT_EQ(json["loudness"]["lufs"], -14.31);
  EXPECT_EQ(json["loudness"]["gated"], true);
  EXPECT_EQ(json["loudness"]["true_peak"], -0.24);
  EXPECT_EQ(json["loudness"]["range"], 3.5);
  EXPECT_EQ(json["effective"]["bpm"], 120);
  EXPECT_EQ(json["effective"]["bpm_source"], "name");
  EXPECT_EQ(json["effective"]["key"], "Am");
  EXPECT_EQ(json["effective"]["key_source"], "heard");
  EXPECT_EQ(json["hints"][0]["field"], "bpm");
  EXPECT_EQ(json["hints"][0]["source"], "name");
  EXPECT_EQ(json["waveform"][1], 0.123);
}

TEST(Report, WhatIsAbsentHasNoField) {
  Report report;
  report.type = "image/png";
  const auto json = nlohmann::json::parse(to_json(report));
  for (const char* name : {"format", "tempo", "key", "loudness"}) EXPECT_FALSE(json.contains(name)) << name;
  EXPECT_TRUE(labels_of(report).empty());
}

TEST(Report, ALabelInTheFileOutranksTheNameAndBothOutrankTheEar) {
  Report report = full_report();
  EXPECT_EQ(report.effective_bpm()->value.bpm, 120);
  report.hints.push_back({HintField::bpm, HintSource::acid_chunk, "60"});
  EXPECT_EQ(report.effective_bpm()->value.bpm, 60);
  EXPECT_EQ(report.effective_bpm()->source, "acid");
  EXPECT_EQ(report.tempo->bpm, 119.98) << "what was heard is kept";
  report.hints = {{HintField::bpm, HintSource::file_name, "fast"}};
  EXPECT_EQ(report.effective_bpm()->source, "heard");
}

TEST(Report, AOneShotReadBackIsEqualToTheOneWritten) {
  Report report;
  report.type = "audio/wav";
  report.kind = Kind::one_shot;
  report.sound_class = "bass";
  report.root = Root{.midi = 33, .cents = -12};
  report.hints = {{HintField::sound_class, HintSource::folder_name, "kick"}, {HintField::root, HintSource::smpl_chunk, "F#2"}};
  const auto back = report_from_json(to_json(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, report);
  EXPECT_EQ(report.effective_class()->value, "kick");
  EXPECT_EQ(report.effective_root()->value.midi, 42);
  EXPECT_EQ(report.effective_root()->source, "smpl");
  EXPECT_EQ(report.root->name(), "A1") << "what was heard is kept";
}

TEST(Report, WhereALabelAndTheEarDisagreeBothAreShown) {
  Report report = full_report();
  EXPECT_TRUE(report.disagreements().empty()) << "119.98 is 120";
  report.hints = {{HintField::bpm, HintSource::tag, "60"},
                  {HintField::bpm, HintSource::file_name, "120"},
                  {HintField::key, HintSource::file_name, "F#"}};
  EXPECT_EQ(report.disagreements(), (std::vector<std::string>{"The tag says bpm 60, name says 120.",
                                                              "The tag says bpm 60, it sounds like 119.98.",
                                                              "The name says key F#, it sounds like Am."}));
  EXPECT_EQ(labels_of(report)["bpm"], "60");
  EXPECT_EQ(labels_of(report)["bpm-heard"], "119.98");
  EXPECT_EQ(labels_of(report)["key-heard"], "Am");
  report.hints = {{HintField::key, HintSource::file_name, "C"}};
  EXPECT_TRUE(report.disagreements().empty()) << "the relative key mixes";
  EXPECT_EQ(labels_of(report).count("key-heard"), 0U);
}

TEST(RootName, IsReadAsItIsWritten) {
  for (int midi = 0; midi < 128; ++midi) EXPECT_EQ(parse_root(Root{.midi = midi}.name())->midi, midi);
  EXPECT_EQ(parse_root("Bb3")->midi, 58);
  for (const char* none : {"", "C", "H3", "C#", "C99", "am", "G#9", "3C"}) EXPECT_FALSE(parse_root(none)) << none;
}

TEST(Report, LabelsAreFlatAndShort) {
  const std::map<std::string, std::string> expected{
      {"bpm", "120"},    {"bpm-confidence", "1.00"}, {"bpm-source", "name"},  {"key", "Am"},
      {"camelot", "8A"}, {"key-confidence", "0.71"}, {"key-source", "heard"}, {"lufs", "-14.3"},
      {"peak", "-0.2"},  {"kind", "loop"},           {"duration", "2.000"},   {"rate", "44100"},
      {"channels", "2"}, {"format", "wav"},          {"codec", "pcm_16"},     {"beats", "4"},
      {"bars", "1"}};
  EXPECT_EQ(labels_of(full_report()), expected);
}

TEST(Report, WarningsWithForeignBytesStillMakeJson) {
  Report report = full_report();
  report.warnings = {"bad \xFF\xFE name\x01"};
  EXPECT_TRUE(nlohmann::json::accept(to_json(report)));
}

TEST(Report, WhatIsNoReportIsCorrupt) {
  for (const char* text : {"", "{", "[]", "null", "{}", "{\"type\":5}", "{\"type\":\"\"}"}) {
    const auto report = report_from_json(text);
    ASSERT_FALSE(report) << text;
    EXPECT_EQ(report.error().code, Code::corrupt);
  }
}

TEST(Report, FieldsOfOtherTypesAreTakenAsAbsent) {
  const auto report = report_from_json(
      R"({"type":"audio/wav","audio":1,"format":[],"tempo":{"bpm":-3},"key":{"name":"H"},"loudness":{},)"
      R"("onsets":["x",1.5],"waveform":[9,"y"],"hints":[1,{"field":"bpm"}],"warnings":[2],"kind":7})");
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->is_audio || report->format || report->tempo || report->key || report->loudness);
  EXPECT_EQ(report->onsets_s, std::vector<double>{1.5});
  EXPECT_EQ(report->waveform, std::vector<float>{1.0F});
  EXPECT_TRUE(report->hints.empty());
}

RC_GTEST_PROP(Report, AnyTextIsReadOrRefused, (const std::string& text)) {
  const auto report = report_from_json(text);
  RC_ASSERT(report.has_value() || report.error().code == Code::corrupt);
}

TEST(KeyName, CamelotWheelIsThatOfTheDjs) {
  const struct {
    const char* key;
    const char* camelot;
  } pairs[] = {{"Am", "8A"},  {"C", "8B"},  {"Em", "9A"},   {"G", "9B"},  {"Abm", "1A"},  {"B", "1B"},
               {"Dm", "7A"},  {"F", "7B"},  {"F#m", "11A"}, {"A", "11B"}, {"Ebm", "2A"},  {"F#", "2B"},
               {"Bbm", "3A"}, {"Db", "3B"}, {"Fm", "4A"},   {"Ab", "4B"}, {"Cm", "5A"},   {"Eb", "5B"},
               {"Gm", "6A"},  {"Bb", "6B"}, {"Bm", "10A"},  {"D", "10B"}, {"C#m", "12A"}, {"E", "12B"}};
  for (const auto& pair : pairs) {
    const auto key = parse_key(pair.key);
    ASSERT_TRUE(key) << pair.key;
    EXPECT_EQ(key->name(), pair.key);
    EXPECT_EQ(key->camelot(), pair.camelot);
    EXPECT_EQ(parse_key(pair.camelot), key) << pair.camelot;
  }
}

TEST(KeyName, IsReadInEverySpelling) {
  for (const char* text : {"Am", "A min", "A minor", "a_min", "Amin", "AMINOR", "8A", "8a", "1m"}) {
    const auto key = parse_key(text);
    ASSERT_TRUE(key) << text;
    EXPECT_EQ(key->name(), "Am") << text;
  }
  EXPECT_EQ(parse_key("Dmaj")->name(), "D");
  EXPECT_EQ(parse_key("1d")->name(), "C");
  EXPECT_EQ(parse_key("Bb")->name(), "Bb");
  EXPECT_EQ(parse_key("b")->name(), "B");
  EXPECT_EQ(parse_key("Cb")->name(), "B");
  EXPECT_EQ(parse_key("gsharpmin")->name(), "Abm");
  for (const char* text : {"", "H", "13A", "0A", "Amix", "8C", "#", "m", "12"})
    EXPECT_FALSE(parse_key(text)) << text;
}

}  // namespace
}  // namespace cd
