// FolderLister: pages of a file:// bucket, in key order, as an S3 store would give them.
// A folder's entries are ordered as keys are: a folder "a" counts as "a/", so that "a.txt" < "a/x" < "a0".
//
// A folder of many entries is read once for all the pages of a LIST, not once a page: its sorted names are kept, for one
// folder, and believed while its modification time says that nothing changed; a time of less than a second before the
// reading proves nothing (the clock of a file system has ticks), and such names are not kept.
// Thread-safe. The ObjectFolder outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "remote/object_folder.h"
#include "remote/object_store.h"

namespace cd {

// The sorted names of one folder, in little memory. A name that ends in '/' is a folder's.
class FolderNames {
 public:
  [[nodiscard]] static Result<FolderNames> read(int folder, std::string_view but);
  [[nodiscard]] std::size_t size() const { return starts_.size(); }
  [[nodiscard]] std::string_view operator[](std::size_t n) const;
  [[nodiscard]] std::size_t first_not_before(std::string_view name) const;

 private:
  std::string text_;  // name, NUL, name, NUL…
  std::vector<std::uint64_t> starts_;
};

class FolderLister {
 public:
  explicit FolderLister(const ObjectFolder& folder) : folder_(folder) {}
  [[nodiscard]] Result<ListReply> list(const ListRequest& request) const;

 private:
  class Walk;
  struct State {  // of a folder when it was read
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  using Names = std::shared_ptr<const FolderNames>;
  [[nodiscard]] Result<Names> names_of(int folder, bool is_root) const CD_EXCLUDES(mutex_);

  const ObjectFolder& folder_;
  mutable Mutex mutex_;
  mutable State kept_state_ CD_GUARDED_BY(mutex_);
  mutable Names kept_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
