// Handles: what open(2) and opendir(2) gave out, by number.
// FileHandle: one open file. DirHandle: one walk through a folder, with the few names that its last pages ended on,
// so that the kernel can go on behind any of them.
// Thread-safe; the two structs say what of them is.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "cache/block_cache.h"
#include "fs/content.h"
#include "fs/filesystem.h"

namespace cd {

struct VirtualFile {  // a handle of a virtual file
  std::string path;
  bool growing = false;
  bool writable = false;
  SharedBytes snapshot;               // unless it grows or is spooled
  std::shared_ptr<DiskFile> spooled;
};

struct FileHandle {
  // Constant after open.
  InodeId ino;
  std::shared_ptr<Content> content;  // null: virtual
  std::optional<VirtualFile> virtual_file;
  bool reads = false;
  bool writes = false;
  bool append = false;
  bool vague = false;                // only LIST had told of it: what is still not known at its end is asked for

  Mutex mutex;
  ReadStream stream CD_GUARDED_BY(mutex);
  bool writing CD_GUARDED_BY(mutex) = false;  // counted in Content as a writer
  bool paired CD_GUARDED_BY(mutex) = false;   // and in Namespace
};

struct DirHandle {
  InodeId ino;               // constant
  std::string virtual_path;  // constant; of a virtual folder

  Mutex mutex;
  // Names behind which a page may begin, with the offset that stands for "behind this name".
  std::deque<std::pair<std::uint64_t, std::string>> window CD_GUARDED_BY(mutex);
  // Virtual entries: those in a folder of the tree, as they were at the start; of a virtual folder a page of them.
  std::vector<VirtualNode> extra CD_GUARDED_BY(mutex);
  std::uint64_t extra_first CD_GUARDED_BY(mutex) = 0;  // which entry the page begins with
  bool extra_last CD_GUARDED_BY(mutex) = true;         // nothing follows it
};

class Handles {
 public:
  [[nodiscard]] HandleId add(std::shared_ptr<FileHandle> file);
  [[nodiscard]] HandleId add(std::shared_ptr<DirHandle> folder);
  [[nodiscard]] std::shared_ptr<FileHandle> file(HandleId id) const;  // null: no such handle
  [[nodiscard]] std::shared_ptr<DirHandle> folder(HandleId id) const;
  std::shared_ptr<FileHandle> remove_file(HandleId id);
  void remove_folder(HandleId id);
  [[nodiscard]] std::vector<HandleId> files() const;
  [[nodiscard]] std::size_t count() const;

 private:
  mutable std::shared_mutex mutex_;  // guards all below
  std::uint64_t next_ = 1;
  std::unordered_map<HandleId, std::shared_ptr<FileHandle>> files_;
  std::unordered_map<HandleId, std::shared_ptr<DirHandle>> folders_;
};

}  // namespace cd
