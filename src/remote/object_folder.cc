#include "remote/object_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>

#include "base/text.h"
#include "remote/digest.h"

namespace cd {

namespace {

constexpr const char* kEtagAttribute = "user.cratedrive.etag";
constexpr const char* kLabelsAttribute = "user.cratedrive.meta";
constexpr const char* kMarkerAttribute = "user.cratedrive.marker";
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::string read_attribute(int fd, const char* name) {
  char small[512];
  ssize_t n = ::fgetxattr(fd, name, small, sizeof small);
  if (n >= 0) return std::string(small, static_cast<std::size_t>(n));
  if (errno != ERANGE) return {};
  std::string large(64 << 10, '\0');
  n = ::fgetxattr(fd, name, large.data(), large.size());
  large.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return large;
}

Status write_attribute(int fd, const char* name, const std::string& value) {
  if (::fsetxattr(fd, name, value.data(), value.size(), 0) == 0) return {};
  if (errno == ENOSPC || errno == E2BIG || errno == ERANGE) {
    return fail(Code::too_large, fmt::format("{} bytes of labels are more than this file system keeps with a file",
                                             value.size()));
  }
  if (errno == ENOTSUP) {
    return fail(Code::unsupported, "this file system keeps no extended attributes; choose a folder on one that does");
  }
  return fail(error_from_errno(errno, fmt::format("write the attribute {}", name)));
}

std::string random_name(std::string_view kind) {
  static std::atomic<std::uint64_t> count{std::random_device{}()};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("{}-{:x}-{:x}-{:x}", kind, now.tv_sec, now.tv_nsec, count.fetch_add(1));
}

}  // namespace

std::int64_t modified_ns(const struct stat& stat) {
  return static_cast<std::int64_t>(stat.st_mtim.tv_sec) * 1'000'000'000 + stat.st_mtim.tv_nsec;
}

Error no_such_key(const std::string& key) {
  return Error{Code::not_found, fmt::format("no object \"{}\"", printable(key))};
}

std::string marker_etag() { return md5_hex(""); }

std::string etag_of(int fd, const struct stat& stat) {
  const std::string guard = fmt::format(" {} {}", modified_ns(stat), stat.st_size);
  std::string stored = read_attribute(fd, kEtagAttribute);
  if (stored.size() > guard.size() && stored.ends_with(guard)) {
    stored.resize(stored.size() - guard.size());
    return stored;
  }
  return fmt::format("{}-{}-{}", modified_ns(stat), stat.st_size, stat.st_ino);
}

Status write_etag(int fd, const std::string& etag) {
  struct stat stat {};
  if (::fstat(fd, &stat) != 0) return fail(error_from_errno(errno, "stat a new object"));
  return write_attribute(fd, kEtagAttribute, fmt::format("{} {} {}", etag, modified_ns(stat), stat.st_size));
}

Status write_labels(int fd, const std::string& content_type, const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    if (!is_valid_utf8(name) || !is_valid_utf8(value)) {
      return fail(Code::invalid, fmt::format("the label {} is not UTF-8", printable(name)));
    }
  }
  if (!is_valid_utf8(content_type)) return fail(Code::invalid, "the content type is not UTF-8");
  return write_attribute(fd, kLabelsAttribute, nlohmann::json{{"type", content_type}, {"meta", metadata}}.dump());
}

void read_labels(int fd, ObjectHead& head) {
  const auto json = nlohmann::json::parse(read_attribute(fd, kLabelsAttribute), nullptr, false);
  if (!json.is_object()) return;
  if (const auto type = json.find("type"); type != json.end() && type->is_string()) {
    head.content_type = type->get<std::string>();
  }
  const auto meta = json.find("meta");
  if (meta == json.end() || !meta->is_object()) return;
  for (const auto& [name, value] : meta->items()) {
    if (value.is_string()) head.metadata[name] = value.get<std::string>();
  }
}

bool has_marker(int folder) { return ::fgetxattr(folder, kMarkerAttribute, nullptr, 0) >= 0; }
Status write_marker(int folder) { return write_attribute(folder, kMarkerAttribute, "1"); }
void drop_marker(int folder) { (void)::fremovexattr(folder, kMarkerAttribute); }

bool is_empty_folder(int folder) {
  const int own = ::openat(folder, ".", kFolderFlags);
  DIR* dir = own < 0 ? nullptr : ::fdopendir(own);
  if (dir == nullptr) {
    if (own >= 0) ::close(own);
    return false;
  }
  bool empty = true;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    empty = false;
    break;
  }
  ::closedir(dir);
  return empty;
}

Result<ObjectFolder> ObjectFolder::open(const std::string& root) {
  ObjectFolder folder;
  folder.root_ = UniqueFd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.root_) {
    if (errno == ENOENT) {
      return fail(Code::not_found, fmt::format("the folder {0} does not exist: make it with mkdir -p '{0}'", root));
    }
    if (errno == ENOTDIR) {
      return fail(Code::not_directory, fmt::format("{} is a file: file:// needs a folder", root));
    }
    return fail(error_from_errno(errno, fmt::format("open the folder {}", root)));
  }
  (void)::mkdirat(folder.root(), kTemporaryFolder, 0700);
  folder.temporary_ = UniqueFd(::openat(folder.root(), kTemporaryFolder, kFolderFlags));
  if (!folder.temporary_ && (errno == EACCES || errno == EROFS || errno == ENOENT)) {
    return fail(Code::permission, fmt::format("cannot write in the folder {}: give yourself write access to it", root));
  }
  if (!folder.temporary_) return fail(error_from_errno(errno, fmt::format("open {}/{}", root, kTemporaryFolder)));
  CD_TRY_VOID(write_marker(folder.temporary()));
  return folder;
}

Result<UniqueFd> ObjectFolder::parent(const ObjectPath& path, bool make) const {
  UniqueFd at(::openat(root(), ".", kFolderFlags));
  for (const std::string& name : path.folders) {
    if (make && ::mkdirat(at.get(), name.c_str(), 0777) != 0 && errno != EEXIST) {
      return fail(error_from_errno(errno, fmt::format("make the folder {}", printable(name))));
    }
    UniqueFd next(::openat(at.get(), name.c_str(), kFolderFlags));
    if (!next) {
      // A file (ENOTDIR) or a symlink (ELOOP) on the way: no key lies below it.
      if (errno == ENOENT || (!make && (errno == ENOTDIR || errno == ELOOP))) {
        return fail(Code::not_found, fmt::format("no folder \"{}\"", printable(name)));
      }
      if (errno == ENOTDIR || errno == ELOOP) {
        return fail(Code::not_directory,
                    fmt::format("\"{}\" is a file already, and a folder cannot have its name", printable(name)));
      }
      return fail(error_from_errno(errno, fmt::format("open the folder {}", printable(name))));
    }
    at = std::move(next);
  }
  return at;
}

Result<ObjectFolder::Found> ObjectFolder::find(const std::string& key) const {
  CD_TRY(const ObjectPath path, ObjectPath::from_key(key));
  auto folder = parent(path, false);
  if (!folder) return fail(folder.error().code == Code::not_found ? no_such_key(key) : folder.error());
  return find_in(folder->get(), path.name, key);
}

Result<ObjectFolder::Found> ObjectFolder::find_in(int parent, const std::string& name,
                                                  const std::string& key) const {
  Found found;
  found.head.info.key = key;
  struct stat stat {};
  if (name.empty()) {
    found.fd = UniqueFd(::openat(parent, ".", kFolderFlags));
    if (!found.fd || ::fstat(found.fd.get(), &stat) != 0) return fail(no_such_key(key));
    if (!has_marker(found.fd.get()) && !is_empty_folder(found.fd.get())) return fail(no_such_key(key));
    found.head.info.etag = marker_etag();
    found.head.info.modified_ns = modified_ns(stat);
    read_labels(found.fd.get(), found.head);
    return found;
  }
  // O_NONBLOCK: a FIFO that lies about must not hold us up.
  found.fd = UniqueFd(::openat(parent, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!found.fd) {
    if (errno == ENOENT || errno == ELOOP || errno == ENXIO) return fail(no_such_key(key));
    return fail(error_from_errno(errno, fmt::format("open \"{}\"", printable(key))));
  }
  if (::fstat(found.fd.get(), &stat) != 0) return fail(error_from_errno(errno, "stat " + printable(key)));
  if (!S_ISREG(stat.st_mode)) return fail(no_such_key(key));
  found.head.info.size = static_cast<std::uint64_t>(stat.st_size);
  found.head.info.etag = etag_of(found.fd.get(), stat);
  found.head.info.modified_ns = modified_ns(stat);
  read_labels(found.fd.get(), found.head);
  return found;
}

void ObjectFolder::prune(std::vector<std::string> folders) const {
  while (!folders.empty()) {
    const std::string last = folders.back();
    auto self = parent(ObjectPath{folders, ""}, false);
    folders.pop_back();
    auto above = parent(ObjectPath{folders, ""}, false);
    if (!self || !above || has_marker(self->get())) return;
    if (::unlinkat(above->get(), last.c_str(), AT_REMOVEDIR) != 0) return;
  }
}

Result<ObjectFolder::Temporary> ObjectFolder::make_temporary() const {
  Temporary made;
  made.name = random_name("put");
  made.fd = UniqueFd(::openat(temporary(), made.name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!made.fd) return fail(error_from_errno(errno, "make a temporary file in the bucket's folder"));
  (void)::flock(made.fd.get(), LOCK_EX | LOCK_NB);  // tells sweep() that its writer lives
  return made;
}

Status ObjectFolder::publish(const std::string& name, const ObjectPath& to) const {
  CD_TRY(const UniqueFd folder, parent(to, true));
  if (::renameat(temporary(), name.c_str(), folder.get(), to.name.c_str()) == 0) return {};
  if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
    return fail(Code::is_directory,
                fmt::format("\"{}\" is a folder already, and a file cannot have its name", printable(to.name)));
  }
  return fail(error_from_errno(errno, fmt::format("rename a new object to \"{}\"", printable(to.name))));
}

void ObjectFolder::drop_temporary(const std::string& name) const { (void)::unlinkat(temporary(), name.c_str(), 0); }

void ObjectFolder::sweep() const {
  const int own = ::openat(temporary(), ".", kFolderFlags);
  DIR* dir = own < 0 ? nullptr : ::fdopendir(own);
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) {
    if (!std::string_view(entry->d_name).starts_with("put-")) continue;
    const UniqueFd left(::openat(temporary(), entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    // Who can lock it is alone with it: its writer died.
    if (left && ::flock(left.get(), LOCK_EX | LOCK_NB) == 0) drop_temporary(entry->d_name);
  }
  ::closedir(dir);
}

}  // namespace cd
