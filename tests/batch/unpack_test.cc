#include "batch/unpack.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/batch/tar_bytes.h"

namespace cd {
namespace {

using testing::TarBytes;

class MapSink final : public UnpackSink {
 public:
  Status begin(const UnpackedFile& file) override {
    path_ = file.path;
    if (files.contains(path_)) return fail(Code::exists, "there already");
    mtime_ns = file.mtime_ns;
    files[path_];
    return {};
  }
  Status write(std::uint64_t offset, std::string_view bytes) override {
    files[path_].resize(offset);
    files[path_] += bytes;
    return {};
  }
  Status end(std::uint64_t size) override {
    files[path_].resize(size);
    return {};
  }
  void discard() override { files.erase(path_); }
  std::map<std::string, std::string> files;
  std::int64_t mtime_ns = 0;

 private:
  std::string path_;
};

Result<Unpacked> unpack_bytes(const std::string& bytes, MapSink& sink, const UnpackLimits& limits = {}) {
  MemorySource source(bytes);
  return unpack(source, limits, sink, {});
}

TEST(UnpackTest, FilesComeOutUnderTheirPathsWithTheirTimes) {
  MapSink sink;
  const std::string tar = TarBytes().entry("kit/", '5').file("kit/kick.wav", "boom").file("./snare.wav", "tss").str();
  const auto unpacked = unpack_bytes(tar, sink);
  ASSERT_TRUE(unpacked.has_value()) << unpacked.error().message;
  EXPECT_EQ(unpacked->files, 2u);
  EXPECT_EQ(unpacked->bytes, 7u);
  EXPECT_EQ(unpacked->refused_total, 0u);
  EXPECT_EQ(sink.files, (std::map<std::string, std::string>{{"kit/kick.wav", "boom"}, {"snare.wav", "tss"}}));
  EXPECT_EQ(sink.mtime_ns, 014000000000LL * 1'000'000'000);
}

TEST(UnpackTest, WhatWouldLeaveTheArchiveOrIsNoFileIsRefusedAndTheRestGoesOn) {
  const std::string tar = TarBytes()
                              .file("../evil", "x").file("/etc/passwd", "x").file("a/../../b", "x").file("C:/x", "x")
                              .entry("link", '2', "/etc").entry("hard", '1', "a").entry("null", '3').entry("pipe", '6')
                              .file("good.wav", "ok").str();
  MapSink sink;
  const auto unpacked = unpack_bytes(tar, sink);
  ASSERT_TRUE(unpacked.has_value()) << unpacked.error().message;
  EXPECT_EQ(sink.files.size(), 1u);
  EXPECT_TRUE(sink.files.contains("good.wav"));
  ASSERT_EQ(unpacked->refused.size(), 8u);
  EXPECT_EQ(unpacked->refused[0].reason, "has a path that leaves the archive");
  EXPECT_EQ(unpacked->refused[1].reason, "has an absolute path");
  EXPECT_EQ(unpacked->refused[4].reason, "is a symbolic link");
  EXPECT_EQ(unpacked->refused[5].reason, "is a hard link");
  EXPECT_EQ(unpacked->refused[6].reason, "is a device");
}

TEST(UnpackTest, WhatDesktopsPutInIsLeftOut) {
  const std::string tar = TarBytes().file("__MACOSX/kit/._kick.wav", "x").file("kit/.DS_Store", "x")
                              .file("kit/._kick.wav", "x").file("kit/kick.wav", "boom").str();
  MapSink sink;
  const auto unpacked = unpack_bytes(tar, sink);
  ASSERT_TRUE(unpacked.has_value());
  EXPECT_EQ(unpacked->files, 1u);
  EXPECT_EQ(unpacked->refused_total, 0u);
  EXPECT_EQ(sink.files.size(), 1u);
}

TEST(UnpackTest, EachLimitEndsItWithItsName) {
  const std::string tar = TarBytes().file("a/1", std::string(3000, 'x')).file("b/2", "y").file("3", "z").str();
  const auto message = [&](UnpackLimits limits) {
    MapSink sink;
    const auto unpacked = unpack_bytes(tar, sink, limits);
    EXPECT_FALSE(unpacked.has_value());
    EXPECT_EQ(unpacked.error().code, Code::too_large);
    return unpacked.error().message;
  };
  EXPECT_NE(message({.bytes_max = 2999}).find("archive_size_max"), std::string::npos);
  EXPECT_NE(message({.files_max = 3}).find("archive_files_max"), std::string::npos);
  MapSink sink;
  EXPECT_TRUE(unpack_bytes(tar, sink, {.bytes_max = 3002, .files_max = 5}).has_value());
}

TEST(UnpackTest, ABombIsToldByHowMuchComesOutOfHowLittle) {
  const std::string tar = TarBytes().file("zeros", std::string(65u << 20, '\0')).str();
  MapSink sink;
  const auto unpacked = unpack_bytes(tar, sink, {.ratio_max = 0});
  ASSERT_FALSE(unpacked.has_value());
  EXPECT_NE(unpacked.error().message.find("archive_ratio_max"), std::string::npos);
}

TEST(UnpackTest, WhatIsNoArchiveIsSaidToBeNone) {
  for (const std::string& bytes : {std::string(), std::string("just words"), std::string(4000, '\0')}) {
    MapSink sink;
    const auto unpacked = unpack_bytes(bytes, sink);
    ASSERT_FALSE(unpacked.has_value());
    EXPECT_EQ(unpacked.error().code, Code::unsupported) << unpacked.error().message;
  }
}

TEST(UnpackTest, ATornArchiveIsDamaged) {
  const std::string tar = TarBytes().file("a", std::string(5000, 'x')).file("b", std::string(5000, 'y')).str();
  MapSink sink;
  const auto unpacked = unpack_bytes(tar.substr(0, 8000), sink);
  ASSERT_FALSE(unpacked.has_value());
  EXPECT_EQ(unpacked.error().code, Code::corrupt);
}

TEST(UnpackTest, AStopEndsIt) {
  std::stop_source stop;
  stop.request_stop();
  const std::string tar = TarBytes().file("a", "x").str();
  MemorySource source(tar);
  MapSink sink;
  const auto unpacked = unpack(source, {}, sink, stop.get_token());
  ASSERT_FALSE(unpacked.has_value());
  EXPECT_EQ(unpacked.error().code, Code::cancelled);
}

TEST(UnpackTest, NamesTellArchives) {
  const std::map<std::string, std::string> stems{
      {"kits.zip", "kits"}, {"kits.tar.gz", "kits"}, {"kits.TGZ", "kits"}, {"kits v1.2.7z", "kits v1.2"},
      {"a.tar.zst", "a"},   {"a.rar", "a"},          {"kick.wav", ""},     {".zip", ""},
      {"song.gz", ""},      {"zip", ""}};
  for (const auto& [name, stem] : stems) EXPECT_EQ(archive_stem(name), stem) << name;
}

}  // namespace
}  // namespace cd
