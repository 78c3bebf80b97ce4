#include "batch/placement.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace cd {
namespace {

PlacementFields fields_of(std::string path) {
  PlacementFields out;
  out.path = std::move(path);
  out.batch = "kicks";
  out.date = "2026-01-31";
  return out;
}

std::string placed(const std::string& destination, const std::string& path) {
  return place(destination, fields_of(path), {"inbox", ".cratedrive"});
}

TEST(PlacementTest, FieldsAreFilledIn) {
  struct Row {
    std::string destination, path, expected;
  };
  const std::vector<Row> rows{
      {"{path}", "kicks/deep/a.wav", "kicks/deep/a.wav"},
      {"{folder}/{name}.{ext}", "kicks/deep/a.wav", "kicks/deep/a.wav"},
      {"{folder}/{name}.{ext}", "a.wav", "a.wav"},
      {"by date/{date}/{path}", "kicks/a.wav", "by date/2026-01-31/kicks/a.wav"},
      {"{batch}/{name}.{ext}", "kicks/deep/a.tar.gz", "kicks/a.tar.gz"},
      {"{name}.{ext}", "kicks/README", "README"},
      {"{name}.{ext}", "kicks/.hidden", ".hidden"},
      {"{bpm}/{key}/{kind}/{name}.{ext}", "a.wav", "unknown/unknown/unknown/a.wav"},
      {"/{path}", "a.wav", "a.wav"},
  };
  for (const Row& row : rows) EXPECT_EQ(placed(row.destination, row.path), row.expected) << row.destination;
}

TEST(PlacementTest, WhatWasHeardNamesFolders) {
  PlacementFields fields = fields_of("kicks/a.wav");
  fields.bpm = "92.5";
  fields.key = "F#m";
  fields.kind = "one-shot";
  EXPECT_EQ(place("{kind}/{bpm}/{key}/{name}.{ext}", fields, {}), "one-shot/92.5/F#m/a.wav");
}

TEST(PlacementTest, NothingEscapesTheLibrary) {
  EXPECT_EQ(placed("{path}", "../../etc/passwd"), "__/__/etc/passwd");
  EXPECT_EQ(placed("{path}", "/a//b/./c"), "a/b/_/c");
  EXPECT_EQ(placed("../{name}.{ext}", "a.wav"), "__/a.wav");
  EXPECT_EQ(placed("{path}", "inbox/a.wav"), "inbox_/a.wav");
  EXPECT_EQ(placed("{path}", ".cratedrive/status"), ".cratedrive_/status");
  EXPECT_EQ(placed("{path}", "kicks/inbox/a.wav"), "kicks/inbox/a.wav");
  EXPECT_EQ(placed("{path}", "///"), "unnamed");
}

TEST(PlacementTest, AFieldThatIsOnePartStaysOnePart) {
  PlacementFields fields = fields_of("a.wav");
  fields.batch = "x/../y";
  EXPECT_EQ(place("{batch}/{name}.{ext}", fields, {}), "x_.._y/a.wav");
}

TEST(PlacementTest, PartsAreMadeSafe) {
  struct Row {
    std::string part, expected;
  };
  const std::vector<Row> rows{
      {"kick.wav", "kick.wav"}, {"a\nb", "a_b"},           {"a\x7f" "b", "a_b"},  {std::string("a\0b", 3), "a_b"},
      {".", "_"},               {"..", "__"},              {"...", "..."},        {"\xff" "a", "_a"},
      {"\xc2\x85x", "_x"},      {"\xc3\xa4.wav", "\xc3\xa4.wav"}, {"a\xe2\x82", "a__"},  {"", ""},
  };
  for (const Row& row : rows) EXPECT_EQ(safe_part(row.part), row.expected) << printable(row.part);
}

TEST(PlacementTest, LongNamesAreCutAndKeepTheirExtension) {
  const std::string cut = safe_part(std::string(300, 'x') + ".wav");
  EXPECT_EQ(cut.size(), 255u);
  EXPECT_TRUE(cut.ends_with("x.wav"));
  std::string umlauts;
  for (int i = 0; i < 200; ++i) umlauts += "\xc3\xa4";
  const std::string cut_umlauts = safe_part(umlauts);
  EXPECT_LE(cut_umlauts.size(), 255u);
  EXPECT_TRUE(is_valid_utf8(cut_umlauts));
}

TEST(PlacementTest, TheNextNameHasItsNumberBeforeTheExtension) {
  EXPECT_EQ(keep_both_path("a/kick.wav", 2), "a/kick (2).wav");
  EXPECT_EQ(keep_both_path("kick", 3), "kick (3)");
  EXPECT_EQ(keep_both_path("a/.hidden", 2), "a/.hidden (2)");
  EXPECT_EQ(keep_both_path(std::string(251, 'x') + ".wav", 12).size(), 255u);
}

TEST(PlacementTest, ATemplateThatCannotWorkIsRefused) {
  for (const char* good : {"{path}", "{batch}/{name}.{ext}", "a/{kind}/{name}"}) {
    EXPECT_TRUE(validate_template(good).has_value()) << good;
  }
  for (const char* bad : {"", "flat.wav", "{date}/{kind}", "{path", "{nam}/{path}", "{}{path}"}) {
    EXPECT_EQ(validate_template(bad).error().code, Code::invalid) << bad;
  }
}

}  // namespace
}  // namespace cd
