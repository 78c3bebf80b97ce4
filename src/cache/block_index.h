// BlockIndex: which blocks lie on this disk, in the tables of MetaStore's LMDB.
//
//   blocks      cache id (16, big-endian), block number (8)   → stamp, length, small?, checksums of 64 KiB chunks
//   small       the same                                      → bytes, for objects so small that no file is worth it
//   block_use   stamp (8, big-endian), cache id, number       → length; oldest first: what eviction takes next
//   notes       "blocks"                                      → bytes in all, last stamp
// An entry is written after its bytes and verified at every read, so a crash in between costs a fetch.
// Thread-safe. Needs the Lmdb to outlive it.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "cache/lmdb.h"

namespace cd {

struct BlockKey {
  Hash128 id;                // of a version's bytes
  std::uint64_t number = 0;  // of the block in it

  [[nodiscard]] std::string bytes() const;
  static std::optional<BlockKey> parse(std::string_view bytes);
  friend auto operator<=>(const BlockKey&, const BlockKey&) = default;
};

inline constexpr std::size_t kChunkBytes = 64u << 10;

struct BlockEntry {
  std::uint64_t stamp = 0;
  std::uint32_t length = 0;
  bool small = false;
  std::vector<std::uint64_t> sums;  // xxh3-64 of each chunk

  static BlockEntry of(std::string_view bytes, bool small);
  // Are these the bytes of chunk `index`?
  [[nodiscard]] bool holds(std::size_t index, std::string_view chunk) const;
};

class BlockIndex {
 public:
  explicit BlockIndex(Lmdb& lmdb);

  // `look` gets the entry and, of a small block, its bytes; both live only during the call.
  using Look = std::function<void(const BlockEntry& entry, std::string_view small_bytes)>;
  [[nodiscard]] Result<bool> find(const BlockKey& key, const Look& look) const;
  [[nodiscard]] Result<bool> has(const BlockKey& key, std::uint32_t length) const;
  [[nodiscard]] Status put(const BlockKey& key, BlockEntry entry, std::string_view small_bytes);
  struct Removed {
    BlockKey key;
    bool small = false;
  };
  [[nodiscard]] Result<std::vector<Removed>> erase(const std::vector<BlockKey>& keys);
  // These were used just now.
  [[nodiscard]] Status touch(const std::vector<BlockKey>& keys);
  [[nodiscard]] Result<std::vector<BlockKey>> oldest(std::size_t count) const;
  [[nodiscard]] Result<std::vector<BlockKey>> of_version(const Hash128& id) const;
  [[nodiscard]] Result<std::vector<BlockKey>> all() const;
  // Ages and totals anew from the blocks' entries; how many were wrong. `dry`: only counts.
  [[nodiscard]] Result<std::uint64_t> rebuild(bool dry);
  [[nodiscard]] std::uint64_t bytes_of_version(const Hash128& id) const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(); }

 private:
  struct Totals {
    std::uint64_t bytes = 0;
    std::uint64_t stamp = 0;
  };
  Result<Totals> read_totals(const Lmdb::Txn& txn) const;
  Status write_totals(Lmdb::WriteTxn& txn, const Totals& totals);
  Result<std::optional<BlockEntry>> take_out(Lmdb::WriteTxn& txn, const std::string& key, Totals& totals);
  // Runs a change that sees and alters the totals.
  Status change(const std::function<Status(Lmdb::WriteTxn&, Totals&)>& what);

  Lmdb& lmdb_;
  const Lmdb::Table blocks_;
  const Lmdb::Table use_;
  const Lmdb::Table small_;
  const Lmdb::Table notes_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace cd
