#include "fs/fuse_errno.h"

#include <cerrno>

namespace cd {

int errno_of(Code code, Operation operation) {
  switch (code) {
    case Code::not_found:
      return operation == Operation::xattr ? ENODATA : operation == Operation::seek ? ENXIO : ENOENT;
    case Code::exists: return EEXIST;
    case Code::not_directory: return ENOTDIR;
    case Code::is_directory: return EISDIR;
    case Code::not_empty: return ENOTEMPTY;
    case Code::name_too_long: return ENAMETOOLONG;
    case Code::permission:
    case Code::credentials: return EACCES;
    case Code::invalid: return EINVAL;
    case Code::no_space: return ENOSPC;
    case Code::too_large:
      return operation == Operation::rename ? EXDEV : operation == Operation::xattr ? E2BIG : EFBIG;
    case Code::too_many_links: return EMLINK;
    case Code::not_permitted: return EPERM;
    case Code::stale:
    case Code::precondition_failed: return ESTALE;
    case Code::unsupported: return operation == Operation::rename ? EXDEV : EOPNOTSUPP;
    case Code::cancelled: return EINTR;
    case Code::timeout: return ETIMEDOUT;
    case Code::unreachable: return EHOSTUNREACH;
    case Code::throttled:
    case Code::busy: return EAGAIN;
    case Code::no_descriptors: return EMFILE;
    case Code::corrupt:
    case Code::io: return EIO;
  }
  return EIO;
}

}  // namespace cd
