#include "batch/item.h"

#include <gtest/gtest.h>

#include "batch/filing_labels.h"

namespace cd {
namespace {

constexpr Step kAll[] = {Step::waiting, Step::analysing, Step::twin,   Step::ready, Step::filing,
                         Step::done,    Step::skipped,   Step::failed, Step::held,  Step::cancelled};

TEST(ItemTest, WhatIsDoneStaysDone) {
  for (const Step to : kAll) EXPECT_FALSE(may_move(Step::done, to));
}

TEST(ItemTest, EveryOtherEndCanBeTakenUpAgain) {
  for (const Step from : {Step::skipped, Step::failed, Step::held, Step::cancelled}) {
    EXPECT_TRUE(may_move(from, Step::waiting));
    EXPECT_FALSE(may_move(from, Step::done));
  }
}

TEST(ItemTest, WhatIsUnderWayCanAlwaysFailAndBeCancelled) {
  for (const Step from : {Step::waiting, Step::analysing, Step::twin, Step::ready, Step::filing}) {
    EXPECT_TRUE(may_move(from, Step::failed));
    EXPECT_TRUE(may_move(from, Step::cancelled));
    EXPECT_FALSE(is_final(from));
  }
}

TEST(ItemTest, OnlyWhatWasFiledAwayOrUnpackedBecomesDone) {
  for (const Step from : kAll) {
    const bool unpacked = from == Step::waiting || from == Step::analysing;
    EXPECT_EQ(may_move(from, Step::done), from == Step::filing || unpacked);
  }
}

TEST(ItemTest, AResultComesBackAsItWasWritten) {
  ItemResult result;
  result.content = {1, 2};
  result.etag_single = "aa";
  result.etag_multipart = "bb-2";
  result.bytes = 12;
  result.type = "audio/wav";
  result.is_audio = true;
  result.bpm = "120";
  result.labels = {{"bpm", "120"}, {"key", "Am"}};
  result.warnings = {"truncated"};
  result.report_json = "{}";
  const auto back = decode_item_result(encode(result));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->content, result.content);
  EXPECT_EQ(back->etag_multipart, "bb-2");
  EXPECT_EQ(back->labels, result.labels);
  EXPECT_EQ(back->warnings, result.warnings);
  EXPECT_EQ(back->report_json, "{}");
  const std::string bytes = encode(result);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(decode_item_result(std::string_view(bytes).substr(0, cut)).has_value()) << cut;
  }
}

TEST(FilingLabelsTest, LabelsAreAsciiAndStayBelowWhatStoresAllow) {
  ItemResult result;
  result.content = {1, 2};
  result.labels["key"] = "Am";
  result.labels["title"] = "b\xc3\xa4r";
  for (int i = 0; i < 100; ++i) result.labels["x" + std::to_string(i)] = std::string(50, 'y');
  const Metadata labels = filing_labels(result, "20260131-120000-kicks", 7);
  std::size_t bytes = 0;
  for (const auto& [name, value] : labels) bytes += name.size() + value.size();
  EXPECT_LE(bytes, kLabelBytesMax);
  EXPECT_EQ(labels.at("xxh128"), result.content.hex());
  EXPECT_EQ(labels.at("batch"), "20260131-120000-kicks");
  EXPECT_EQ(labels.at("item"), "7");
  EXPECT_EQ(labels.at("key"), "Am");
  EXPECT_EQ(labels.count("title"), 0u);
}

}  // namespace
}  // namespace cd
