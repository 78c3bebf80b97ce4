// StagedBytes: what is known of one staged file for as long as it exists: where its bytes are, which ranges are
// ours, what has been logged of them. StagedFileOnDisk: an open descriptor over it, the StagedFile that others see.
// A hundred thousand pending files are a hundred thousand StagedBytes, and no descriptor.
//
// The local file always has the size of the file it stands for. Base bytes show through only below `limit` and
// only where nothing is ours, so a write behind the limit needs no record: the file's size on disk says it.
// Order of a write: bytes into the file, range into the log, range into the set. A crash in between leaves bytes
// that nobody was told of.
// Locks: bytes lock → log. What the log's rewrite needs is under a leaf lock of its own (logged_mutex).
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/mutex.h"
#include "base/rare.h"
#include "journal/range_set.h"
#include "journal/staging.h"

namespace cd {

class StagingArea;

struct StagedBytes {
  StagedBytes(StagingArea& its_area, StagedId its_id) : area(its_area), id(its_id) {}
  ~StagedBytes();  // removes the file if it was dropped
  StagedBytes(const StagedBytes&) = delete;
  StagedBytes& operator=(const StagedBytes&) = delete;

  StagingArea& area;
  const StagedId id;
  std::atomic<std::uint64_t> generation{0};
  std::atomic<std::int64_t> modified_ns{0};
  std::atomic<bool> dropped{false};
  std::atomic<bool> unsynced{false};

  std::atomic<std::uint64_t> synced_size{0};  // so many bytes are on the device, as the log says

  // Guarded by mutex; exclusive to change.
  mutable std::shared_mutex mutex;
  std::uint64_t size = 0;
  Rare<StagedBase> base;
  RangeSet ours;

  // Guarded by logged_mutex: what a rewritten log has to say.
  mutable Mutex logged_mutex;
  RangeSet logged CD_GUARDED_BY(logged_mutex);
  std::optional<std::uint64_t> logged_limit CD_GUARDED_BY(logged_mutex);  // set where there is a base

  std::weak_ptr<StagedFile> open;  // guarded by the area's mutex
};

class StagedFileOnDisk final : public StagedFile {
 public:
  StagedFileOnDisk(std::shared_ptr<StagedBytes> bytes, std::unique_ptr<DiskFile> file)
      : bytes_(std::move(bytes)), file_(std::move(file)) {
    if (bytes_->size == 0) hasher_.emplace();
  }

  [[nodiscard]] StagedId id() const override { return bytes_->id; }
  [[nodiscard]] std::uint64_t size() const override;
  [[nodiscard]] std::optional<StagedBase> base() const override;
  [[nodiscard]] std::vector<Piece> pieces(std::uint64_t offset, std::uint64_t length) const override;
  [[nodiscard]] bool complete() const override;
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) const override;
  [[nodiscard]] Status write(std::uint64_t offset, std::string_view data) override;
  [[nodiscard]] Result<std::uint64_t> append(std::string_view data) override;
  [[nodiscard]] Status truncate(std::uint64_t size) override;
  [[nodiscard]] Status extend(std::uint64_t size) override;
  [[nodiscard]] Status punch_hole(std::uint64_t offset, std::uint64_t length) override;
  [[nodiscard]] Status sync() override;
  [[nodiscard]] Content content() const override;
  [[nodiscard]] std::uint64_t generation() const override { return bytes_->generation.load(); }
  [[nodiscard]] std::int64_t modified_ns() const override { return bytes_->modified_ns.load(); }
  [[nodiscard]] int fd() const override { return file_->fd(); }

 private:
  Status write_locked(std::uint64_t offset, std::string_view data);
  Status truncate_locked(std::uint64_t size);
  Status own(Range range);  // the bytes are written: log and note it
  Status zero(Range range);
  void changed();
  void hash_write(std::uint64_t offset, std::string_view data);

  const std::shared_ptr<StagedBytes> bytes_;
  const std::unique_ptr<DiskFile> file_;
  // Guarded by the bytes' mutex: the hash of all bytes for as long as they are written front to back.
  std::optional<Hasher128> hasher_;
  std::uint64_t hashed_bytes_ = 0;
};

// Where the bytes of a range come from; the pure part. `size` clips.
[[nodiscard]] std::vector<StagedFile::Piece> pieces_of(const RangeSet& ours, std::uint64_t base_limit,
                                                       std::uint64_t size, Range range);

}  // namespace cd
