// LogFile: the Log on a Disk. One file; docs/ON_DISK_FORMAT.md, "Journal", has the bytes.
//
// A frame is one write(2): header and payload together. Its checksum covers length and number too, so a
// frame is valid only at its place in this very file.
//
// After power loss a frame may be on the device while the staged bytes that it speaks of are not. A *mark* is a frame that
// says up to which number all that frames speak of is on the device. Frames behind the last mark are unproven:
// whoever opens the log after a power loss says how many of them to believe, in their order.
#pragma once

#include <optional>

#include "base/mutex.h"
#include "journal/log.h"

namespace cd {

class LogFile final : public Log {
 public:
  using Frame = std::vector<std::string>;
  // How many of these frames, from the first, are to be kept.
  using Prove = std::function<Result<std::size_t>(const std::vector<Frame>& unproven)>;

  // `prove` may be empty: every good frame is believed.
  static Result<std::unique_ptr<LogFile>> open(Disk& disk, std::string path, const Record& replay,
                                               const Prove& prove = {});

  // Reads a log and changes nothing: for a check of one that nobody uses.
  struct Looked {
    std::uint64_t size = 0;
    std::uint64_t good_end = 0;  // what lies behind cannot be read
    bool header_damaged = false;
  };
  [[nodiscard]] static Result<Looked> look(Disk& disk, const std::string& path, const Record& replay);

  [[nodiscard]] Status append(std::span<const std::string> frame) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] std::uint64_t last_number() const;
  // All that frames up to `number` speak of is on the device; `records` are replayed like others. Not synced itself.
  [[nodiscard]] Status mark(std::uint64_t number, std::span<const std::string> records);
  [[nodiscard]] Status rewrite(const std::function<Status(const Record& emit)>& emit_all) override;

  [[nodiscard]] std::uint64_t bytes() const override;
  [[nodiscard]] std::uint64_t bytes_at_last_rewrite() const override;
  [[nodiscard]] bool broken() const;  // an append failed, and no rewrite() since
  [[nodiscard]] std::uint64_t torn_bytes() const override { return torn_bytes_; }

 private:
  LogFile(Disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  struct Found {  // one good frame
    bool mark = false;
    std::string payload;
  };
  Status start();
  Status sync_name() CD_REQUIRES(mutex_);
  Status append_frame(bool mark, std::string_view payload);
  static Result<std::optional<Found>> read_frame(DiskFile& file, std::uint64_t offset, std::uint64_t file_size,
                                                 std::uint64_t number);
  Result<std::uint64_t> believed_until(DiskFile& file, std::uint64_t size, const Prove& prove) const;
  enum class Header { good, damaged, torn };  // torn: of a log that was being made; it holds nothing
  static Result<Header> read_header(DiskFile& file, std::uint64_t size, const std::string& path);
  Status read_all(const Record& replay, const Prove& prove);
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
  bool name_unsynced_ CD_GUARDED_BY(mutex_) = false;  // the file has its name by a rename that is not on the device
  std::optional<Error> broken_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
