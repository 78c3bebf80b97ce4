#include "batch/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "base/text.h"
#include "batch/junk.h"
#include "batch/placement.h"

namespace cd {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;
constexpr std::size_t kRefusalsKept = 100;
constexpr std::uint64_t kRatioFrom = 64ull << 20;  // below it a bomb is nobody's trouble, and silence packs well

constexpr std::array<std::string_view, 13> kSuffixes{".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz",
                                                     ".tbz2",   ".tbz",     ".txz",    ".tzst",    ".tar",
                                                     ".zip",    ".7z",      ".rar"};

struct FreeArchive {
  void operator()(archive* handle) const { archive_read_free(handle); }
};
using ArchiveHandle = std::unique_ptr<archive, FreeArchive>;

// What libarchive reads from. It is C: nothing may be thrown through it.
struct Feed {
  Feed(ByteSource& from, const std::stop_token& asked) : source(from), stop(asked) {}
  ByteSource& source;
  const std::stop_token& stop;
  std::string buffer = std::string(kReadBytes, '\0');
  std::uint64_t offset = 0;
  std::optional<Error> error;
};

la_ssize_t feed_read(archive* handle, void* self, const void** out) noexcept {
  Feed& feed = *static_cast<Feed*>(self);
  if (feed.stop.stop_requested()) feed.error = Error{Code::cancelled, "cancelled"};
  if (!feed.error) {
    const auto got = feed.source.read(feed.offset, feed.buffer.data(), feed.buffer.size());
    if (got) {
      feed.offset += *got;
      *out = feed.buffer.data();
      return static_cast<la_ssize_t>(*got);
    }
    feed.error = got.error();
  }
  archive_set_error(handle, EIO, "the archive cannot be read");
  return ARCHIVE_FATAL;
}

la_int64_t feed_seek(archive*, void* self, la_int64_t offset, int whence) noexcept {
  Feed& feed = *static_cast<Feed*>(self);
  const auto size = static_cast<la_int64_t>(feed.source.size());
  const la_int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? static_cast<la_int64_t>(feed.offset) : size;
  const la_int64_t at = std::clamp<la_int64_t>(base + std::clamp(offset, -base, size - base), 0, size);
  feed.offset = static_cast<std::uint64_t>(at);
  return at;
}

la_int64_t feed_skip(archive*, void* self, la_int64_t bytes) noexcept {
  Feed& feed = *static_cast<Feed*>(self);
  const std::uint64_t left = feed.source.size() - std::min(feed.offset, feed.source.size());
  const std::uint64_t skipped = std::min(left, static_cast<std::uint64_t>(std::max<la_int64_t>(bytes, 0)));
  feed.offset += skipped;
  return static_cast<la_int64_t>(skipped);
}

// Zips of Windows programs have backslashes; in a tar one is a letter like any other.
bool has_backslash_paths(archive* handle) {
  const int format = archive_format(handle) & ARCHIVE_FORMAT_BASE_MASK;
  return format == ARCHIVE_FORMAT_ZIP || format == ARCHIVE_FORMAT_7ZIP || format == ARCHIVE_FORMAT_RAR ||
         format == ARCHIVE_FORMAT_RAR_V5;
}

std::string raw_path(archive* handle, archive_entry* entry) {
  const char* path = archive_entry_pathname_utf8(entry);
  if (path == nullptr) path = archive_entry_pathname(entry);
  std::string out = path == nullptr ? "" : path;
  if (has_backslash_paths(handle)) std::replace(out.begin(), out.end(), '\\', '/');
  return out;
}

const char* why_no_file(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "is a hard link";
  const auto type = archive_entry_filetype(entry);
  if (type == AE_IFLNK) return "is a symbolic link";
  if (type == AE_IFCHR || type == AE_IFBLK) return "is a device";
  if (type == AE_IFIFO || type == AE_IFSOCK) return "is a pipe or a socket";
  if (type != AE_IFREG && type != 0) return "is neither a file nor a folder";
  if (archive_entry_is_encrypted(entry) != 0) return "is encrypted";
  return nullptr;
}

bool refuses_one_file(Code code) {
  return code == Code::exists || code == Code::not_directory || code == Code::is_directory ||
         code == Code::name_too_long || code == Code::invalid;
}

class Unpacking {
 public:
  Unpacking(ByteSource& source, const UnpackLimits& limits, UnpackSink& sink, const std::stop_token& stop)
      : limits_(limits), sink_(sink), stop_(stop), feed_(source, stop_), handle_(archive_read_new()) {}

  Result<Unpacked> run() {
    CD_TRY_VOID(open());
    for (;;) {
      archive_entry* entry = nullptr;
      const int got = archive_read_next_header(handle_.get(), &entry);
      if (got == ARCHIVE_EOF) break;
      if (got == ARCHIVE_RETRY) continue;
      if (got < ARCHIVE_WARN) return tl::make_unexpected(broken(entries_ == 0 ? Code::unsupported : Code::corrupt));
      ++entries_;
      CD_TRY_VOID(check_limits());
      CD_TRY_VOID(take(entry));
    }
    if (entries_ == 0) return fail(Code::unsupported, "there is nothing in it");
    return std::move(out_);
  }

 private:
  Status open() {
    archive* a = handle_.get();
    for (const auto support : {archive_read_support_filter_gzip, archive_read_support_filter_bzip2,
                               archive_read_support_filter_xz, archive_read_support_filter_zstd,
                               archive_read_support_format_zip, archive_read_support_format_tar,
                               archive_read_support_format_7zip, archive_read_support_format_rar,
                               archive_read_support_format_rar5}) {
      support(a);
    }
    archive_read_set_callback_data(a, &feed_);
    archive_read_set_read_callback(a, feed_read);
    archive_read_set_seek_callback(a, feed_seek);
    archive_read_set_skip_callback(a, feed_skip);
    if (archive_read_open1(a) != ARCHIVE_OK) return tl::make_unexpected(broken(Code::unsupported));
    opened_ = true;
    return {};
  }

  Error broken(Code code) {
    if (feed_.error) return *feed_.error;
    const bool encrypted = opened_ && archive_read_has_encrypted_entries(handle_.get()) > 0;
    if (encrypted && out_.files == 0) return {Code::permission, "it is encrypted"};
    const char* words = archive_error_string(handle_.get());
    return {code, words == nullptr ? "it is damaged" : printable(words)};
  }

  Status check_limits() const {
    if (stop_.stop_requested()) return fail(Code::cancelled, "cancelled");
    if (places_ > limits_.files_max || entries_ > limits_.files_max * 4) {
      return fail(Code::too_large, "it holds more than " + human_count(limits_.files_max) +
                                       " files and folders (archive_files_max)");
    }
    if (bytes_ > limits_.bytes_max) {
      return fail(Code::too_large, "it unpacks to more than " + human_bytes(limits_.bytes_max) + " (archive_size_max)");
    }
    const std::uint64_t packed = std::max<std::uint64_t>(feed_.source.size(), 1);
    if (bytes_ > kRatioFrom && bytes_ > limits_.ratio_max * packed) {
      return fail(Code::too_large, "it unpacks to more than " + human_count(limits_.ratio_max) +
                                       " times its size (archive_ratio_max)");
    }
    return {};
  }

  void refuse(std::string_view path, std::string reason) {
    ++out_.refused_total;
    if (out_.refused.size() < kRefusalsKept) out_.refused.push_back({printable(path), std::move(reason)});
  }

  Status take(archive_entry* entry) {
    const std::string raw = raw_path(handle_.get(), entry);
    if (archive_entry_filetype(entry) == AE_IFDIR) return {};  // folders are there when something is in them
    if (const char* why = why_no_file(entry)) return refuse(raw, why), Status{};
    auto path = entry_path(raw);
    if (!path) return refuse(raw, path.error().message), Status{};
    if (is_archive_junk(*path)) return pour(raw, nullptr);
    UnpackedFile file;
    file.mode = static_cast<std::uint32_t>(archive_entry_perm(entry)) & 0777u;
    file.mode = file.mode == 0 ? 0644u : file.mode | 0600u;
    if (archive_entry_mtime_is_set(entry) != 0) {
      file.mtime_ns = static_cast<std::int64_t>(archive_entry_mtime(entry)) * 1'000'000'000 + archive_entry_mtime_nsec(entry);
    }
    places_ += 1;
    if (const auto folder = path->substr(0, path->rfind('/')); folder != last_folder_) {
      places_ += static_cast<std::uint64_t>(std::count(path->begin(), path->end(), '/'));
      last_folder_ = folder;
    }
    file.path = std::move(*path);
    if (const Status begun = sink_.begin(file); !begun) {
      if (!refuses_one_file(begun.error().code)) return begun;
      return refuse(raw, "cannot be a file here: " + begun.error().message), Status{};
    }
    declared_ = archive_entry_size_is_set(entry) != 0 ? static_cast<std::uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0)) : 0;
    return pour(raw, &sink_);
  }

  // The bytes of one entry; without a sink they are only counted.
  Status pour(const std::string& raw, UnpackSink* sink) {
    std::uint64_t end = 0;
    for (;;) {
      const void* data = nullptr;
      std::size_t length = 0;
      la_int64_t offset = 0;
      const int got = archive_read_data_block(handle_.get(), &data, &length, &offset);
      if (got == ARCHIVE_EOF) break;
      if (got == ARCHIVE_RETRY) continue;
      if (got == ARCHIVE_FATAL || feed_.error) return tl::make_unexpected(broken(Code::corrupt));
      if (got == ARCHIVE_FAILED || offset < 0) {  // this entry only: a packing or a cipher that is not known
        if (sink != nullptr) sink->discard();
        const char* words = archive_error_string(handle_.get());
        return refuse(raw, words == nullptr ? "cannot be read" : "cannot be read: " + printable(words)), Status{};
      }
      const std::uint64_t upto = static_cast<std::uint64_t>(offset) + length;
      bytes_ += upto > end ? upto - end : length;  // holes count: a file is as long as it says
      end = std::max(end, upto);
      CD_TRY_VOID(check_limits());
      if (sink != nullptr && length > 0) {
        CD_TRY_VOID(sink->write(static_cast<std::uint64_t>(offset), {static_cast<const char*>(data), length}));
      }
    }
    if (sink == nullptr) return {};
    if (declared_ > end) {  // ends in a hole
      bytes_ += declared_ - end;
      CD_TRY_VOID(check_limits());
    }
    ++out_.files;
    out_.bytes += std::max(end, declared_);
    return sink->end(std::max(end, declared_));
  }

  const UnpackLimits limits_;
  UnpackSink& sink_;
  const std::stop_token stop_;
  Feed feed_;
  ArchiveHandle handle_;  // after what it reads from
  bool opened_ = false;  // before, libarchive has no format to ask
  Unpacked out_;
  std::uint64_t entries_ = 0;
  std::uint64_t places_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t declared_ = 0;
  std::string last_folder_;
};

}  // namespace

Result<Unpacked> unpack(ByteSource& source, const UnpackLimits& limits, UnpackSink& sink, const std::stop_token& stop) {
  return Unpacking(source, limits, sink, stop).run();
}

std::string archive_stem(std::string_view name) {
  const std::string lower = to_lower_ascii(name);
  for (const std::string_view suffix : kSuffixes) {
    if (lower.size() > suffix.size() && lower.ends_with(suffix)) {
      return std::string(name.substr(0, name.size() - suffix.size()));
    }
  }
  return {};
}

Result<std::string> entry_path(std::string_view raw) {
  const bool drive = raw.size() >= 2 && raw[1] == ':' && ((raw[0] >= 'A' && raw[0] <= 'Z') || (raw[0] >= 'a' && raw[0] <= 'z')) &&
                     (raw.size() == 2 || raw[2] == '/');
  if (raw.starts_with('/') || drive) return fail(Code::invalid, "has an absolute path");
  std::string out;
  while (!raw.empty()) {
    const std::size_t slash = std::min(raw.find('/'), raw.size());
    const std::string_view part = raw.substr(0, slash);
    raw.remove_prefix(std::min(slash + 1, raw.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(Code::invalid, "has a path that leaves the archive");
    if (!out.empty()) out += '/';
    out += safe_part(part);
  }
  if (out.empty()) return fail(Code::invalid, "has no name");
  return out;
}

bool is_archive_junk(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    if (part == "__MACOSX" || (slash == path.size() && junk_kind(part) != Junk::none)) return true;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return false;
}

}  // namespace cd
