#include "cache/block_store.h"

#include <algorithm>
#include <charconv>

namespace cd {
namespace {

constexpr std::uint64_t kLeftFree = 128u << 20;

}  // namespace

std::string BlockStore::folder_of(const BlockKey& key) const { return directory_ + "/" + key.id.hex().substr(0, 2); }

std::string BlockStore::path_of(const BlockKey& key) const {
  return folder_of(key) + "/" + key.id.hex() + "-" + std::to_string(key.number);
}

std::optional<BlockKey> BlockStore::key_of(std::string_view name) {
  const auto dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  BlockKey key;
  key.id = hash128_from_hex(name.substr(0, dash));
  const std::string_view digits = name.substr(dash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), key.number);
  if (key.id.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return key;
}

Result<std::unique_ptr<DiskFile>> BlockStore::create(const BlockKey& key) {
  auto file = disk_.open(path_of(key), OpenMode::create);
  if (file || file.error().code != Code::not_found) return file;
  CD_TRY_VOID(disk_.make_dirs(folder_of(key)));  // the first of its folder, or somebody removed it
  return disk_.open(path_of(key), OpenMode::create);
}

Status BlockStore::write(const BlockKey& key, std::string_view bytes) {
  CD_TRY(auto file, create(key));
  Status status = file->truncate(0);
  if (status) status = file->write(0, bytes);
  file.reset();
  if (!status) remove(key);
  return status;
}

bool BlockStore::has_room(std::uint64_t bytes) const {
  const auto space = disk_.space(directory_);
  if (!space || space->total_bytes == 0) return true;  // a write will tell
  return space->free_bytes >= bytes + std::min(kLeftFree, space->total_bytes / 4);
}

Result<std::unique_ptr<DiskFile>> BlockStore::open(const BlockKey& key) {
  return disk_.open(path_of(key), OpenMode::read);
}

void BlockStore::remove(const BlockKey& key) { static_cast<void>(disk_.remove(path_of(key))); }

void BlockStore::each(const std::function<void(const std::optional<BlockKey>&, const std::string&)>& visit) const {
  const auto folders = disk_.list(directory_);
  if (!folders) return;
  for (const std::string& folder : *folders) {
    const auto names = disk_.list(directory_ + "/" + folder);
    if (!names) continue;
    for (const std::string& name : *names) visit(key_of(name), directory_ + "/" + folder + "/" + name);
  }
}

void BlockStore::sweep(const std::function<bool(const BlockKey&)>& wanted) {
  each([&](const std::optional<BlockKey>& key, const std::string& path) {
    if (!key || !wanted(*key)) static_cast<void>(disk_.remove(path));
  });
}

}  // namespace cd
