// Search queries: what they mean, and what is not understood.
#include "batch/query.h"

#include <gtest/gtest.h>

namespace cd {
namespace {

SampleFacts loop() {
  SampleFacts f;
  f.bpm = 92.5;
  f.bpm_sure = true;
  f.key = camelot_number("8A");
  f.key_sure = true;
  f.kind = "loop";
  f.lufs = -11.2;
  f.duration_s = 2.6;
  return f;
}

bool meets(std::string_view query, const SampleFacts& facts, std::string_view path = "Pack/Vinyl/Dusty Kick.wav") {
  const auto parsed = Query::parse(query);
  EXPECT_TRUE(parsed) << query;
  return parsed && parsed->facts_match(facts) && parsed->path_matches(fold_case(path));
}

TEST(QueryTest, ConditionsAreRangesBoundsAndValues) {
  for (const char* query : {"bpm:90-100", "bpm:92.5", "bpm:93", "bpm:>90", "bpm:<92.6", "bpm:90-", "BPM:100-90",
                            "lufs:-14..-9", "lufs:-14--9", "lufs:>-12", "lufs:-11.2", "dur:1-4", "dur:<3", "kind:loop",
                            "key:8A", "key:Am", "bpm:90-100 key:8a kind:LOOP dur:2..3"})
    EXPECT_TRUE(meets(query, loop())) << query;
  for (const char* query : {"bpm:100-110", "bpm:94", "bpm:>93", "lufs:-9..-3", "dur:>3", "kind:track", "bpm:90-100 kind:one-shot"})
    EXPECT_FALSE(meets(query, loop())) << query;
}

TEST(QueryTest, AKeyBringsItsHarmonicNeighbours) {
  for (const char* query : {"key:8A", "key:7A", "key:9A", "key:8B", "key:C"}) EXPECT_TRUE(meets(query, loop())) << query;
  for (const char* query : {"key:6A", "key:7B", "key:=9A", "key:=C", "key:F#"}) EXPECT_FALSE(meets(query, loop())) << query;
  SampleFacts last = loop();
  last.key = camelot_number("12A");
  EXPECT_TRUE(meets("key:1A", last)) << "the wheel is round";
}

TEST(QueryTest, WordsAreSoughtInThePathInAnyCase) {
  EXPECT_TRUE(meets("kick", {}));
  EXPECT_TRUE(meets("VINYL kick", {}));
  EXPECT_FALSE(meets("kick snare", {}));
  EXPECT_TRUE(meets("ÄTHER", {}, "Äther/größe.wav"));
  EXPECT_TRUE(meets("привет", {}, "ПРИВЕТ.wav"));
}

TEST(QueryTest, AMinusTurnsATermAround) {
  EXPECT_FALSE(meets("kick -vinyl", {}));
  EXPECT_TRUE(meets("kick -tape", {}));
  EXPECT_FALSE(meets("-kind:loop", loop()));
  EXPECT_TRUE(meets("-bpm:90-100", SampleFacts{})) << "what has no tempo has none in the range";
}

TEST(QueryTest, WhatIsNotSureMeetsNoCondition) {
  SampleFacts unsure = loop();
  unsure.bpm_sure = unsure.key_sure = false;
  EXPECT_FALSE(meets("bpm:90-100", unsure));
  EXPECT_FALSE(meets("key:8A", unsure));
}

TEST(QueryTest, MistakesNameTheTermAndTheCure) {
  for (const char* query : {"bpm:fast", "bpm:", "key:H9", "key:", "dur:-", "lufs:loud", "tempo:90", "kind:"}) {
    const auto parsed = Query::parse(query);
    ASSERT_FALSE(parsed) << query;
    EXPECT_EQ(parsed.error().code, Code::invalid);
    EXPECT_NE(parsed.error().message.find(query), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(Query::parse("   "));
}

TEST(QueryTest, CaseIsFoldedAndBrokenTextStaysAsItIs) {
  EXPECT_EQ(fold_case("AbÇÑΩЖЁŐ"), "abçñωжёő");
  EXPECT_EQ(fold_case("\xC3"), "\xC3");
  EXPECT_EQ(fold_case("日本"), "日本");
}

}  // namespace
}  // namespace cd
