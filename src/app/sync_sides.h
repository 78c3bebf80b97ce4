// The two sides of a sync: a folder of this machine, and a bucket. Paths are relative and the same on both; what is no
// regular file, and keys that cannot be paths below the folder, are left out. Blocking; each may be used by several
// threads at a time. What they are given outlives them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/pacer.h"
#include "base/result.h"
#include "remote/object_store.h"

namespace cd {

struct LocalEntry {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const LocalEntry&, const LocalEntry&) = default;
};

struct SyncSizes {
  std::uint64_t multipart = 16u << 20;  // files of this size and above go up in parts
  std::uint64_t part = 8u << 20;
};

class LocalSide {
 public:
  explicit LocalSide(std::string directory) : directory_(std::move(directory)) {}
  [[nodiscard]] Result<std::map<std::string, LocalEntry>> list(std::uint64_t& left_out);
  void sweep();  // removes what list() found of downloads that were killed
  [[nodiscard]] std::string full(const std::string& path) const { return directory_ + "/" + path; }
  [[nodiscard]] Result<LocalEntry> look(const std::string& path) const;  // not_found
  // The ETags that its bytes would get.
  [[nodiscard]] Result<std::vector<std::string>> etags(const std::string& path, const SyncSizes& sizes) const;
  [[nodiscard]] Status rename(const std::string& path, const std::string& to) const;  // exists
  // Only if it is still as `seen`: else busy.
  [[nodiscard]] Status remove(const std::string& path, const LocalEntry& seen) const;

 private:
  const std::string directory_;
  std::vector<std::string> stale_;
};

class BucketSide {
 public:
  BucketSide(ObjectStore& store, Pacer& pacer, SyncSizes sizes, std::vector<std::string> reserved)
      : store_(store), pacer_(pacer), sizes_(sizes), reserved_(std::move(reserved)) {}

  [[nodiscard]] Result<std::map<std::string, ObjectInfo>> list(std::uint64_t& left_out) const;
  // `over`: the ETag that it replaces, "" = nothing may be there. The new ETag. busy: the file changed meanwhile.
  [[nodiscard]] Result<std::string> upload(const LocalSide& from, const std::string& path, const std::string& over) const;
  // Whole or not at all, with the time that its metadata names. `expected`: what is replaced there, null: nothing.
  [[nodiscard]] Status download(const ObjectInfo& object, const LocalSide& to, const LocalEntry* expected) const;
  // Inside the store: under another name, where nothing is yet.
  [[nodiscard]] Status copy(const ObjectInfo& object, const std::string& to) const;
  [[nodiscard]] Status remove(const ObjectInfo& object) const;

 private:
  [[nodiscard]] Result<std::string> upload_parts(int fd, std::uint64_t size, PutRequest head) const;
  ObjectStore& store_;
  Pacer& pacer_;
  const SyncSizes sizes_;
  const std::vector<std::string> reserved_;
};

// Can this key be a path below a folder, and not one of the drive's own?
[[nodiscard]] bool is_plain_path(const std::string& key, const std::vector<std::string>& reserved);

}  // namespace cd
