#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace cd {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::not_found: return "not_found";
    case Code::exists: return "exists";
    case Code::not_directory: return "not_directory";
    case Code::is_directory: return "is_directory";
    case Code::not_empty: return "not_empty";
    case Code::name_too_long: return "name_too_long";
    case Code::permission: return "permission";
    case Code::credentials: return "credentials";
    case Code::invalid: return "invalid";
    case Code::no_space: return "no_space";
    case Code::too_large: return "too_large";
    case Code::too_many_links: return "too_many_links";
    case Code::not_permitted: return "not_permitted";
    case Code::stale: return "stale";
    case Code::precondition_failed: return "precondition_failed";
    case Code::unsupported: return "unsupported";
    case Code::cancelled: return "cancelled";
    case Code::timeout: return "timeout";
    case Code::unreachable: return "unreachable";
    case Code::throttled: return "throttled";
    case Code::busy: return "busy";
    case Code::no_descriptors: return "no_descriptors";
    case Code::corrupt: return "corrupt";
    case Code::io: return "io";
  }
  return "unknown";
}

bool is_transient(Code code) {
  return code == Code::timeout || code == Code::unreachable || code == Code::throttled ||
         code == Code::busy || code == Code::no_descriptors || code == Code::io || code == Code::credentials;
}

namespace {

Code code_from_errno(int errnum) {
  switch (errnum) {
    case ENOENT: return Code::not_found;
    case EEXIST: return Code::exists;
    case ENOTDIR: return Code::not_directory;
    case EISDIR: return Code::is_directory;
    case ENOTEMPTY: return Code::not_empty;
    case ENAMETOOLONG: return Code::name_too_long;
    case EACCES:
    case EPERM:
    case EROFS: return Code::permission;
    case EINVAL: return Code::invalid;
    case ENOSPC:
    case EDQUOT: return Code::no_space;
    case EFBIG: return Code::too_large;
    case ESTALE: return Code::stale;
    case ENOTSUP: return Code::unsupported;
    case ETIMEDOUT: return Code::timeout;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH: return Code::unreachable;
    case EBUSY: return Code::busy;
    case EMFILE:
    case ENFILE: return Code::no_descriptors;
    default: return Code::io;
  }
}

}  // namespace

Error error_from_errno(int errnum, std::string_view what) {
  char buffer[128];
  const char* text = strerror_r(errnum, buffer, sizeof buffer);
  return Error{code_from_errno(errnum), std::string(what) + ": " + text};
}

}  // namespace cd
