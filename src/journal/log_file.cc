#include "journal/log_file.h"

#include <algorithm>
#include <optional>

#include "base/codec.h"
#include "base/crash_point.h"
#include "base/hash.h"

namespace cd {
namespace {

constexpr std::string_view kMagic = "cratelog";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFileHeaderBytes = 16;   // magic, version, zero
constexpr std::size_t kFrameHeaderBytes = 24;  // length, zero, number, checksum
constexpr std::uint32_t kFrameBytesMax = 1u << 30;
constexpr std::size_t kRewriteFrameBytes = 1u << 20;

std::string file_header() {
  Encoder out;
  out.bytes(kMagic);
  out.u32(kVersion);
  out.u32(0);
  return std::move(out).str();
}

std::uint64_t checksum(std::uint64_t number, std::string_view payload) {
  Encoder seed;
  seed.u64(number);
  seed.u64(payload.size());
  return xxh3_64(payload) ^ xxh3_64(seed.str());
}

std::string encode_frame(std::uint64_t number, std::string_view payload) {
  Encoder out;
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.u32(0);
  out.u64(number);
  out.u64(checksum(number, payload));
  out.bytes(payload);
  return std::move(out).str();
}

// One good frame of `file` at `offset`, or nothing: the good part of the log ends here.
Result<std::optional<std::string>> read_frame(DiskFile& file, std::uint64_t offset, std::uint64_t file_size,
                                              std::uint64_t number) {
  if (offset + kFrameHeaderBytes > file_size) return std::nullopt;
  char header[kFrameHeaderBytes];
  CD_TRY(const std::size_t got, file.read(offset, header, sizeof header));
  if (got != sizeof header) return std::nullopt;
  Decoder in({header, sizeof header});
  const std::uint32_t length = in.u32();
  const std::uint32_t zero = in.u32();
  const std::uint64_t its_number = in.u64();
  const std::uint64_t its_checksum = in.u64();
  if (zero != 0 || its_number != number || length > kFrameBytesMax) return std::nullopt;
  if (offset + kFrameHeaderBytes + length > file_size) return std::nullopt;
  std::string payload(length, '\0');
  CD_TRY(const std::size_t body, file.read(offset + kFrameHeaderBytes, payload.data(), length));
  if (body != length || checksum(number, payload) != its_checksum) return std::nullopt;
  return payload;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(Disk& disk, std::string path, const Record& replay) {
  CD_TRY(std::unique_ptr<Log> log, LogFile::open(disk, std::move(path), replay));
  return log;
}

Result<std::unique_ptr<LogFile>> LogFile::open(Disk& disk, std::string path, const Record& replay) {
  std::unique_ptr<LogFile> log(new LogFile(disk, std::move(path)));
  CD_TRY_VOID(log->read_all(replay));
  return log;
}

Status LogFile::start() {
  MutexLock lock(mutex_);
  CD_TRY_VOID(file_->truncate(0));
  CD_TRY_VOID(file_->write(0, file_header()));
  end_ = kFileHeaderBytes;
  return {};
}

Status LogFile::read_all(const Record& replay) {
  std::uint64_t size = 0;
  std::shared_ptr<DiskFile> file;
  {
    MutexLock lock(mutex_);
    CD_TRY(file_, disk_.open(path_, OpenMode::create));
    file = file_;
  }
  CD_TRY(size, file->size());
  std::string header(kFileHeaderBytes, '\0');
  CD_TRY(const std::size_t got, file->read(0, header.data(), header.size()));
  if (got < kFileHeaderBytes) {  // new, or the machine died while it was being made
    if (kMagic.substr(0, got) != header.substr(0, std::min(got, kMagic.size())))
      return fail(Code::corrupt, path_ + " is not a log of this program");
    torn_bytes_ = got;
    return start();
  }
  if (std::string_view(header).substr(0, kMagic.size()) != kMagic)
    return fail(Code::corrupt, path_ + " is not a log of this program");
  Decoder in(std::string_view(header).substr(kMagic.size()));
  if (const std::uint32_t version = in.u32(); version != kVersion) {
    return fail(Code::unsupported, path_ + " has format version " + std::to_string(version) +
                                       "; this program reads version " + std::to_string(kVersion) +
                                       ". Mount with the newer program");
  }

  std::uint64_t at = kFileHeaderBytes;
  std::uint64_t number = 1;
  while (true) {
    CD_TRY(const auto payload, read_frame(*file, at, size, number));
    if (!payload) break;
    Decoder records(*payload);
    while (records.remaining() > 0 && records.ok()) {
      const std::string_view record = records.string();
      if (records.ok()) CD_TRY_VOID(replay(record));
    }
    if (!records.done()) return fail(Code::corrupt, path_ + ": a frame with a good checksum cannot be read");
    at += kFrameHeaderBytes + payload->size();
    ++number;
  }
  {
    MutexLock lock(mutex_);
    end_ = at;
    next_number_ = number;
  }
  return repair_tail(at, size);
}

Status LogFile::repair_tail(std::uint64_t good_end, std::uint64_t file_size) {
  if (good_end == file_size) return {};
  torn_bytes_ = file_size - good_end;
  MutexLock lock(mutex_);
  return file_->truncate(good_end);
}

Status LogFile::append(std::span<const std::string> frame) {
  Encoder payload;
  for (const std::string& record : frame) payload.string(record);
  if (payload.size() > kFrameBytesMax) return fail(Code::too_large, "a change of the tree is too large for one frame");
  MutexLock lock(mutex_);
  if (broken_) return fail(*broken_);
  const std::string bytes = encode_frame(next_number_, payload.str());
  if (Status written = file_->write(end_, bytes); !written) {
    broken_ = written.error();
    return written;
  }
  end_ += bytes.size();
  ++next_number_;
  return {};
}

Status LogFile::sync() {
  std::shared_ptr<DiskFile> file;
  {
    MutexLock lock(mutex_);
    if (broken_) return fail(*broken_);
    file = file_;
  }
  return file->sync();
}

Status LogFile::rewrite(const std::function<Status(const Record& emit)>& emit_all) {
  const std::string temporary = path_ + ".new";
  MutexLock lock(mutex_);
  CD_TRY(std::shared_ptr<DiskFile> fresh, disk_.open(temporary, OpenMode::create));
  CD_TRY_VOID(fresh->truncate(0));
  CD_TRY_VOID(fresh->write(0, file_header()));
  std::uint64_t end = kFileHeaderBytes;
  std::uint64_t number = 1;
  Encoder payload;
  const auto flush = [&]() -> Status {
    if (payload.size() == 0) return {};
    const std::string bytes = encode_frame(number++, payload.str());
    CD_TRY_VOID(fresh->write(end, bytes));
    end += bytes.size();
    payload.clear();
    return {};
  };
  CD_TRY_VOID(emit_all([&](std::string_view record) -> Status {
    payload.string(record);
    return payload.size() < kRewriteFrameBytes ? Status{} : flush();
  }));
  CD_TRY_VOID(flush());
  CD_TRY_VOID(fresh->sync());
  crash_point("compaction.before_rename");
  CD_TRY_VOID(disk_.rename(temporary, path_));
  crash_point("compaction.after_rename");
  // From here on the new file is the log, whatever else fails.
  file_ = std::move(fresh);
  end_ = end;
  next_number_ = number;
  bytes_at_last_rewrite_ = end;
  broken_.reset();
  const auto slash = path_.rfind('/');
  return disk_.sync_dir(slash == 0 ? "/" : path_.substr(0, slash));
}

bool LogFile::broken() const {
  MutexLock lock(mutex_);
  return broken_.has_value();
}

std::uint64_t LogFile::bytes() const {
  MutexLock lock(mutex_);
  return end_;
}

std::uint64_t LogFile::bytes_at_last_rewrite() const {
  MutexLock lock(mutex_);
  return bytes_at_last_rewrite_;
}

}  // namespace cd
