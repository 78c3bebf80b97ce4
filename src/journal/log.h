// Log: an append-only file of frames. A frame is a header (length, xxh3-64 checksum, frame number) and its
// records; it is there whole after recovery or not at all, so what must happen together is one frame.
//
// append() has written the bytes to the kernel when it returns: they survive kill -9. sync() puts everything
// appended before it on the device: it survives power loss. At open the file is read up to the first frame
// whose checksum or number does not hold; what follows is cut off (a torn tail), never skipped over.
// rewrite() replaces the file by the live records (compaction): beside it, synced, renamed over.
// A file of a newer format version is refused with Code::unsupported, untouched.
// Thread-safe. The Disk must outlive it. After a failed write every further append fails with the same error
// until rewrite() succeeds, so that no frame is ever written behind a torn one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/result.h"

namespace cd {

class Log {
 public:
  using Record = std::function<Status(std::string_view record)>;

  // Calls `replay` for each record of each good frame, in order; its error stops the opening.
  [[nodiscard]] static Result<std::unique_ptr<Log>> open(Disk& disk, std::string path, const Record& replay);
  virtual ~Log() = default;

  [[nodiscard]] virtual Status append(std::span<const std::string> frame) = 0;
  [[nodiscard]] virtual Status sync() = 0;
  // `emit_all` calls its argument once for every live record. Appends wait meanwhile.
  [[nodiscard]] virtual Status rewrite(const std::function<Status(const Record& emit)>& emit_all) = 0;

  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_at_last_rewrite() const = 0;  // to decide when to compact
  [[nodiscard]] virtual std::uint64_t torn_bytes() const = 0;             // cut off at open
};

}  // namespace cd
