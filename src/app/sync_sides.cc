#include "app/sync_sides.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "base/digest.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "batch/junk.h"
#include "cache/tree_cache.h"
#include "journal/conflict_name.h"
#include "remote/blocking.h"

namespace cd {

namespace {

namespace stdfs = std::filesystem;

constexpr std::uint64_t kPiece = 4u << 20;
constexpr std::size_t kPartMax = 255;
constexpr const char* kTemporary = ".cratedrive-sync-";
constexpr std::int64_t kStaleSeconds = 3600;  // so long no temporary file of a living sync is left alone

CallOptions background() {
  CallOptions options;
  options.deadline = Millis(300'000);
  options.priority = Priority::background;
  return options;
}

LocalEntry entry_of(const struct stat& info) {
  return {static_cast<std::uint64_t>(info.st_size), info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

// So many bytes, or fewer at the end of the file.
Result<std::string> read_at(int fd, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_from_errno(errno, "read"));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_from_errno(errno, "write"));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

// No folder on the way may be a link: it would lead a download out of here.
Status check_no_links(const std::string& directory, const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    struct stat info {};
    if (::lstat((directory + "/" + path.substr(0, slash)).c_str(), &info) != 0) return {};  // not there yet
    if (!S_ISDIR(info.st_mode)) return fail(Code::not_directory, path.substr(0, slash) + " is no folder here");
  }
  return {};
}

}  // namespace

bool is_plain_path(const std::string& key, const std::vector<std::string>& reserved) {
  if (key.empty() || key.front() == '/' || key.back() == '/' || key.find('\0') != std::string::npos || !is_valid_utf8(key)) return false;
  std::string_view rest = key;
  bool first = true;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > kPartMax || part.starts_with(kTemporary)) return false;
    if (first && std::ranges::find(reserved, part) != reserved.end()) return false;
    first = false;
    rest.remove_prefix(std::min(rest.size(), slash + 1));
  }
  return true;
}

// ---- the folder

Result<std::map<std::string, LocalEntry>> LocalSide::list(std::uint64_t& left_out) {
  std::map<std::string, LocalEntry> out;
  std::error_code error;
  stdfs::recursive_directory_iterator it(directory_, error);  // what cannot be read must not look like removed
  for (const stdfs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    struct stat info {};
    const std::string path = it->path().string();
    if (::lstat(path.c_str(), &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) continue;
    const std::string below = path.substr(directory_.size() + 1);
    const std::string name = it->path().filename().string();
    if (S_ISREG(info.st_mode) && name.starts_with(kTemporary) && info.st_mtim.tv_sec < ::time(nullptr) - kStaleSeconds) stale_.push_back(path);
    if (!S_ISREG(info.st_mode) || junk_kind(name) != Junk::none || name.starts_with(kTemporary) || !is_valid_utf8(below)) {
      ++left_out;
      continue;
    }
    out.emplace(below, entry_of(info));
  }
  if (error) return fail(error_from_errno(error.value(), "read " + printable(directory_)));
  return out;
}

void LocalSide::sweep() {
  for (const std::string& path : stale_) ::unlink(path.c_str());
  stale_.clear();
}

Result<LocalEntry> LocalSide::look(const std::string& path) const {
  struct stat info {};
  if (::lstat(full(path).c_str(), &info) != 0) return fail(error_from_errno(errno, printable(path)));
  return entry_of(info);
}

Result<std::vector<std::string>> LocalSide::etags(const std::string& path, const SyncSizes& sizes) const {
  const UniqueFd file(::open(full(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return fail(error_from_errno(errno, printable(path)));
  EtagHasher hasher(sizes.part);
  for (std::uint64_t at = 0;; at += kPiece) {
    CD_TRY(const std::string piece, read_at(file.get(), at, kPiece));
    hasher.update(piece);
    if (piece.size() < kPiece) break;
  }
  const EtagHasher::Etags both = hasher.finish();
  return std::vector<std::string>{both.single, both.multipart};
}

Status LocalSide::rename(const std::string& path, const std::string& to) const {
  if (::renameat2(AT_FDCWD, full(path).c_str(), AT_FDCWD, full(to).c_str(), RENAME_NOREPLACE) != 0)
    return fail(error_from_errno(errno, "rename " + printable(path)));
  return {};
}

Status LocalSide::remove(const std::string& path, const LocalEntry& seen) const {
  CD_TRY(const LocalEntry now, look(path));
  if (now != seen) return fail(Code::busy, "it changed meanwhile");
  if (::unlink(full(path).c_str()) != 0) return fail(error_from_errno(errno, "remove " + printable(path)));
  for (std::string folder = folder_of(path); !folder.empty(); folder = folder_of(folder)) {
    if (::rmdir(full(folder).c_str()) != 0) break;  // something else is in it
  }
  return {};
}

// ---- the bucket

Result<std::map<std::string, ObjectInfo>> BucketSide::list(std::uint64_t& left_out) const {
  std::map<std::string, ObjectInfo> out;
  ListRequest request;
  request.delimited = false;
  while (true) {
    CD_TRY(ListReply page, blocking<ListReply>([&](Done<ListReply> done) { store_.list(request, background(), std::move(done)); }));
    for (ObjectInfo& object : page.objects) {
      if (object.key.ends_with('/') && object.size == 0) continue;  // a folder's marker
      if (!is_plain_path(object.key, reserved_)) {
        const std::string_view first = std::string_view(object.key).substr(0, object.key.find('/'));
        if (std::ranges::find(reserved_, first) == reserved_.end()) ++left_out;
        continue;
      }
      std::string key = object.key;
      out.emplace(std::move(key), std::move(object));
    }
    if (page.next_token.empty()) return out;
    request.token = page.next_token;
  }
}

Result<std::string> BucketSide::upload(const LocalSide& from, const std::string& path, const std::string& over) const {
  const UniqueFd file(::open(from.full(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return fail(error_from_errno(errno, printable(path)));
  const LocalEntry seen = entry_of(info);
  MetaRecord record;
  record.attr.mode = info.st_mode & 07777u;
  record.attr.uid = info.st_uid;
  record.attr.gid = info.st_gid;
  record.attr.size = seen.size;
  record.attr.mtime_ns = seen.mtime_ns;
  PutRequest request;
  request.key = path;
  request.content_type = content_type_of(path);
  request.metadata = metadata_of(record);
  request.condition = over.empty() ? Condition::if_absent() : Condition::if_match(over);
  std::string etag;
  if (seen.size >= sizes_.multipart) {
    CD_TRY(etag, upload_parts(file.get(), seen.size, std::move(request)));
  } else {
    CD_TRY(std::string bytes, read_at(file.get(), 0, seen.size));
    if (bytes.size() != seen.size) return fail(Code::busy, "it changed meanwhile");
    pacer_.wait_for(bytes.size());
    request.body = share(std::move(bytes));
    CD_TRY(const PutReply put, blocking<PutReply>([&](Done<PutReply> done) { store_.put(request, background(), std::move(done)); }));
    etag = put.etag;
  }
  CD_TRY(const LocalEntry now, from.look(path));
  if (now != seen) return fail(Code::busy, "it changed while it was read; the next sync takes it up");
  return etag;
}

Result<std::string> BucketSide::upload_parts(int fd, std::uint64_t size, PutRequest head) const {
  FinishRequest finish;
  finish.condition = head.condition;
  CD_TRY(finish.upload, blocking<UploadId>([&](Done<UploadId> done) { store_.multipart_begin(std::move(head), background(), std::move(done)); }));
  const auto send = [&]() -> Result<std::string> {
    for (std::uint64_t at = 0; at < size; at += sizes_.part) {
      PartRequest part;
      part.upload = finish.upload;
      part.number = static_cast<int>(at / sizes_.part) + 1;
      CD_TRY(std::string bytes, read_at(fd, at, std::min(sizes_.part, size - at)));
      if (bytes.size() != std::min(sizes_.part, size - at)) return fail(Code::busy, "it changed meanwhile");
      pacer_.wait_for(bytes.size());
      part.body = share(std::move(bytes));
      CD_TRY(Part sent, blocking<Part>([&](Done<Part> done) { store_.multipart_part(part, background(), std::move(done)); }));
      finish.parts.push_back(std::move(sent));
    }
    CD_TRY(const PutReply put, blocking<PutReply>([&](Done<PutReply> done) { store_.multipart_finish(finish, background(), std::move(done)); }));
    return put.etag;
  };
  auto etag = send();
  if (!etag) (void)blocking<void>([&](Done<void> done) { store_.multipart_abort(finish.upload, background(), std::move(done)); });
  return etag;
}

Status BucketSide::download(const ObjectInfo& object, const LocalSide& to, const LocalEntry* expected) const {
  const std::string& path = object.key;
  CD_TRY_VOID(check_no_links(to.full("."), path));
  const std::string folder = folder_of(path);
  std::error_code error;
  stdfs::create_directories(to.full(folder), error);
  if (error) return fail(error_from_errno(error.value(), "make the folder " + printable(folder)));
  std::string temporary = to.full(folder.empty() ? "" : folder + "/") + kTemporary + "XXXXXX";
  const UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file) return fail(error_from_errno(errno, "make a file in " + printable(folder)));
  const auto fetch = [&]() -> Status {
    MetaRecord record;
    record.attr.mtime_ns = object.modified_ns;
    record.attr.mode = 0644;
    for (std::uint64_t at = 0; at == 0 || at < object.size; at += kPiece) {
      if (object.size == 0) break;
      const std::uint64_t length = std::min(kPiece, object.size - at);
      pacer_.wait_for(length);
      CD_TRY(const GetReply got, blocking<GetReply>([&](Done<GetReply> done) {
               store_.get({path, at, length, object.etag}, background(), std::move(done));
             }));
      CD_TRY_VOID(write_all(file.get(), *got.body));
      if (at == 0) apply_metadata(got.head, record);
    }
    const timespec mtime{record.attr.mtime_ns / 1'000'000'000, record.attr.mtime_ns % 1'000'000'000};
    const timespec times[2] = {mtime, mtime};
    if (::fchmod(file.get(), record.attr.mode & 0777u) != 0 || ::futimens(file.get(), times) != 0 || ::fsync(file.get()) != 0)
      return fail(error_from_errno(errno, "write " + printable(path)));
    if (expected == nullptr) {
      if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, to.full(path).c_str(), RENAME_NOREPLACE) != 0)
        return fail(error_from_errno(errno, "write " + printable(path)));
      return {};
    }
    CD_TRY(const LocalEntry now, to.look(path));
    if (now != *expected) return fail(Code::busy, "it changed meanwhile; the next sync takes it up");
    if (::rename(temporary.c_str(), to.full(path).c_str()) != 0) return fail(error_from_errno(errno, "write " + printable(path)));
    return {};
  };
  Status done = fetch();
  if (!done) ::unlink(temporary.c_str());
  return done;
}

Status BucketSide::copy(const ObjectInfo& object, const std::string& to) const {
  CD_TRY(const ObjectHead head, blocking<ObjectHead>([&](Done<ObjectHead> done) { store_.head(object.key, background(), std::move(done)); }));
  CopyRequest request{object.key, object.etag, to, head.content_type, head.metadata, Condition::if_absent()};
  CD_TRY_VOID(blocking<PutReply>([&](Done<PutReply> done) { store_.copy(request, background(), std::move(done)); }));
  return {};
}

Status BucketSide::remove(const ObjectInfo& object) const {
  return blocking<void>([&](Done<void> done) { store_.remove(object.key, object.etag, background(), std::move(done)); });
}

}  // namespace cd
