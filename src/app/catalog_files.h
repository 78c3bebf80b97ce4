// CatalogFiles: catalog.json, .csv and .m3u8 as files that may be as large as the library: each is written row by row
// into a file of the cache folder that has no name any more, and read from there, so that memory stays the same
// whatever the number of samples. Who opens one gets the moment of the opening; a rendering is kept while the tree
// does not change. stat shows the size of the last one where a new one would take long.
// Thread-safe; never waits for the network. What it is given outlives it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/mutex.h"
#include "batch/catalog.h"
#include "cache/meta_store.h"
#include "fs/virtual_source.h"

namespace cd {

class CatalogFiles {
 public:
  CatalogFiles(const MetaStore& meta, Disk& disk, const Clock& clock, std::string folder, UrlOf url_of)
      : meta_(meta), disk_(disk), clock_(clock), folder_(std::move(folder)), url_of_(std::move(url_of)) {}

  [[nodiscard]] static bool owns(std::string_view name);
  [[nodiscard]] static std::vector<std::string> names();
  [[nodiscard]] Result<VirtualNode> find(std::string_view name);
  [[nodiscard]] Result<std::shared_ptr<DiskFile>> open(std::string_view name);

 private:
  struct Rendered {
    std::shared_ptr<DiskFile> file;
    std::uint64_t size = 0;
    std::uint64_t sequence = 0;   // of the tree
    std::int64_t wall_ns = 0;
    std::int64_t took_ns = 0;
  };
  [[nodiscard]] Rendered last(std::string_view name);
  [[nodiscard]] Result<Rendered> current(std::string_view name);
  [[nodiscard]] Result<Rendered> render(const std::string& name) CD_REQUIRES(rendering_);

  const MetaStore& meta_;
  Disk& disk_;
  const Clock& clock_;
  const std::string folder_;
  const UrlOf url_of_;
  Mutex rendering_;  // one at a time; taken before mutex_
  Mutex mutex_;
  std::map<std::string, Rendered, std::less<>> rendered_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
