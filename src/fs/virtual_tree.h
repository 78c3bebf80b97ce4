// VirtualTree: gives the paths of a VirtualSource inode numbers, and says which names of the drive are virtual.
// Numbers have the top bit set and are made from the path, so a path has the same number for as long as the
// drive is mounted; the table from number to path is bounded, what was not used for longest falls out, and comes
// back at the next lookup. Thread-safe; the VirtualSource outlives it.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "fs/filesystem.h"

namespace cd {

class VirtualTree {
 public:
  VirtualTree(VirtualSource& source, const FilesystemOptions& options, InodeId inbox);

  [[nodiscard]] static bool is_virtual(InodeId ino) { return (ino.value() >> 63) != 0; }
  // True for names that belong to the drive: `.cratedrive` at the root, STATUS.txt in the inbox.
  [[nodiscard]] bool reserves(InodeId parent, std::string_view name) const;
  // The virtual entries that show up in a folder of the real tree.
  [[nodiscard]] std::vector<VirtualNode> entries_in(InodeId folder);

  // `parent` virtual, or the name reserved. Errors: not_found.
  [[nodiscard]] Result<NodeAttributes> lookup(InodeId parent, std::string_view name);
  [[nodiscard]] Result<NodeAttributes> attributes(InodeId ino);
  [[nodiscard]] Result<VirtualNode> node(InodeId ino);
  [[nodiscard]] Result<std::string> path_of(InodeId ino) const;  // stale: fell out of the table
  [[nodiscard]] NodeAttributes attributes_of(InodeId ino, const VirtualNode& node) const;

 private:
  InodeId number(const std::string& path);
  Result<VirtualNode> find(const std::string& path);

  VirtualSource& source_;
  const FilesystemOptions& options_;
  const InodeId inbox_;
  const std::string status_path_;  // "inbox/STATUS.txt"

  struct Known {
    InodeId ino;
    std::string path;
  };
  using Order = std::list<Known>;  // the least used first

  mutable Mutex mutex_;
  mutable Order order_ CD_GUARDED_BY(mutex_);
  std::unordered_map<InodeId, Order::iterator> known_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
