#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "analyze/analyze_file.h"

namespace cd {
namespace {

using namespace std::string_view_literals;

TEST(Sniff, ContentDecidesWhateverTheNameSays) {
  const struct {
    std::string_view bytes;
    const char* type;
  } cases[] = {{"RIFF\x10\0\0\0WAVEfmt "sv, "audio/wav"},
               {"RIFX\0\0\0\x10WAVEfmt "sv, "audio/wav"},
               {"FORM\0\0\0\x10"
                "AIFCFVER"sv,
                "audio/aiff"},
               {"RIFF\x10\0\0\0AVI LIST"sv, "video/x-msvideo"},
               {"RIFF\x10\0\0\0WEBPVP8 "sv, "image/webp"},
               {"fLaC\0\0\0\x22"sv, "audio/flac"},
               {"OggS\0\x02"sv, "audio/ogg"},
               {"ID3\x04\0"sv, "audio/mpeg"},
               {"MThd\0\0\0\x06"sv, "audio/midi"},
               {"\0\0\0\x20"
                "ftypM4A "sv,
                "audio/mp4"},
               {"\0\0\0\x20"
                "ftypisom"sv,
                "video/mp4"},
               {"\x89PNG\r\n\x1A\n\0\0"sv, "image/png"},
               {"\xFF\xD8\xFF\xE0"sv, "image/jpeg"},
               {"GIF89a"sv, "image/gif"},
               {"PK\x03\x04\x14\0"sv, "application/zip"},
               {"\x1F\x8B\x08"sv, "application/gzip"},
               {"7z\xBC\xAF\x27\x1C"sv, "application/x-7z-compressed"},
               {"Rar!\x1A\x07\0"sv, "application/vnd.rar"},
               {"%PDF-1.7"sv, "application/pdf"},
               {"SQLite format 3\0"sv, "application/vnd.sqlite3"},
               {"", "application/x-empty"},
               {"hello\n", "text/plain"},
               {"Gr\xC3\xBC\xC3\x9F"
                "e\n",
                "text/plain"},
               {"\0\x01\x02\x03\x04\x05"sv, "application/octet-stream"}};
  for (const auto& c : cases) EXPECT_EQ(sniff_type(c.bytes, "kick.ogg"), c.type) << c.bytes;
}

TEST(Sniff, NameDecidesBetweenKindsOfTextAndOfZip) {
  EXPECT_EQ(sniff_type("{}", "a.json"), "application/json");
  EXPECT_EQ(sniff_type("a,b\n", "A.CSV"), "text/csv");
  EXPECT_EQ(sniff_type("<svg/>", "dir.json/logo.svg"), "image/svg+xml");
  EXPECT_EQ(sniff_type("x", "readme"), "text/plain");
  EXPECT_EQ(sniff_type("PK\x03\x04", "a.docx"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
}

TEST(Sniff, MpegNeedsTwoFramesWhereTheyFit) {
  std::string frame = "\xFF\xFB\x90\x64";  // layer III, 128 kbit/s, 44.1 kHz: 417 bytes
  frame.resize(417, '\0');
  EXPECT_EQ(sniff_type(frame + frame, "x"), "audio/mpeg");
  EXPECT_EQ(sniff_type(frame + std::string(417, '\x55'), "x"), "application/octet-stream");
}

TEST(Sniff, TextCutInACharacterIsText) {
  std::string text(kSniffBytes - 1, 'a');
  text += "\xC3";
  EXPECT_EQ(sniff_type(text, "x"), "text/plain");
}

RC_GTEST_PROP(Sniff, AnyBytesHaveAType, (const std::string& bytes, const std::string& name)) {
  const std::string type = sniff_type(bytes, name);
  RC_ASSERT(type.find('/') != std::string::npos);
}

}  // namespace
}  // namespace cd
