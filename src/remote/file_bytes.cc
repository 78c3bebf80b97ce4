#include "remote/file_bytes.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/digest.h"

namespace cd {

Result<std::string> read_exactly(int fd, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  std::uint64_t got = 0;
  while (got < length) {
    const ssize_t n = ::pread(fd, bytes.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_from_errno(errno, "read an object"));
    if (n == 0) return fail(Code::io, "the object became shorter while it was read");
    got += static_cast<std::uint64_t>(n);
  }
  return bytes;
}

Status write_exactly(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_from_errno(errno, "write a new object"));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> copy_bytes(int from, std::uint64_t offset, std::uint64_t length, int to) {
  Md5 digest;
  while (length > 0) {
    const std::uint64_t step = std::min<std::uint64_t>(length, 1u << 20);
    CD_TRY(const std::string bytes, read_exactly(from, offset, step));
    digest.update(bytes);
    CD_TRY_VOID(write_exactly(to, bytes));
    offset += step;
    length -= step;
  }
  return hex(digest.finish());
}

}  // namespace cd
