#include "journal/staged_file.h"

#include <fcntl.h>

#include <algorithm>
#include <mutex>

#include "base/crash_point.h"
#include "journal/staging_area.h"

namespace cd {
namespace {

using Shared = std::shared_lock<std::shared_mutex>;
using Exclusive = std::unique_lock<std::shared_mutex>;

std::uint64_t limit_of(const Rare<StagedBase>& base) { return base ? base->limit : 0; }

void add_piece(std::vector<StagedFile::Piece>& out, StagedFile::Source source, Range range) {
  if (range.length == 0) return;
  if (!out.empty() && out.back().source == source) {
    out.back().length += range.length;
  } else {
    out.push_back({source, range.offset, range.length});
  }
}

}  // namespace

std::vector<StagedFile::Piece> pieces_of(const RangeSet& ours, std::uint64_t base_limit, std::uint64_t size,
                                         Range range) {
  std::vector<StagedFile::Piece> out;
  if (range.offset >= size) return out;
  range.length = std::min(range.length, size - range.offset);
  std::uint64_t at = range.offset;
  const auto gap_until = [&](std::uint64_t end) {  // [at, end) is not ours
    const std::uint64_t split = std::clamp(base_limit, at, end);
    add_piece(out, StagedFile::Source::base, {at, split - at});
    add_piece(out, StagedFile::Source::zero, {split, end - split});
  };
  for (const Range& mine : ours.inside(range)) {
    gap_until(mine.offset);
    add_piece(out, StagedFile::Source::staged, mine);
    at = mine.end();
  }
  gap_until(range.end());
  return out;
}

StagedBytes::~StagedBytes() {
  if (dropped) area.remove_file(*this);
}

std::uint64_t StagedFileOnDisk::size() const {
  Shared lock(bytes_->mutex);
  return bytes_->size;
}

std::optional<StagedBase> StagedFileOnDisk::base() const {
  Shared lock(bytes_->mutex);
  return bytes_->base;
}

std::vector<StagedFile::Piece> StagedFileOnDisk::pieces(std::uint64_t offset, std::uint64_t length) const {
  Shared lock(bytes_->mutex);
  return pieces_of(bytes_->ours, limit_of(bytes_->base), bytes_->size, {offset, length});
}

bool StagedFileOnDisk::complete() const {
  Shared lock(bytes_->mutex);
  return bytes_->ours.covers({0, std::min(limit_of(bytes_->base), bytes_->size)});
}

Result<std::size_t> StagedFileOnDisk::read(std::uint64_t offset, char* out, std::size_t length) const {
  Shared lock(bytes_->mutex);
  std::size_t done = 0;
  for (const Piece& piece : pieces_of(bytes_->ours, limit_of(bytes_->base), bytes_->size, {offset, length})) {
    std::fill_n(out + done, piece.length, '\0');
    if (piece.source == Source::staged) {
      CD_TRY(const std::size_t got, file_->read(piece.offset, out + done, piece.length));
      if (got != piece.length) return fail(Code::io, "the staged file " + bytes_->area.path_of(bytes_->id) + " is shorter than it was");
    }
    done += piece.length;
  }
  return done;
}

StagedFile::Content StagedFileOnDisk::content() const {
  Shared lock(bytes_->mutex);
  const bool whole = hasher_ && hashed_bytes_ == bytes_->size;
  return {bytes_->size, whole ? hasher_->digest() : Hash128{}};
}

void StagedFileOnDisk::hash_write(std::uint64_t offset, std::string_view data) {
  if (!hasher_) return;
  if (offset != hashed_bytes_ || offset != bytes_->size) {
    hasher_.reset();
    return;
  }
  hasher_->update(data);
  hashed_bytes_ += data.size();
}

void StagedFileOnDisk::changed() {
  ++bytes_->generation;
  bytes_->modified_ns = bytes_->area.now_ns();
  if (!bytes_->unsynced.exchange(true)) bytes_->area.note_unsynced(bytes_);
}

Status StagedFileOnDisk::own(Range range) {
  const std::uint64_t below_limit =
      std::clamp(limit_of(bytes_->base), range.offset, range.end()) - range.offset;
  const Range to_log{range.offset, below_limit};
  if (to_log.length > 0 && !bytes_->ours.covers(to_log)) {
    {
      MutexLock lock(bytes_->logged_mutex);
      bytes_->logged.add(to_log);
    }
    CD_TRY_VOID(bytes_->area.log_range(bytes_->id, to_log));
  }
  bytes_->ours.add(range);
  bytes_->size = std::max(bytes_->size, range.end());
  return {};
}

Status StagedFileOnDisk::write_locked(std::uint64_t offset, std::string_view data) {
  const Range range{offset, data.size()};
  if (range.length == 0) return {};
  std::uint64_t fresh = 0;
  for (const Range& r : bytes_->ours.outside(range)) fresh += r.length;
  CD_TRY_VOID(bytes_->area.reserve(fresh));
  hash_write(offset, data);
  Status written = file_->write(offset, data);
  crash_point("staging.after_write");
  if (written) written = own(range);
  // A torn write may have lengthened the local file, and its size is what recovery believes.
  if (!written) {
    bytes_->area.release(fresh);
    hasher_.reset();
    if (range.end() > bytes_->size) (void)file_->truncate(bytes_->size);
    return written;
  }
  changed();
  crash_point("staging.after_range");
  return {};
}

Status StagedFileOnDisk::write(std::uint64_t offset, std::string_view data) {
  Exclusive lock(bytes_->mutex);
  return write_locked(offset, data);
}

Result<std::uint64_t> StagedFileOnDisk::append(std::string_view data) {
  Exclusive lock(bytes_->mutex);
  const std::uint64_t at = bytes_->size;
  CD_TRY_VOID(write_locked(at, data));
  return at;
}

Status StagedFileOnDisk::truncate(std::uint64_t size) {
  Exclusive lock(bytes_->mutex);
  return truncate_locked(size);
}

Status StagedFileOnDisk::extend(std::uint64_t size) {
  Exclusive lock(bytes_->mutex);
  if (size > bytes_->size) return truncate_locked(size);
  changed();
  return {};
}

Status StagedFileOnDisk::truncate_locked(std::uint64_t size) {
  CD_TRY_VOID(file_->truncate(size));
  crash_point("staging.after_truncate");
  // The size is there before the limit is logged: recovery takes the smaller of the two as the limit.
  if (size < limit_of(bytes_->base)) {
    {
      MutexLock logged(bytes_->logged_mutex);
      bytes_->logged.truncate(size);
      bytes_->logged_limit = size;
    }
    bytes_->base->limit = size;
    CD_TRY_VOID(bytes_->area.log_limit(bytes_->id, size));
  }
  const std::uint64_t before = bytes_->ours.total();
  bytes_->ours.truncate(size);
  bytes_->area.release(before - bytes_->ours.total());
  if (size != bytes_->size) hasher_.reset();
  if (size == 0) hasher_.emplace(), hashed_bytes_ = 0;
  bytes_->size = size;
  changed();
  return {};
}

Status StagedFileOnDisk::zero(Range range) {
  if (file_->fd() >= 0 && ::fallocate(file_->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                      static_cast<off_t>(range.offset), static_cast<off_t>(range.length)) == 0)
    return {};
  const std::string zeros(std::min<std::uint64_t>(range.length, 1u << 20), '\0');
  while (range.length > 0) {  // a file system without holes
    const std::uint64_t n = std::min<std::uint64_t>(range.length, zeros.size());
    CD_TRY_VOID(file_->write(range.offset, std::string_view(zeros).substr(0, n)));
    range = {range.offset + n, range.length - n};
  }
  return {};
}

Status StagedFileOnDisk::punch_hole(std::uint64_t offset, std::uint64_t length) {
  Exclusive lock(bytes_->mutex);
  if (offset >= bytes_->size || length == 0) return {};
  const Range range{offset, std::min(length, bytes_->size - offset)};
  hasher_.reset();
  CD_TRY_VOID(zero(range));
  const std::uint64_t before = bytes_->ours.total();
  CD_TRY_VOID(own(range));
  const std::uint64_t limit = std::clamp(limit_of(bytes_->base), range.offset, range.end());
  bytes_->ours.remove({limit, range.end() - limit});  // behind the base a hole needs no bytes of ours
  const std::uint64_t after = bytes_->ours.total();
  if (after < before) bytes_->area.release(before - after);
  if (after > before) bytes_->area.charge(after - before);
  changed();
  return {};
}

Status StagedFileOnDisk::sync() {
  bytes_->unsynced = false;
  Status synced = file_->sync();
  if (!synced && !bytes_->unsynced.exchange(true)) bytes_->area.note_unsynced(bytes_);
  return synced;
}

}  // namespace cd
