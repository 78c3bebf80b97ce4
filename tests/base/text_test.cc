#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cd {
namespace {

TEST(TextTest, BytesReadAsPeopleWriteThem) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(812), "812 B");
  EXPECT_EQ(human_bytes(1229), "1.2 KiB");
  EXPECT_EQ(human_bytes(34u << 20), "34 MiB");
  EXPECT_EQ(human_bytes(5ull << 30), "5.0 GiB");
}

TEST(TextTest, SizesAreParsedWithAnyUsualUnit) {
  EXPECT_EQ(parse_bytes("512"), 512U);
  EXPECT_EQ(parse_bytes("10M"), 10u << 20);
  EXPECT_EQ(parse_bytes("256MiB"), 256u << 20);
  EXPECT_EQ(parse_bytes(" 2 GiB "), 2ull << 30);
  EXPECT_EQ(parse_bytes("1.5k"), 1536U);
  for (const char* bad : {"", "x", "-1", "10X", "1e30", "M", "10MM", "nan"}) EXPECT_FALSE(parse_bytes(bad)) << bad;
}

TEST(TextTest, DurationsAreParsedWithAnyUsualUnit) {
  EXPECT_EQ(parse_duration_ms("500ms"), 500);
  EXPECT_EQ(parse_duration_ms("2s"), 2000);
  EXPECT_EQ(parse_duration_ms("2"), 2000);
  EXPECT_EQ(parse_duration_ms("5 min"), 300'000);
  EXPECT_EQ(parse_duration_ms("1h"), 3'600'000);
  for (const char* bad : {"", "soon", "-1s", "1 fortnight"}) EXPECT_FALSE(parse_duration_ms(bad)) << bad;
}

TEST(TextTest, ANameFromOutsideCannotSteerATerminal) {
  EXPECT_EQ(printable("kick.wav"), "kick.wav");
  EXPECT_EQ(printable("Füße 鼓.wav"), "Füße 鼓.wav");
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\x1B[2Jb");
  EXPECT_EQ(printable("a\nb\x7f"), "a\\x0Ab\\x7F");
  EXPECT_EQ(printable("a\xc2\x9b" "b"), "a\\xC2\\x9Bb");  // C1 CSI
  EXPECT_EQ(printable("\xff\xfe"), "\\xFF\\xFE");
}

RC_GTEST_PROP(TextTest, PrintableTextIsAlwaysValidUtf8WithoutControls, (std::string raw)) {
  const std::string shown = printable(raw);
  RC_ASSERT(is_valid_utf8(shown));
  for (const char c : shown) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
}

TEST(TextTest, LongNamesLoseTheirMiddle) {
  EXPECT_EQ(shorten("kick.wav", 20), "kick.wav");
  EXPECT_EQ(shorten("abcdefghij", 7), "abc…hij");
  EXPECT_EQ(shorten("äöüäöüäöüä", 5), "äö…üä");
}

TEST(TextTest, ABarIsAsWideAsAsked) {
  EXPECT_EQ(progress_bar(0.0, 12), "[----------]");
  EXPECT_EQ(progress_bar(0.5, 12), "[#####-----]");
  EXPECT_EQ(progress_bar(1.0, 12), "[##########]");
  EXPECT_EQ(progress_bar(7.0, 12), "[##########]");
}

TEST(TextTest, CountsAreGrouped) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(1004), "1,004");
  EXPECT_EQ(human_count(1234567), "1,234,567");
}

}  // namespace
}  // namespace cd
