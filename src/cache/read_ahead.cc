#include "cache/read_ahead.h"

#include <algorithm>

namespace cd {
namespace {

constexpr std::uint64_t kTolerance = 1u << 20;

}  // namespace

std::optional<AheadRange> note_read(ReadStream& stream, std::uint64_t offset, std::uint64_t length,
                                    std::uint64_t file_size, const ReadAheadLimits& limits) {
  const std::uint64_t end = std::min(file_size, offset + length);
  const bool sequential = offset <= stream.next_offset + kTolerance && offset + kTolerance >= stream.next_offset &&
                          stream.next_offset > 0;
  if (!sequential) {  // a jump, or the first read: who reads one header will not read the rest
    stream = ReadStream{};
    stream.next_offset = end;
    stream.ahead_until = end;
    return std::nullopt;
  }
  if (end > stream.next_offset)
    stream.window_bytes = std::min(limits.window_max, std::max<std::uint64_t>(limits.block_bytes, stream.window_bytes * 2));
  stream.next_offset = std::max(stream.next_offset, end);
  const std::uint64_t from = std::max(stream.ahead_until, stream.next_offset);
  const std::uint64_t to = std::min(file_size, stream.next_offset + stream.window_bytes);
  // In steps of some size, so that a slow reader does not cause a request for every block.
  const std::uint64_t step = std::min<std::uint64_t>(stream.window_bytes / 2, 2ull * limits.block_bytes);
  if (to <= from || (to < file_size && to - from < step)) return std::nullopt;
  return AheadRange{from, to};
}

}  // namespace cd
