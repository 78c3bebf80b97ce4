// ReadAhead: what to fetch before it is asked for. The window opens as reading goes on in sequence, doubles up
// to a limit, and closes at a jump. Reads may come a little out of order (the kernel's own read-ahead runs on
// several threads), so "in sequence" has a tolerance. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "cache/block_cache.h"

namespace cd {

struct AheadRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

struct ReadAheadLimits {
  std::uint32_t block_bytes = 0;
  std::uint64_t window_max = 0;
};

// Notes a read in the stream; gives the range worth fetching now, if any. The caller reports how far it got
// with stream.ahead_until.
[[nodiscard]] std::optional<AheadRange> note_read(ReadStream& stream, std::uint64_t offset, std::uint64_t length,
                                                  std::uint64_t file_size, const ReadAheadLimits& limits);

}  // namespace cd
