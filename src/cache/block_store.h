// BlockStore: the files that blocks lie in, one each: <directory>/ab/<cache id>-<block number>, where ab are the
// first two digits of the id. No headers: length and checksums are in the BlockIndex, which is written after
// the file. Thread-safe. Needs the Disk to outlive it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "cache/block_index.h"

namespace cd {

class BlockStore {
 public:
  BlockStore(std::string directory, Disk& disk) : directory_(std::move(directory)), disk_(disk) {}

  // Errors as of Disk; after one nothing is left behind.
  [[nodiscard]] Status write(const BlockKey& key, std::string_view bytes);
  [[nodiscard]] Result<std::unique_ptr<DiskFile>> open(const BlockKey& key);
  void remove(const BlockKey& key);  // best effort
  // False: with so many more bytes the disk would be as good as full. Some room is left for the tree beside us.
  [[nodiscard]] bool has_room(std::uint64_t bytes) const;
  // Removes every file that is no block, or that `wanted` refuses.
  void sweep(const std::function<bool(const BlockKey&)>& wanted);
  // Every file there is; no key: it is no block.
  void each(const std::function<void(const std::optional<BlockKey>& key, const std::string& path)>& visit) const;
  [[nodiscard]] std::string path_of(const BlockKey& key) const;

 private:
  [[nodiscard]] std::string folder_of(const BlockKey& key) const;
  static std::optional<BlockKey> key_of(std::string_view name);
  Result<std::unique_ptr<DiskFile>> create(const BlockKey& key);

  const std::string directory_;
  Disk& disk_;
};

}  // namespace cd
