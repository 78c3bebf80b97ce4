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
constexpr std::size_t kFileHeaderBytes = 16;   // magic, version, check of the version
constexpr std::size_t kFrameHeaderBytes = 24;  // length, kind, number, checksum
constexpr std::uint32_t kMarkFrame = 1;        // 0: records
constexpr std::uint32_t kFrameBytesMax = 1u << 30;
constexpr std::size_t kRewriteFrameBytes = 1u << 20;

// So that a damaged version is told from another one.
std::uint32_t version_check(std::uint32_t version) {
  Encoder out;
  out.bytes(kMagic);
  out.u32(version);
  return static_cast<std::uint32_t>(xxh3_64(out.str()));
}

std::string file_header() {
  Encoder out;
  out.bytes(kMagic);
  out.u32(kVersion);
  out.u32(version_check(kVersion));
  return std::move(out).str();
}

std::uint64_t checksum(std::uint32_t kind, std::uint64_t number, std::string_view payload) {
  Encoder seed;
  seed.u64(number);
  seed.u64(payload.size() | std::uint64_t{kind} << 32);
  return xxh3_64(payload) ^ xxh3_64(seed.str());
}

std::string encode_frame(std::uint32_t kind, std::uint64_t number, std::string_view payload) {
  Encoder out;
  out.u32(static_cast<std::uint32_t>(payload.size()));
  out.u32(kind);
  out.u64(number);
  out.u64(checksum(kind, number, payload));
  out.bytes(payload);
  return std::move(out).str();
}

std::string encode_mark(std::uint64_t number, std::span<const std::string> records) {
  Encoder payload;
  payload.u64(number);
  for (const std::string& record : records) payload.string(record);
  return std::move(payload).str();
}

Status each_record(std::string_view payload, bool mark, const Log::Record& take) {
  Decoder records(payload);
  if (mark) (void)records.u64();
  while (records.remaining() > 0 && records.ok()) {
    const std::string_view record = records.string();
    if (records.ok()) CD_TRY_VOID(take(record));
  }
  return records.done() ? Status{} : fail(Code::corrupt, "a frame with a good checksum cannot be read");
}

// Is this what is left of a header that was being written when the power went?
bool may_be_torn_header(std::string_view bytes) {
  const std::string whole = file_header();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != whole[i] && bytes[i] != '\0') return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Log>> Log::open(Disk& disk, std::string path, const Record& replay) {
  CD_TRY(std::unique_ptr<Log> log, LogFile::open(disk, std::move(path), replay));
  return log;
}

Result<std::unique_ptr<LogFile>> LogFile::open(Disk& disk, std::string path, const Record& replay, const Prove& prove) {
  std::unique_ptr<LogFile> log(new LogFile(disk, std::move(path)));
  CD_TRY_VOID(log->read_all(replay, prove));
  return log;
}

// One good frame of `file` at `offset`, or nothing: the good part of the log ends here.
Result<std::optional<LogFile::Found>> LogFile::read_frame(DiskFile& file, std::uint64_t offset,
                                                          std::uint64_t file_size, std::uint64_t number) {
  if (offset + kFrameHeaderBytes > file_size) return std::nullopt;
  char header[kFrameHeaderBytes];
  CD_TRY(const std::size_t got, file.read(offset, header, sizeof header));
  if (got != sizeof header) return std::nullopt;
  Decoder in({header, sizeof header});
  const std::uint32_t length = in.u32();
  const std::uint32_t kind = in.u32();
  const std::uint64_t its_number = in.u64();
  const std::uint64_t its_checksum = in.u64();
  if (kind > kMarkFrame || its_number != number || length > kFrameBytesMax) return std::nullopt;
  if (offset + kFrameHeaderBytes + length > file_size) return std::nullopt;
  std::string payload(length, '\0');
  CD_TRY(const std::size_t body, file.read(offset + kFrameHeaderBytes, payload.data(), length));
  if (body != length || checksum(kind, number, payload) != its_checksum) return std::nullopt;
  return Found{kind == kMarkFrame, std::move(payload)};
}

// Nothing is appended before the header and the name are on the device: a longer file has a good header.
Status LogFile::start() {
  MutexLock lock(mutex_);
  CD_TRY_VOID(file_->truncate(0));
  CD_TRY_VOID(file_->write(0, file_header()));
  CD_TRY_VOID(file_->sync());
  end_ = kFileHeaderBytes;
  return disk_.sync_dir(folder_of_path(path_));
}

Result<LogFile::Header> LogFile::read_header(DiskFile& file, std::uint64_t size, const std::string& path) {
  std::string header(kFileHeaderBytes, '\0');
  CD_TRY(const std::size_t got, file.read(0, header.data(), header.size()));
  header.resize(got);
  Decoder in(std::string_view(header).substr(std::min(got, kMagic.size())));
  const std::uint32_t version = in.u32();
  const bool version_holds = version == kVersion;
  const bool magic_holds = header.starts_with(kMagic);
  const bool check_holds = in.u32() == version_check(kVersion);
  const int holding = (version_holds ? 1 : 0) + (magic_holds ? 1 : 0) + (check_holds ? 1 : 0);
  if (in.ok() && holding == 3) return Header::good;
  if (in.ok() && holding == 2) return Header::damaged;
  if (in.ok() && magic_holds && version != 0) {
    return fail(Code::unsupported, path + " has format version " + std::to_string(version) +
                                       "; this program reads version " + std::to_string(kVersion) +
                                       ". Mount with the newer program");
  }
  if (size > kFileHeaderBytes || !may_be_torn_header(header))
    return fail(Code::corrupt, path + " is not a log of this program");
  return Header::torn;
}

Result<LogFile::Looked> LogFile::look(Disk& disk, const std::string& path, const Record& replay) {
  Looked out;
  CD_TRY(const auto file, disk.open(path, OpenMode::read));
  CD_TRY(out.size, file->size());
  CD_TRY(const Header header, read_header(*file, out.size, path));
  out.header_damaged = header != Header::good;
  if (header == Header::torn) return out;
  out.good_end = kFileHeaderBytes;
  for (std::uint64_t number = 1;; ++number) {
    CD_TRY(const auto frame, read_frame(*file, out.good_end, out.size, number));
    if (!frame) return out;
    CD_TRY_VOID(each_record(frame->payload, frame->mark, replay));
    out.good_end += kFrameHeaderBytes + frame->payload.size();
  }
}

// Where the part ends that is to be believed after a power loss.
Result<std::uint64_t> LogFile::believed_until(DiskFile& file, std::uint64_t size, const Prove& prove) const {
  std::vector<std::uint64_t> ends{kFileHeaderBytes};
  std::uint64_t proven = 0;
  for (std::uint64_t number = 1;; ++number) {
    CD_TRY(const auto frame, read_frame(file, ends.back(), size, number));
    if (!frame) break;
    if (frame->mark) proven = std::max(proven, Decoder(frame->payload).u64());
    ends.push_back(ends.back() + kFrameHeaderBytes + frame->payload.size());
  }
  const std::uint64_t frames = ends.size() - 1;
  if (proven >= frames) return ends.back();
  std::vector<Frame> unproven;
  for (std::uint64_t number = proven + 1; number <= frames; ++number) {
    CD_TRY(const auto frame, read_frame(file, ends[number - 1], size, number));
    Frame& records = unproven.emplace_back();
    if (!frame) break;
    CD_TRY_VOID(each_record(frame->payload, frame->mark, [&](std::string_view record) {
      records.emplace_back(record);
      return Status{};
    }));
  }
  CD_TRY(const std::size_t kept, prove(unproven));
  return ends[proven + std::min(kept, unproven.size())];
}

Status LogFile::read_all(const Record& replay, const Prove& prove) {
  std::shared_ptr<DiskFile> file;
  {
    MutexLock lock(mutex_);
    CD_TRY(file_, disk_.open(path_, OpenMode::create));
    file = file_;
  }
  CD_TRY(const std::uint64_t size, file->size());
  CD_TRY(const Header header, read_header(*file, size, path_));
  if (header == Header::torn) {  // new, or the machine died while it was being made
    torn_bytes_ = size;
    return start();
  }
  if (header == Header::damaged) {
    CD_TRY_VOID(file->write(0, file_header()));
    CD_TRY_VOID(file->sync());
  }
  std::uint64_t until = size;
  if (prove) {
    CD_TRY(until, believed_until(*file, size, prove));
  }
  std::uint64_t at = kFileHeaderBytes;
  std::uint64_t number = 1;
  while (true) {
    CD_TRY(const auto frame, read_frame(*file, at, until, number));
    if (!frame) break;
    if (Status read = each_record(frame->payload, frame->mark, replay); !read)
      return fail(read.error().code, path_ + ": " + read.error().message);
    at += kFrameHeaderBytes + frame->payload.size();
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
  CD_TRY_VOID(file_->truncate(good_end));
  return file_->sync();  // what was cut off must not turn up behind frames that are written in its place
}

Status LogFile::append(std::span<const std::string> frame) {
  Encoder payload;
  for (const std::string& record : frame) payload.string(record);
  return append_frame(false, payload.str());
}

Status LogFile::append_frame(bool mark, std::string_view payload) {
  if (payload.size() > kFrameBytesMax) return fail(Code::too_large, "a change of the tree is too large for one frame");
  MutexLock lock(mutex_);
  if (broken_) return fail(*broken_);
  const std::string bytes = encode_frame(mark ? kMarkFrame : 0, next_number_, payload);
  if (Status written = file_->write(end_, bytes); !written) {
    broken_ = written.error();
    return written;
  }
  end_ += bytes.size();
  ++next_number_;
  return {};
}

Status LogFile::mark(std::uint64_t number, std::span<const std::string> records) {
  return append_frame(true, encode_mark(number, records));
}

std::uint64_t LogFile::last_number() const {
  MutexLock lock(mutex_);
  return next_number_ - 1;
}

Status LogFile::sync() {
  std::shared_ptr<DiskFile> file;
  {
    MutexLock lock(mutex_);
    if (broken_) return fail(*broken_);
    CD_TRY_VOID(sync_name());
    file = file_;
  }
  return file->sync();
}

Status LogFile::sync_name() {
  if (!name_unsynced_) return {};
  CD_TRY_VOID(disk_.sync_dir(folder_of_path(path_)));
  name_unsynced_ = false;
  return {};
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
    const std::string bytes = encode_frame(0, number++, payload.str());
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
  const std::string mark = encode_frame(kMarkFrame, number, encode_mark(number, {}));
  CD_TRY_VOID(fresh->write(end, mark));
  end += mark.size();
  ++number;
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
  name_unsynced_ = true;
  return sync_name();
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
