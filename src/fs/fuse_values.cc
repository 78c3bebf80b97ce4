#include <sys/stat.h>

#include <chrono>
#include <ctime>

#include "fs/fuse_ops.h"

namespace cd {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr ino_t kUnknownInode = 0xffffffff;  // as libfuse itself fills in

timespec time_of(std::int64_t ns) {
  std::int64_t seconds = ns / kSecond;
  std::int64_t rest = ns % kSecond;
  if (rest < 0) {  // before 1970
    rest += kSecond;
    --seconds;
  }
  return {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

std::int64_t ns_of(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * kSecond + static_cast<std::int64_t>(time.tv_nsec);
}

double seconds(Millis time) { return std::chrono::duration<double>(time).count(); }

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return ns_of(now);
}

}  // namespace

struct stat stat_of(const NodeAttributes& node) {
  constexpr std::uint64_t kStatBlock = 512;
  struct stat st{};
  st.st_ino = node.ino ? node.ino.value() : kUnknownInode;
  st.st_mode = type_bits(node.attr.type) | (node.attr.mode & 07777u);
  st.st_nlink = node.links;
  st.st_uid = node.attr.uid;
  st.st_gid = node.attr.gid;
  st.st_rdev = node.attr.device;
  st.st_size = static_cast<off_t>(node.attr.size);
  st.st_blocks = static_cast<blkcnt_t>((node.attr.size + kStatBlock - 1) / kStatBlock);
  st.st_blksize = 1 << 20;
  st.st_atim = time_of(node.attr.atime_ns);
  st.st_mtim = time_of(node.attr.mtime_ns);
  st.st_ctim = time_of(node.attr.ctime_ns);
  return st;
}

fuse_entry_param entry_of(const NodeAttributes& node) {
  fuse_entry_param entry{};
  entry.ino = node.ino.value();
  entry.generation = 0;  // numbers are never used twice
  entry.attr = stat_of(node);
  entry.attr_timeout = entry.entry_timeout = seconds(node.valid);
  return entry;
}

AttrRequest attr_request(const struct stat& st, int to_set, const fuse_file_info* info) {
  AttrRequest request;
  const auto field = [&](int bit, SetAttr ours) {
    if ((to_set & bit) == 0) return false;
    request.fields |= static_cast<std::uint32_t>(ours);
    return true;
  };
  if (field(FUSE_SET_ATTR_MODE, SetAttr::mode)) request.change.mode = st.st_mode & 07777u;
  if (field(FUSE_SET_ATTR_UID, SetAttr::uid)) request.change.uid = st.st_uid;
  if (field(FUSE_SET_ATTR_GID, SetAttr::gid)) request.change.gid = st.st_gid;
  if (field(FUSE_SET_ATTR_SIZE, SetAttr::size)) request.size = static_cast<std::uint64_t>(st.st_size);
  if (field(FUSE_SET_ATTR_ATIME, SetAttr::atime)) request.change.atime_ns = ns_of(st.st_atim);
  if (field(FUSE_SET_ATTR_MTIME, SetAttr::mtime)) request.change.mtime_ns = ns_of(st.st_mtim);
  if ((to_set & FUSE_SET_ATTR_ATIME_NOW) != 0) request.change.atime_ns = now_ns();
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) request.change.mtime_ns = now_ns();
  if (info != nullptr) request.handle = HandleId(info->fh);
  return request;
}

namespace {

struct stat unknown_type() {  // DT_UNKNOWN; the inode number must not be 0, or readdir(3) skips the entry
  struct stat st{};
  st.st_ino = ~ino_t{0};
  return st;
}

}  // namespace

std::string directory_page(fuse_req_t request, const std::vector<DirectoryEntry>& entries, std::size_t size,
                           bool plus) {
  std::string page(size, '\0');
  std::size_t used = 0;
  for (const DirectoryEntry& entry : entries) {
    char* to = page.data() + used;
    const std::size_t room = size - used;
    const off_t next = static_cast<off_t>(entry.next);
    std::size_t needs = 0;
    if (plus) {
      fuse_entry_param param{};
      param.attr = unknown_type();
      if (!entry.vague) param = entry_of(entry.node);
      needs = fuse_add_direntry_plus(request, to, room, entry.name.c_str(), &param, next);
    } else {
      const struct stat st = entry.vague ? unknown_type() : stat_of(entry.node);
      needs = fuse_add_direntry(request, to, room, entry.name.c_str(), &st, next);
    }
    if (needs > room) break;
    used += needs;
  }
  page.resize(used);
  return page;
}

}  // namespace cd
