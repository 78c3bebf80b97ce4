#include "batch/content_index.h"

namespace cd {

ItemRef ContentIndex::claim(const Hash128& content, ItemRef item) {
  MutexLock lock(mutex_);
  return owners_.try_emplace(content, item).first->second;
}

void ContentIndex::release(const Hash128& content, ItemRef item) {
  MutexLock lock(mutex_);
  const auto at = owners_.find(content);
  if (at != owners_.end() && at->second == item) owners_.erase(at);
}

void ContentIndex::release_batch(std::uint32_t batch) {
  MutexLock lock(mutex_);
  std::erase_if(owners_, [batch](const auto& owner) { return owner.second.batch == batch; });
}

bool is_stored(const MetaRecord& record) {
  return record.attr.type == NodeType::file && !record.local_only && !record.pending && !record.staged &&
         record.remote.has_value();
}

bool is_filed_as(const MetaRecord& record, const std::string& batch, std::uint32_t number) {
  const auto by = record.metadata.find("batch");
  const auto as = record.metadata.find("item");
  return by != record.metadata.end() && as != record.metadata.end() && by->second == batch &&
         as->second == std::to_string(number);
}

bool Library::holds(const std::string& path, const ItemResult& content) const {
  const auto entry = meta_.resolve(path);
  if (!entry || !*entry || !is_stored((*entry)->record)) return false;
  const MetaRecord& record = (*entry)->record;
  if (record.remote->size != content.bytes) return false;
  const std::string& etag = record.remote->etag;
  if (etag == content.etag_single || etag == content.etag_multipart || etag == content.content.hex()) return true;
  const auto label = record.metadata.find("xxh128");
  return label != record.metadata.end() && label->second == content.content.hex();
}

std::optional<std::string> Library::find(const ItemResult& content) const {
  for (const std::string& etag : {content.etag_single, content.etag_multipart, content.content.hex()}) {
    if (etag.empty()) continue;
    const auto path = meta_.find_content(etag, content.bytes);
    if (path && *path && holds(**path, content)) return **path;
  }
  return std::nullopt;
}

}  // namespace cd
