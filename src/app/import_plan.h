// plan_import: what an import of a folder would do, file by file, without doing it: nothing is written to the bucket
// or to this drive's folders. The bucket is listed whole into a tree of its own; local files are hashed, and analysed
// where the destination depends on labels. The same rules as the inbox: junk, twins by content, placement, what is
// done when another file is there. Blocking.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/config.h"
#include "remote/object_store.h"
#include "remote/store_health.h"

namespace cd {

struct PlannedFile {
  enum class What : std::uint8_t { store, skip, leave_out, unreadable };
  What what = What::store;
  std::string path;         // below the folder
  std::string destination;  // store: where; skip: the twin
  std::string why;
  std::uint64_t bytes = 0;
};
[[nodiscard]] std::string_view name_of(PlannedFile::What what);

[[nodiscard]] Status plan_import(const std::string& directory, const Config& config, ObjectStore& store,
                                 StoreHealth& health, const std::function<void(const PlannedFile&)>& visit);

}  // namespace cd
