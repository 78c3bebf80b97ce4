// LogFile: the Log on a Disk. One file; docs/ON_DISK_FORMAT.md, "Journal", has the bytes.
//
// A frame is one write(2): header and payload together. Its checksum covers length and number too, so a
// frame is valid only at its place in this very file.
#pragma once

#include <optional>

#include "base/mutex.h"
#include "journal/log.h"

namespace cd {

class LogFile final : public Log {
 public:
  static Result<std::unique_ptr<LogFile>> open(Disk& disk, std::string path, const Record& replay);

  [[nodiscard]] Status append(std::span<const std::string> frame) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Status rewrite(const std::function<Status(const Record& emit)>& emit_all) override;

  [[nodiscard]] std::uint64_t bytes() const override;
  [[nodiscard]] std::uint64_t bytes_at_last_rewrite() const override;
  [[nodiscard]] bool broken() const;  // an append failed, and no rewrite() since
  [[nodiscard]] std::uint64_t torn_bytes() const override { return torn_bytes_; }

 private:
  LogFile(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  Status start();
  Status read_all(const Record& replay);
  Status repair_tail(std::uint64_t good_end, std::uint64_t file_size);

  // Constant after open().
  Disk& disk_;
  const std::string path_;
  std::uint64_t torn_bytes_ = 0;

  mutable Mutex mutex_;
  std::shared_ptr<DiskFile> file_ CD_GUARDED_BY(mutex_);  // shared: sync() runs without the lock
  std::uint64_t end_ CD_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_number_ CD_GUARDED_BY(mutex_) = 1;
  std::uint64_t bytes_at_last_rewrite_ CD_GUARDED_BY(mutex_) = 0;
  std::optional<Error> broken_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
