// check_library: what this machine knows of the bucket, against a LIST of it; with `read` also every object's bytes
// against its ETag (an MD5, where it is one) or its xxh128 label. Blocking. Never writes to the bucket: what differs is
// said, and with `repair` asked for anew at the next mount.
#pragma once

#include "base/finding.h"
#include "cache/meta_store.h"
#include "remote/object_store.h"

namespace cd {

struct LibraryCheckOptions {
  bool read = false;
  bool repair = false;
  Millis deadline{60'000};  // of one request
};

// `meta` may be null: nothing is known here.
[[nodiscard]] Result<Checked> check_library(ObjectStore& store, MetaStore* meta, const LibraryCheckOptions& options);

}  // namespace cd
