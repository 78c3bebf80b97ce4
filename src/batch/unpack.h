// unpack(): the files of an archive, one after another, into a sink: zip, 7z, rar, and tar, plain or packed by gzip,
// bzip2, xz or zstd. Streamed: neither the archive nor a file of it is ever whole in memory.
//
// What an archive says is not believed: a path that is absolute or leaves the archive, a link, a device and an
// encrypted entry are refused, each with a sentence, and the rest goes on. Names are made what the drive can hold
// (placement.h). What desktops put into archives (__MACOSX, .DS_Store, ._x, half downloads) is left out.
// The limits are over the whole archive: when one is reached, that is an error, and the sink has had a part.
// Any number of calls may run at the same time on different sources and sinks.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/analyze_file.h"
#include "base/result.h"

namespace cd {

struct UnpackLimits {
  std::uint64_t bytes_max = 64ull << 30;
  std::uint64_t files_max = 90'000;  // files and the folders that they lie in
  std::uint64_t ratio_max = 200;     // bytes that come out for each that went in; looked at from 64 MiB on
};

struct UnpackedFile {
  std::string path;  // relative, clean: "drums/kick.wav"
  std::int64_t mtime_ns = 0;  // 0 = the archive does not say
  std::uint32_t mode = 0644;  // 0777
};

class UnpackSink {
 public:
  virtual ~UnpackSink() = default;
  // Errors exists, not_directory, is_directory, name_too_long and invalid refuse this file; others end the unpacking.
  [[nodiscard]] virtual Status begin(const UnpackedFile& file) = 0;
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;  // forwards; gaps are zeros
  [[nodiscard]] virtual Status end(std::uint64_t size) = 0;
  virtual void discard() = 0;  // the file that was begun cannot be read to its end
};

struct Refusal {
  std::string path;    // as the archive has it, printable
  std::string reason;  // "is a symbolic link"
};

struct Unpacked {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t refused_total = 0;
  std::vector<Refusal> refused;  // the first 100
};

// Errors: unsupported (not an archive that can be read, or one with nothing in it), corrupt, too_large (a limit, which
// the message names), permission (encrypted as a whole), cancelled, or what source or sink gave.
[[nodiscard]] Result<Unpacked> unpack(ByteSource& source, const UnpackLimits& limits, UnpackSink& sink,
                                      const std::stop_token& stop);

// "kits.tar.gz" → "kits"; "" for a name that is no archive's. The name decides what is worth opening.
[[nodiscard]] std::string archive_stem(std::string_view name);

// Where an entry goes. invalid: it may go nowhere, and the message says why ("has an absolute path").
[[nodiscard]] Result<std::string> entry_path(std::string_view raw);
// Is it one of those that are left out?
[[nodiscard]] bool is_archive_junk(std::string_view path);

}  // namespace cd
