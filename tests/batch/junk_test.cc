#include "batch/junk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cd {
namespace {

struct Row {
  std::string name;
  Junk kind;
};

TEST(JunkTest, NamesDecideWhatIsNoSample) {
  const std::vector<Row> rows{
      {".DS_Store", Junk::dropping},     {".ds_store", Junk::dropping},      {"Thumbs.db", Junk::dropping},
      {"THUMBS.DB", Junk::dropping},     {"desktop.ini", Junk::dropping},    {"._kick.wav", Junk::dropping},
      {"~$session.docx", Junk::partial}, {"kick.wav.part", Junk::partial},   {"a.CRDOWNLOAD", Junk::partial},
      {".kick.wav.aB3xYz", Junk::partial},
      {"kick.wav", Junk::none},          {".hidden", Junk::none},            {"part", Junk::none},
      {"depart", Junk::none},            {"kick.part.wav", Junk::none},      {"~kick", Junk::none},
      {"", Junk::none},                  {".", Junk::none},
  };
  for (const Row& row : rows) EXPECT_EQ(junk_kind(row.name), row.kind) << row.name;
}

TEST(JunkTest, AHiddenFileWithASixLetterExtensionIsNotTakenForATemporaryOfRsync) {
  EXPECT_EQ(junk_kind(".eslintrc.backup"), Junk::none);
  EXPECT_EQ(junk_kind(".kick.aB3x"), Junk::none);
  EXPECT_EQ(junk_kind("kick.wav.aB3xYz"), Junk::none);
  EXPECT_EQ(junk_kind(".kick.wav.aB3x_z"), Junk::none);
}

}  // namespace
}  // namespace cd
