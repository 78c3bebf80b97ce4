#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "journal/staging_area.h"
#include "tests/journal/world.h"

namespace cd {
namespace {

constexpr std::uint64_t kBaseBytes = 40;

std::string base_content() {
  std::string bytes;
  for (std::uint64_t i = 0; i < kBaseBytes; ++i) bytes += static_cast<char>('A' + i % 26);
  return bytes;
}

StagedBase base() { return {RemoteVersion{"key", "etag", kBaseBytes, {}}, kBaseBytes}; }

// What a reader sees: staged bytes with the base's filled in.
std::string seen(const StagedFile& file, const std::string& base_bytes) {
  std::string out(file.size(), '?');
  EXPECT_EQ(file.read(0, out.data(), out.size()).value(), out.size());
  for (const auto& piece : file.pieces(0, out.size())) {
    if (piece.source == StagedFile::Source::base) out.replace(piece.offset, piece.length, base_bytes, piece.offset, piece.length);
  }
  return out;
}

// A staging area with its log, that can be read back as recovery does.
class Area {
 public:
  explicit Area(std::uint64_t bytes_max = 1u << 20) : bytes_max_(bytes_max) { open(); }

  void open() {
    area.reset();
    log.reset();
    (void)system_disk().make_dirs(folder_.path() + "/staged");
    area = std::make_unique<StagingArea>(system_disk(), system_clock(), folder_.path() + "/staged", bytes_max_);
    ranges.clear();
    limit.reset();
    log = std::move(*Log::open(system_disk(), folder_.path() + "/log", [&](std::string_view bytes) -> Status {
      const auto record = decode_record(bytes);
      if (const auto* r = std::get_if<RangeRecord>(&*record)) ranges.add(r->range);
      if (const auto* r = std::get_if<LimitRecord>(&*record)) {
        limit = std::min(r->limit, limit.value_or(r->limit));
        ranges.truncate(*limit);
      }
      return {};
    }));
    area->attach(*log, [this] { return moving; });
  }
  std::shared_ptr<StagedFile> recover(StagedId id, std::optional<StagedBase> its_base) {
    open();
    if (its_base && limit) its_base->limit = std::min(its_base->limit, *limit);
    EXPECT_TRUE(area->restore(id, its_base, ranges));
    return area->open(id).value();
  }

  bool moving = false;
  RangeSet ranges;
  std::optional<std::uint64_t> limit;
  std::unique_ptr<Log> log;
  std::unique_ptr<StagingArea> area;

 private:
  testing::TempDirectory folder_;
  const std::uint64_t bytes_max_;
};

RC_GTEST_PROP(StagedFileTest, AgreesWithAPlainVectorOfBytesAndSurvivesACrash, ()) {
  Area area;
  const bool based = *rc::gen::arbitrary<bool>();
  const auto its_base = based ? std::optional(base()) : std::nullopt;
  auto file = area.area->create(its_base).value();
  std::string model = based ? base_content() : "";
  const int steps = *rc::gen::inRange(1, 25);
  for (int i = 0; i < steps; ++i) {
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, 60);
    const auto length = *rc::gen::inRange<std::uint64_t>(0, 20);
    const std::string bytes(length, static_cast<char>('a' + i));
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
      case 1:
        RC_ASSERT(file->write(offset, bytes).has_value());
        if (length > 0) {
          if (model.size() < offset + length) model.resize(offset + length, '\0');
          model.replace(offset, length, bytes);
        }
        break;
      case 2:
        RC_ASSERT(file->truncate(offset).has_value());
        model.resize(offset, '\0');
        break;
      case 3:
        RC_ASSERT(file->append(bytes).value() == model.size());
        model += bytes;
        break;
      case 4:
        RC_ASSERT(file->punch_hole(offset, length).has_value());
        for (std::uint64_t b = offset; b < std::min<std::uint64_t>(model.size(), offset + length); ++b) model[b] = '\0';
        break;
    }
    RC_ASSERT(file->size() == model.size());
    RC_ASSERT(seen(*file, base_content()) == model);
  }
  const StagedId id = file->id();
  file.reset();
  file = area.recover(id, its_base);
  RC_ASSERT(seen(*file, base_content()) == model);
}

TEST(StagedFileTest, BytesOfTheBaseThatWereCutOffNeverComeBack) {
  Area area;
  auto file = area.area->create(base()).value();
  ASSERT_TRUE(file->truncate(5));
  ASSERT_TRUE(file->truncate(20));
  const std::string expected = base_content().substr(0, 5) + std::string(15, '\0');
  EXPECT_EQ(seen(*file, base_content()), expected);
  const StagedId id = file->id();
  file.reset();
  EXPECT_EQ(seen(*area.recover(id, base()), base_content()), expected);
}

TEST(StagedFileTest, ADroppedFileGoesWhenItsLastUserLetsGo) {
  Area area;
  auto file = area.area->create(std::nullopt).value();
  ASSERT_TRUE(file->write(0, "still read by somebody"));
  area.area->drop(file->id());
  EXPECT_EQ(seen(*file, ""), "still read by somebody");
  EXPECT_GT(area.area->bytes(), 0u);
  EXPECT_FALSE(area.area->open(file->id()));
  file.reset();
  EXPECT_EQ(area.area->bytes(), 0u);
}

TEST(StagedFileTest, AFullAreaIsBusyWhileUploadsMoveAndNoSpaceWhenNothingDoes) {
  Area area(10);
  auto file = area.area->create(std::nullopt).value();
  ASSERT_TRUE(file->write(0, "0123456789"));
  area.moving = true;
  EXPECT_EQ(file->write(10, "x").error().code, Code::busy);
  area.moving = false;
  EXPECT_EQ(file->write(10, "x").error().code, Code::no_space);
  EXPECT_TRUE(file->write(3, "abc")) << "rewriting needs no room";
  EXPECT_EQ(file->size(), 10u);
}

TEST(StagedFileTest, EveryChangeCounts) {
  Area area;
  auto file = area.area->create(base()).value();
  const auto before = file->generation();
  ASSERT_TRUE(file->write(0, "x"));
  const auto written = file->generation();
  ASSERT_TRUE(file->truncate(3));
  EXPECT_NE(before, written);
  EXPECT_NE(written, file->generation());
}

}  // namespace
}  // namespace cd
