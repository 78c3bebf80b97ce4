// What is known by content. ContentIndex: which item of an open batch stands for a content, so that of many equal
// files only one is stored. Library: where the library has a content already.
// Both thread-safe: the threads of the pool ask before they listen to what is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "batch/item.h"
#include "cache/meta_store.h"

namespace cd {

struct ItemRef {
  std::uint32_t batch = 0;   // serial number of the batch in this process
  std::uint32_t number = 0;
  friend bool operator==(const ItemRef&, const ItemRef&) = default;
};

class ContentIndex {
 public:
  // Who stands for this content: `item` itself if nobody did.
  ItemRef claim(const Hash128& content, ItemRef item);
  void release(const Hash128& content, ItemRef item);  // nothing if another stands for it
  void release_batch(std::uint32_t batch);

 private:
  Mutex mutex_;
  std::unordered_map<Hash128, ItemRef> owners_ CD_GUARDED_BY(mutex_);
};

class Library {
 public:
  explicit Library(const MetaStore& meta) : meta_(meta) {}
  // Path of a stored file with this content. Asked by the ETags that stores give (MD5, of one PUT or of
  // parts) and by the ETag of stores that use our xxh128.
  [[nodiscard]] std::optional<std::string> find(const ItemResult& content) const;
  // Is what is stored under this path this content?
  [[nodiscard]] bool holds(const std::string& path, const ItemResult& content) const;

 private:
  const MetaStore& meta_;
};

// Is the file of this record in the bucket, whole, and nothing of it still on the way?
[[nodiscard]] bool is_stored(const MetaRecord& record);
// Did this batch file it away as this item?
[[nodiscard]] bool is_filed_as(const MetaRecord& record, const std::string& batch, std::uint32_t number);

}  // namespace cd
