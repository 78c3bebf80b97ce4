// check_cache: reads every cached block of a cache folder that no daemon uses and compares it with its checksum, and the
// index with the files. Nothing is changed unless `repair`: then bad blocks and strays go (they are fetched again), and
// the index is built anew from its entries. A cache that the next mount would throw away is not looked into.
#pragma once

#include <memory>

#include "base/disk.h"
#include "base/finding.h"
#include "cache/meta_store.h"

namespace cd {

struct CheckedCache {
  Checked checked;
  std::unique_ptr<MetaStore> meta;  // none: there is no cache, or none that may be trusted. Close it with close_clean()
};

[[nodiscard]] Result<CheckedCache> check_cache(Disk& disk, const std::string& directory, bool repair);

}  // namespace cd
