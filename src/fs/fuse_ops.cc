#include "fs/fuse_ops.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cd {
namespace {

// RENAME_NOREPLACE and RENAME_EXCHANGE of <linux/fs.h>.
constexpr std::size_t kEntryBytesMin = 24 + 8;        // of a name of up to 8 bytes in a page of readdir
constexpr std::size_t kPlusEntryBytesMin = 152 + 8;
constexpr unsigned kWriteMax = 1u << 20;
// Reads that the kernel has with us at one time. It queues the rest on its side, those of cached files too, so it must be
// more than can ever hang; its own default, 12, lets 12 stalled reads freeze the drive.
constexpr unsigned kReadsUnderWay = 60'000;

Filesystem& fs_of(fuse_req_t request) { return *static_cast<FuseMount*>(fuse_req_userdata(request))->fs; }

FuseReplyPtr reply_to(fuse_req_t request) {
  fs_of(request).count_request();
  return std::make_shared<FuseReply>(request, *static_cast<FuseMount*>(fuse_req_userdata(request))->requests);
}

Reply<void> answer_done(const FuseReplyPtr& reply, Operation operation = Operation::any) {
  return [reply, operation](Status done) {
    if (done) return reply->ok();
    reply->error(done.error(), operation);
  };
}

Reply<NodeAttributes> answer_entry(const FuseReplyPtr& reply, Operation operation = Operation::any) {
  return [reply, operation](Result<NodeAttributes> node) {
    if (!node) return reply->error(node.error(), operation);
    reply->entry(entry_of(*node));
  };
}

Reply<NodeAttributes> answer_attr(const FuseReplyPtr& reply) {
  return [reply](Result<NodeAttributes> node) {
    if (!node) return reply->error(node.error());
    reply->attr(stat_of(*node), entry_of(*node).attr_timeout);
  };
}

fuse_file_info info_of(const fuse_file_info& asked, const OpenedFile& file) {
  fuse_file_info info = asked;
  info.fh = file.handle.value();
  info.direct_io = file.direct_io ? 1 : 0;
  info.keep_cache = file.keep_cache ? 1 : 0;
  return info;
}

void init(void*, fuse_conn_info* connection) noexcept {
  connection->max_write = kWriteMax;
  connection->max_readahead = kWriteMax;
  connection->max_background = kReadsUnderWay;
  const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                          FUSE_CAP_ATOMIC_O_TRUNC;
  // Readdirplus always: attributes cost us nothing, a lookup for each name costs a request each. No writeback
  // cache: the kernel would keep sizes and times of its own.
  const unsigned refused = FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_EXPORT_SUPPORT |
                           FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_AUTO_INVAL_DATA |
                           FUSE_CAP_POSIX_ACL | FUSE_CAP_SPLICE_READ;
  connection->want |= connection->capable & wanted;
  connection->want &= ~refused;
}

void lookup(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  const auto reply = reply_to(req);
  Filesystem& fs = fs_of(req);
  fs.lookup(reply->caller(), InodeId(parent), name, [reply, &fs, parent](Result<NodeAttributes> node) {
    if (node) return reply->entry(entry_of(*node));
    const Millis absent = node.error().code == Code::not_found ? fs.absent_for(InodeId(parent)) : Millis(0);
    if (absent.count() <= 0) return reply->error(node.error());
    NodeAttributes nothing;  // no inode: what the kernel takes for a name without meaning
    nothing.valid = absent;
    reply->entry(entry_of(nothing));
  });
}

void forget(fuse_req_t req, fuse_ino_t, std::uint64_t) noexcept { fuse_reply_none(req); }
void forget_multi(fuse_req_t req, std::size_t, fuse_forget_data*) noexcept { fuse_reply_none(req); }

void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).getattr(reply->caller(), InodeId(ino), answer_attr(reply));
}

void setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).setattr(reply->caller(), InodeId(ino), attr_request(*attr, to_set, info), answer_attr(reply));
}

void readlink(fuse_req_t req, fuse_ino_t ino) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).readlink(reply->caller(), InodeId(ino), [reply](Result<std::string> target) {
    if (!target) return reply->error(target.error());
    reply->readlink(target->c_str());
  });
}

void mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).mknod(reply->caller(), InodeId(parent), name, mode, device, answer_entry(reply));
}

void mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).mkdir(reply->caller(), InodeId(parent), name, mode & 07777u, answer_entry(reply));
}

void symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).symlink(reply->caller(), InodeId(parent), name, target, answer_entry(reply));
}

void link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char* new_name) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).link(reply->caller(), InodeId(ino), InodeId(new_parent), new_name, answer_entry(reply, Operation::rename));
}

void unlink(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).unlink(reply->caller(), InodeId(parent), name, answer_done(reply));
}

void rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).rmdir(reply->caller(), InodeId(parent), name, answer_done(reply));
}

void rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
            unsigned flags) noexcept {
  const auto reply = reply_to(req);
  RenameMode mode = RenameMode::replace;
  if (flags == RENAME_NOREPLACE) mode = RenameMode::no_replace;
  else if (flags == RENAME_EXCHANGE) mode = RenameMode::exchange;
  else if (flags != 0) return reply->error(EINVAL);
  fs_of(req).rename(reply->caller(), InodeId(parent), name, InodeId(new_parent), new_name, mode,
                    answer_done(reply, Operation::rename));
}

void create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  Filesystem& fs = fs_of(req);
  fs.create(reply->caller(), InodeId(parent), name, mode & 07777u, info->flags,
            [&fs, reply, asked = *info](Result<Filesystem::Created> made) {
              if (!made) return reply->error(made.error());
              if (!reply->created(entry_of(made->node), info_of(asked, made->file))) fs.release(made->file.handle);
            });
}

void open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  Filesystem& fs = fs_of(req);
  fs.open(reply->caller(), InodeId(ino), info->flags, [&fs, reply, asked = *info](Result<OpenedFile> file) {
    if (!file) return reply->error(file.error());
    if (!reply->opened(info_of(asked, *file))) fs.release(file->handle);
  });
}

void read(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).read(reply->caller(), HandleId(info->fh), static_cast<std::uint64_t>(offset), size,
                  [reply](Result<SharedBytes> bytes) {
                    if (!bytes) return reply->error(bytes.error());
                    reply->bytes((*bytes)->data(), (*bytes)->size());
                  });
}

void write(fuse_req_t req, fuse_ino_t, const char* data, std::size_t size, off_t offset,
           fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  const auto verb = info->writepage ? &Filesystem::write_back : &Filesystem::write;
  (fs_of(req).*verb)(reply->caller(), HandleId(info->fh), static_cast<std::uint64_t>(offset),
                     share(std::string(data, size)), [reply](Result<std::size_t> count) {
                       if (!count) return reply->error(count.error());
                       reply->written(*count);
                     });
}

void flush(fuse_req_t req, fuse_ino_t, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).flush(reply->caller(), HandleId(info->fh), answer_done(reply));
}

void release(fuse_req_t req, fuse_ino_t, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).release(HandleId(info->fh));
  reply->ok();
}

void fsync(fuse_req_t req, fuse_ino_t, int, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).fsync(reply->caller(), HandleId(info->fh), answer_done(reply));
}

void fallocate(fuse_req_t req, fuse_ino_t, int mode, off_t offset, off_t length, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).fallocate(reply->caller(), HandleId(info->fh), mode, static_cast<std::uint64_t>(offset),
                       static_cast<std::uint64_t>(length), answer_done(reply));
}

void lseek(fuse_req_t req, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).lseek(reply->caller(), HandleId(info->fh), static_cast<std::uint64_t>(offset), whence,
                   [reply](Result<std::uint64_t> at) {
                     if (!at) return reply->error(at.error(), Operation::seek);
                     reply->lseek(static_cast<off_t>(*at));
                   });
}

void opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  Filesystem& fs = fs_of(req);
  fs.opendir(reply->caller(), InodeId(ino), [&fs, reply, asked = *info](Result<HandleId> handle) {
    if (!handle) return reply->error(handle.error());
    fuse_file_info opened = asked;
    opened.fh = handle->value();
    if (!reply->opened(opened)) fs.releasedir(*handle);
  });
}

void read_folder(fuse_req_t req, std::size_t size, off_t offset, const fuse_file_info* info, bool plus) {
  const auto reply = reply_to(req);
  const std::size_t at_most = size / (plus ? kPlusEntryBytesMin : kEntryBytesMin) + 1;
  fs_of(req).readdir(reply->caller(), HandleId(info->fh), static_cast<std::uint64_t>(offset), at_most,
                     [reply, size, plus](Result<std::vector<DirectoryEntry>> entries) {
                       if (!entries) return reply->error(entries.error());
                       const std::string page = directory_page(reply->request(), *entries, size, plus);
                       reply->bytes(page.data(), page.size());
                     });
}

void readdir(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) noexcept {
  read_folder(req, size, offset, info, false);
}

void readdirplus(fuse_req_t req, fuse_ino_t, std::size_t size, off_t offset, fuse_file_info* info) noexcept {
  read_folder(req, size, offset, info, true);
}

void releasedir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).releasedir(HandleId(info->fh));
  reply->ok();
}

// Names are logged before a verb returns; there is nothing more to do for a folder.
void fsyncdir(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) noexcept { reply_to(req)->ok(); }

void statfs(fuse_req_t req, fuse_ino_t) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).statfs(reply->caller(), [reply](Result<StatFs> space) {
    if (!space) return reply->error(space.error());
    constexpr std::uint64_t kBlock = 4'096;
    struct statvfs st{};
    st.f_bsize = st.f_frsize = kBlock;
    st.f_blocks = space->total_bytes / kBlock;
    st.f_bfree = st.f_bavail = space->free_bytes / kBlock;
    st.f_files = space->files + (std::uint64_t{1} << 32);
    st.f_ffree = st.f_favail = std::uint64_t{1} << 32;
    st.f_namemax = 255;
    reply->statfs(st);
  });
}

// The protocol of getxattr(2) and listxattr(2): size 0 asks how much room is needed.
void answer_value(const FuseReplyPtr& reply, const std::string& value, std::size_t size) {
  if (size == 0) return reply->xattr_size(value.size());
  if (value.size() > size) return reply->error(ERANGE);
  reply->bytes(value.data(), value.size());
}

void setxattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, std::size_t size,
              int flags) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).setxattr(reply->caller(), InodeId(ino), name, std::string(value, size), flags,
                      answer_done(reply, Operation::xattr));
}

void getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, std::size_t size) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).getxattr(reply->caller(), InodeId(ino), name, [reply, size](Result<std::string> value) {
    if (!value) return reply->error(value.error(), Operation::xattr);
    answer_value(reply, *value, size);
  });
}

void listxattr(fuse_req_t req, fuse_ino_t ino, std::size_t size) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).listxattr(reply->caller(), InodeId(ino), [reply, size](Result<std::vector<std::string>> names) {
    if (!names) return reply->error(names.error());
    std::string list;
    for (const std::string& name : *names) list.append(name).push_back('\0');
    answer_value(reply, list, size);
  });
}

void removexattr(fuse_req_t req, fuse_ino_t ino, const char* name) noexcept {
  const auto reply = reply_to(req);
  fs_of(req).removexattr(reply->caller(), InodeId(ino), name, answer_done(reply, Operation::xattr));
}

// Locks are not here on purpose: the kernel keeps them, for all programs of this host.
fuse_lowlevel_ops make_ops() {
  fuse_lowlevel_ops ops{};
  ops.init = init;
  ops.lookup = lookup;
  ops.forget = forget;
  ops.forget_multi = forget_multi;
  ops.getattr = getattr;
  ops.setattr = setattr;
  ops.readlink = readlink;
  ops.mknod = mknod;
  ops.mkdir = mkdir;
  ops.symlink = symlink;
  ops.link = link;
  ops.unlink = unlink;
  ops.rmdir = rmdir;
  ops.rename = rename;
  ops.create = create;
  ops.open = open;
  ops.read = read;
  ops.write = write;
  ops.flush = flush;
  ops.release = release;
  ops.fsync = fsync;
  ops.fallocate = fallocate;
  ops.lseek = lseek;
  ops.opendir = opendir;
  ops.readdir = readdir;
  ops.readdirplus = readdirplus;
  ops.releasedir = releasedir;
  ops.fsyncdir = fsyncdir;
  ops.statfs = statfs;
  ops.setxattr = setxattr;
  ops.getxattr = getxattr;
  ops.listxattr = listxattr;
  ops.removexattr = removexattr;
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& fuse_ops() {
  static const fuse_lowlevel_ops ops = make_ops();
  return ops;
}

}  // namespace cd
