// Filesystem: the drive as the kernel sees it, without FUSE: nodes, handles, operations, two lanes. fuse_ops
// translates requests into these calls; tests call them directly.
//
// Every operation takes a Reply that is called exactly once: on the calling thread where the answer is local
// (the fast lane), else later on a thread of the store when the bytes came, the deadline passed or the caller
// gave up (the slow lane). So no number of operations that wait for the network occupies a fuse thread.
// Inodes are MetaStore's; virtual nodes have the top bit set. There is no table of known nodes: forget costs
// nothing and a million lookups cost no memory. Open files have one Content an inode: pinned to one version, or staged.
// Errors are Results; fuse_errno turns Codes into errno in one switch. A store that cannot be asked is
// unreachable/timeout (EIO, ETIMEDOUT), never not_found.
// Thread-safe. Everything it is given outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "cache/block_cache.h"
#include "cache/meta_store.h"
#include "cache/tree_cache.h"
#include "fs/virtual_source.h"
#include "journal/journal.h"

namespace cd {

template <class T>
using Reply = std::function<void(Result<T>)>;

using HandleId = Id<struct HandleTag>;

struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t umask = 0;
  std::stop_token interrupted;  // FUSE_INTERRUPT: Ctrl-C on the waiting process
};

struct NodeAttributes {  // what stat(2) shows, and for how long the kernel may believe it
  InodeId ino;
  Attributes attr;
  std::uint32_t links = 1;
  Millis valid{0};
};

struct OpenedFile {
  HandleId handle;
  bool direct_io = false;    // virtual files: sizes change under the reader
  bool keep_cache = false;   // the kernel's pages of this inode are still right
};

struct DirectoryEntry {
  std::string name;
  NodeAttributes node;       // ino zero: only name and type are known
  std::uint64_t next = 0;    // offset to continue behind this entry
  bool vague = false;        // only the name is certain: the kernel has to look it up
};

struct FilesystemOptions {
  std::string inbox_name = "inbox";
  std::string control_name = ".cratedrive";
  Millis metadata_ttl{60'000};
  Millis read_deadline{60'000};
  Millis stale_grace{2'000};   // how long a listing may keep `ls` of a known folder waiting before the old one serves
  bool durability_remote = false;
  std::uint32_t uid = 0;       // who mounts
  std::uint32_t gid = 0;
};

enum class SetAttr : std::uint32_t { mode = 1, uid = 2, gid = 4, size = 8, atime = 16, mtime = 32 };
struct AttrRequest {
  std::uint32_t fields = 0;    // of SetAttr
  AttributeChange change;
  std::uint64_t size = 0;
  HandleId handle;             // ftruncate: of the open file
};

struct StatFs {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t files = 0;
};

class Filesystem {
 public:
  Filesystem(MetaStore& meta, TreeCache& tree, BlockCache& blocks, Journal& journal, StoreHealth& health,
             VirtualSource& virtual_files, Disk& disk, const Clock& clock, MetricRegistry& metrics,
             FilesystemOptions options);
  ~Filesystem();  // waits for the slow lane: every reply has been given

  void count_request();

  void lookup(const Caller&, InodeId parent, std::string name, Reply<NodeAttributes>);
  // For how long a name that lookup did not find in this folder may be believed to mean nothing. What comes by itself
  // under such a name is told to the kernel, or comes to light after this second at the latest.
  [[nodiscard]] Millis absent_for(InodeId parent) const;
  void getattr(const Caller&, InodeId ino, Reply<NodeAttributes>);
  void setattr(const Caller&, InodeId ino, AttrRequest, Reply<NodeAttributes>);
  void readlink(const Caller&, InodeId ino, Reply<std::string>);
  void mkdir(const Caller&, InodeId parent, std::string name, std::uint32_t mode, Reply<NodeAttributes>);
  // Of a regular file too; `mode` with its type bits.
  void mknod(const Caller&, InodeId parent, std::string name, std::uint32_t mode, std::uint64_t device,
             Reply<NodeAttributes>);
  void symlink(const Caller&, InodeId parent, std::string name, std::string target, Reply<NodeAttributes>);
  // unsupported, which becomes EXDEV: in, to or from the inbox; not_permitted: of folders and virtual files.
  void link(const Caller&, InodeId ino, InodeId new_parent, std::string new_name, Reply<NodeAttributes>);
  void unlink(const Caller&, InodeId parent, std::string name, Reply<void>);
  void rmdir(const Caller&, InodeId parent, std::string name, Reply<void>);
  void rename(const Caller&, InodeId parent, std::string name, InodeId new_parent, std::string new_name,
              RenameMode mode, Reply<void>);

  struct Created {
    NodeAttributes node;
    OpenedFile file;
  };
  void create(const Caller&, InodeId parent, std::string name, std::uint32_t mode, int flags, Reply<Created>);
  void open(const Caller&, InodeId ino, int flags, Reply<OpenedFile>);
  void read(const Caller&, HandleId, std::uint64_t offset, std::size_t length, Reply<SharedBytes>);
  void write(const Caller&, HandleId, std::uint64_t offset, SharedBytes bytes, Reply<std::size_t>);
  // Pages of a mapping that the kernel writes back through any handle of the inode that can write: they go to their
  // offset, also where that handle appends.
  void write_back(const Caller&, HandleId, std::uint64_t offset, SharedBytes bytes, Reply<std::size_t>);
  void flush(const Caller&, HandleId, Reply<void>);    // each close(2)
  void release(HandleId);                              // the last one is gone
  void fsync(const Caller&, HandleId, Reply<void>);
  void fallocate(const Caller&, HandleId, int mode, std::uint64_t offset, std::uint64_t length, Reply<void>);
  // SEEK_DATA, SEEK_HOLE.
  void lseek(const Caller&, HandleId, std::uint64_t offset, int whence, Reply<std::uint64_t>);

  void opendir(const Caller&, InodeId ino, Reply<HandleId>);
  // Entries after `offset` (0 = from the start, "." and ".." included) in an order that stays the same while the
  // handle is open; at most `at_most`. Bounded memory however large the folder.
  void readdir(const Caller&, HandleId, std::uint64_t offset, std::size_t at_most,
               Reply<std::vector<DirectoryEntry>>);
  void releasedir(HandleId);

  void statfs(const Caller&, Reply<StatFs>);
  void setxattr(const Caller&, InodeId, std::string name, std::string value, int flags, Reply<void>);
  void getxattr(const Caller&, InodeId, std::string name, Reply<std::string>);
  void listxattr(const Caller&, InodeId, Reply<std::vector<std::string>>);
  void removexattr(const Caller&, InodeId, std::string name, Reply<void>);

  struct Stats {
    std::uint64_t open_handles = 0;
    std::uint64_t waiting = 0;  // operations in the slow lane now
  };
  [[nodiscard]] Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cd
