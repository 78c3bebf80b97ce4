// analyze(): bytes of a file in, a Report out. One pass over the file feeds every feature.
//
// It reads through a ByteSource, so that a staged file, an object or a buffer of a test are alike. It knows
// no drive and starts no thread: any number of calls may run at the same time on different sources. Memory is
// bounded (about 20 MiB) however long the file is: it is decoded in blocks, and tempo, key and onsets come
// from the first `excerpt_s` seconds. Loudness, peaks and waveform are of the whole file.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "analyze/report.h"
#include "base/result.h"

namespace cd {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `length` bytes at `offset`; 0 only at or behind the end. Called by the thread of analyze() only.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) = 0;
  // Constant while it is analysed.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
};

// A local file by descriptor (pread: the file position is not touched). Does not own `fd`, which must stay
// open.
class FdSource final : public ByteSource {
 public:
  explicit FdSource(int fd);  // the size is taken once, here; 0 if it cannot be
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override;
  [[nodiscard]] std::uint64_t size() const override { return size_; }

 private:
  const int fd_;
  std::uint64_t size_ = 0;
};

// Bytes in memory, which must outlive it.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override;
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }

 private:
  const std::string_view bytes_;
};

struct AnalyzeOptions {
  std::stop_token stop;    // looked at after every block, some milliseconds of work
  double excerpt_s = 120;  // how much of a long file tempo, key and onsets hear; 10 to 600
  [[nodiscard]] Status validate() const;
};

inline constexpr std::size_t kSniffBytes = 4096;

// Content type of a file that begins with `first_bytes` (kSniffBytes of it, or all). By content first; the
// extension of `name` only decides between kinds that look alike (text, XML, zip-based documents, raw MPEG).
// "application/octet-stream" if nothing fits, "application/x-empty" for an empty file.
[[nodiscard]] std::string sniff_type(std::string_view first_bytes, std::string_view name);

// `name` is the file's name or its path in the batch ("Loops 120 BPM/bass_Am.wav"): hints are taken from it.
// Errors: cancelled (stop was requested), invalid (options), or what the source gave. A file that cannot be
// decoded is no error: the report then has no format and a warning that says why in plain words.
[[nodiscard]] Result<Report> analyze(ByteSource& source, std::string_view name,
                                     const AnalyzeOptions& options = {});

}  // namespace cd
