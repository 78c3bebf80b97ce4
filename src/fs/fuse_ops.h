// fuse_ops: requests of the kernel as calls of Filesystem, and its answers back. No policy lives here.
// Source: libfuse 3.14, include/fuse_lowlevel.h.
#pragma once

#include "fs/filesystem.h"
#include "fs/fuse_reply.h"

namespace cd {

struct FuseMount {  // what every request finds behind it
  Filesystem* fs = nullptr;
  Requests* requests = nullptr;
};

[[nodiscard]] const fuse_lowlevel_ops& fuse_ops();

// ---- values as the kernel wants them (fuse_values.cc)
[[nodiscard]] struct stat stat_of(const NodeAttributes& node);
[[nodiscard]] fuse_entry_param entry_of(const NodeAttributes& node);
[[nodiscard]] AttrRequest attr_request(const struct stat& st, int to_set, const fuse_file_info* info);
// Adds as many entries as fit into `size` bytes; `plus`: with attributes.
[[nodiscard]] std::string directory_page(fuse_req_t request, const std::vector<DirectoryEntry>& entries,
                                         std::size_t size, bool plus);

}  // namespace cd
