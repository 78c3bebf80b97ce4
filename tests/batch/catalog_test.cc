#include "batch/catalog.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/batch/drop_rig.h"

namespace cd {
namespace {

TEST(CatalogTest, NoCellIsAFormula) {
  EXPECT_EQ(csv_cell("kick.wav"), "kick.wav");
  EXPECT_EQ(csv_cell("=1+1"), "'=1+1");
  EXPECT_EQ(csv_cell("+a"), "'+a");
  EXPECT_EQ(csv_cell("-a"), "'-a");
  EXPECT_EQ(csv_cell("@a"), "'@a");
  EXPECT_EQ(csv_cell("\ta"), "'\ta");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("a\"b\nc"), "\"a\"\"b\nc\"");
  EXPECT_EQ(csv_cell("=\"a\""), "\"'=\"\"a\"\"\"");
  EXPECT_EQ(csv_cell(""), "");
}

TEST(CatalogTest, NoCellSteersATerminal) {
  EXPECT_EQ(csv_cell("\x1b[31mred\x07"), "\\x1B[31mred\\x07");
  EXPECT_EQ(csv_cell("a\xC2\x9B" "b"), "a\\xC2\\x9Bb");
  EXPECT_EQ(csv_cell("a\tb\nä"), "\"a\tb\nä\"");
}

TEST(CatalogTest, ItListsWhatHasLabelsAndOnlyThat) {
  testing::TempFolder folder;
  testing::MemoryStore store;
  testing::RigOptions options;
  options.directory = folder.path();
  testing::DropRig rig(store, options);
  rig.drop("kicks/=kick.wav", testing::make_wav(0.3, 1));
  rig.drop("kicks/deep/snare, dry.wav", testing::make_wav(0.3, 2));
  ASSERT_EQ(rig.wait_final().files_done, 2u);
  const UrlOf url_of = [](const MetaRecord& record) { return "s3://bucket/" + record.remote->key; };
  std::string json;
  ASSERT_TRUE(write_catalog_json(rig.meta(), url_of, [&](std::string_view text) { json += text; }).has_value());
  const auto rows = nlohmann::json::parse(json);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["path"], "kicks/=kick.wav");
  EXPECT_EQ(rows[0]["labels"]["format"], "wav");
  EXPECT_EQ(rows[0]["labels"]["class"], "kick");
  EXPECT_EQ(rows[0]["labels"]["class-source"], "name");
  EXPECT_EQ(rows[0]["url"], "s3://bucket/kicks/=kick.wav");
  EXPECT_EQ(rows[0]["labels"]["xxh128"].get<std::string>().size(), 32u);
  std::string csv;
  ASSERT_TRUE(write_catalog_csv(rig.meta(), url_of, [&](std::string_view text) { csv += text; }).has_value());
  EXPECT_TRUE(csv.starts_with("path,bytes,type,kind,bpm,"));
  EXPECT_NE(csv.find(",xxh128,class,class-source,root,root-source,bpm-heard,key-heard,url\r\n"), std::string::npos);
  EXPECT_NE(csv.find(",s3://bucket/kicks/=kick.wav\r\n"), std::string::npos);
  EXPECT_NE(csv.find("\r\n\"kicks/deep/snare, dry.wav\","), std::string::npos);
}

}  // namespace
}  // namespace cd
