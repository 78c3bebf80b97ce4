// FdSource and MemorySource of analyze_file.h.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "analyze/analyze_file.h"

namespace cd {

FdSource::FdSource(int fd) : fd_(fd) {
  struct stat attributes {};
  if (::fstat(fd, &attributes) == 0 && attributes.st_size > 0)
    size_ = static_cast<std::uint64_t>(attributes.st_size);
}

Result<std::size_t> FdSource::read(std::uint64_t offset, char* out, std::size_t length) {
  // The size taken at the start is the end, should the file grow meanwhile.
  if (offset >= size_) return 0;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, size_ - offset));
  while (true) {
    const ssize_t got = ::pread(fd_, out, wanted, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail(error_from_errno(errno, "read the file to analyse"));
  }
}

Result<std::size_t> MemorySource::read(std::uint64_t offset, char* out, std::size_t length) {
  if (offset >= bytes_.size()) return 0;
  const std::size_t n = std::min(length, bytes_.size() - static_cast<std::size_t>(offset));
  std::memcpy(out, bytes_.data() + offset, n);
  return n;
}

}  // namespace cd
