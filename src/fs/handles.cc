#include "fs/handles.h"

#include <mutex>

namespace cd {

HandleId Handles::add(std::shared_ptr<FileHandle> file) {
  const std::unique_lock lock(mutex_);
  const HandleId id(next_++);
  files_.emplace(id, std::move(file));
  return id;
}

HandleId Handles::add(std::shared_ptr<DirHandle> folder) {
  const std::unique_lock lock(mutex_);
  const HandleId id(next_++);
  folders_.emplace(id, std::move(folder));
  return id;
}

std::shared_ptr<FileHandle> Handles::file(HandleId id) const {
  const std::shared_lock lock(mutex_);
  const auto found = files_.find(id);
  return found == files_.end() ? nullptr : found->second;
}

std::shared_ptr<DirHandle> Handles::folder(HandleId id) const {
  const std::shared_lock lock(mutex_);
  const auto found = folders_.find(id);
  return found == folders_.end() ? nullptr : found->second;
}

std::shared_ptr<FileHandle> Handles::remove_file(HandleId id) {
  const std::unique_lock lock(mutex_);
  const auto found = files_.find(id);
  if (found == files_.end()) return nullptr;
  auto file = std::move(found->second);
  files_.erase(found);
  return file;
}

void Handles::remove_folder(HandleId id) {
  const std::unique_lock lock(mutex_);
  folders_.erase(id);
}

std::vector<HandleId> Handles::files() const {
  const std::shared_lock lock(mutex_);
  std::vector<HandleId> ids;
  ids.reserve(files_.size());
  for (const auto& [id, file] : files_) ids.push_back(id);
  return ids;
}

std::size_t Handles::count() const {
  const std::shared_lock lock(mutex_);
  return files_.size() + folders_.size();
}

}  // namespace cd
