// Error: what went wrong, as a value.
//
// `code` is for programs: callers switch on it, fs maps it to errno (one switch), remote maps HTTP to it
// (one place a protocol). `message` is for people: one sentence without a full stop that names the thing
// and, where there is one, the cure. It never holds a secret.
// Values; free of threads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cd {

enum class Code : std::uint8_t {
  not_found,            // the store or the tree says that it does not exist; never "could not ask"
  exists,               // something is there already
  not_directory,
  is_directory,
  not_empty,
  name_too_long,
  permission,           // refused by the store or the tree
  credentials,          // the store does not accept who we are: keys wrong or expired, or a wrong clock
  invalid,              // a bad argument, name or configuration
  no_space,             // disk or staging area full
  too_large,
  too_many_links,
  not_permitted,        // no such thing can be done to this, by anybody
  stale,                // the pinned version of an open file is gone
  precondition_failed,  // If-Match / If-None-Match did not hold
  unsupported,          // the store or the drive cannot do this
  cancelled,            // the caller gave up
  timeout,              // the deadline passed
  unreachable,          // no connection, DNS, TLS, or offline on purpose
  throttled,            // 503 SlowDown, 429
  busy,                 // in use; try later
  no_descriptors,       // this process, or the machine, has no file descriptor left (`ulimit -n`)
  corrupt,              // a checksum or a format does not hold
  io,                   // anything else that a disk or a store reports
};

[[nodiscard]] std::string_view name_of(Code code);

struct Error {
  Code code{};
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

// Worth trying again later without anybody doing anything.
[[nodiscard]] bool is_transient(Code code);

// From errno of a local system call: `what` says what was tried ("open /var/x").
[[nodiscard]] Error error_from_errno(int errnum, std::string_view what);

}  // namespace cd
