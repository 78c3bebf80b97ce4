// Whole reads, writes and copies on descriptors: all the bytes, or an error. Free of threads and state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cd {

// Fewer bytes than asked for is Code::io.
[[nodiscard]] Result<std::string> read_exactly(int fd, std::uint64_t offset, std::uint64_t length);
// At the file's position.
[[nodiscard]] Status write_exactly(int fd, std::string_view bytes);
// Appends a range of one file to another; gives the MD5 of the range in hex.
[[nodiscard]] Result<std::string> copy_bytes(int from, std::uint64_t offset, std::uint64_t length, int to);

}  // namespace cd
