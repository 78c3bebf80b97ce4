#include "cache/read_ahead.h"

#include <gtest/gtest.h>

namespace cd {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr ReadAheadLimits kLimits{1u << 20, 16 * kMiB};

// Reads on in pieces of 128 KiB and does all that is asked; gives the ranges.
std::vector<std::pair<std::uint64_t, std::uint64_t>> read_through(ReadStream& stream, std::uint64_t from,
                                                                  std::uint64_t to, std::uint64_t size) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  for (std::uint64_t at = from; at < to; at += kMiB / 8) {
    if (const auto ahead = note_read(stream, at, kMiB / 8, size, kLimits)) {
      out.emplace_back(ahead->from, ahead->to);
      stream.ahead_until = ahead->to;
    }
  }
  return out;
}

TEST(ReadAheadTest, TheFirstReadFetchesNothingAhead) {
  ReadStream stream;
  EXPECT_FALSE(note_read(stream, 0, kMiB / 8, 100 * kMiB, kLimits));
  EXPECT_EQ(stream.window_bytes, 0u);
}

TEST(ReadAheadTest, TheWindowDoublesUpToItsLimit) {
  ReadStream stream;
  std::vector<std::uint64_t> windows;
  for (std::uint64_t i = 0; i < 8; ++i) {
    static_cast<void>(note_read(stream, i * kMiB, kMiB, 100 * kMiB, kLimits));
    windows.push_back(stream.window_bytes / kMiB);
  }
  EXPECT_EQ(windows, (std::vector<std::uint64_t>{0, 1, 2, 4, 8, 16, 16, 16}));
}

TEST(ReadAheadTest, RangesFollowEachOtherWithoutGapsUpToTheEnd) {
  ReadStream stream;
  const std::uint64_t size = 50 * kMiB + 5;
  const auto ranges = read_through(stream, 0, size, size);
  ASSERT_FALSE(ranges.empty());
  for (std::size_t i = 1; i < ranges.size(); ++i) EXPECT_EQ(ranges[i].first, ranges[i - 1].second);
  EXPECT_EQ(ranges.back().second, size);
  EXPECT_LT(ranges.size(), 40u);  // in steps, not a request for every read
}

TEST(ReadAheadTest, AJumpClosesTheWindow) {
  ReadStream stream;
  read_through(stream, 0, 10 * kMiB, 100 * kMiB);
  EXPECT_GT(stream.window_bytes, 0u);
  EXPECT_FALSE(note_read(stream, 80 * kMiB, 10, 100 * kMiB, kLimits));
  EXPECT_EQ(stream.window_bytes, 0u);
}

TEST(ReadAheadTest, ReadsALittleOutOfOrderKeepTheWindowOpen) {
  ReadStream stream;
  read_through(stream, 0, 10 * kMiB, 100 * kMiB);
  const std::uint64_t window = stream.window_bytes;
  static_cast<void>(note_read(stream, 10 * kMiB + kMiB / 4, kMiB / 8, 100 * kMiB, kLimits));
  static_cast<void>(note_read(stream, 10 * kMiB, kMiB / 8, 100 * kMiB, kLimits));
  EXPECT_EQ(stream.window_bytes, window);
}

TEST(ReadAheadTest, AFileThatFitsIntoOneReadNeedsNothing) {
  ReadStream stream;
  EXPECT_FALSE(note_read(stream, 0, kMiB, 4000, kLimits));
  EXPECT_FALSE(note_read(stream, 4000, kMiB, 4000, kLimits));
}

}  // namespace
}  // namespace cd
