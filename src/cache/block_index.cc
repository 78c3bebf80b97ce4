#include "cache/block_index.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/codec.h"
#include "cache/meta_tables.h"

namespace cd {
namespace {

constexpr std::string_view kTotalsKey = "blocks";
constexpr std::size_t kKeyBytes = 24;

std::string encode(const BlockEntry& entry) {
  Encoder e;
  e.u64(entry.stamp);
  e.u32(entry.length);
  e.u8(entry.small ? 1 : 0);
  for (const std::uint64_t sum : entry.sums) e.u64(sum);
  return std::move(e).str();
}

Result<BlockEntry> decode_entry(std::string_view bytes) {
  Decoder in(bytes);
  BlockEntry entry;
  entry.stamp = in.u64();
  entry.length = in.u32();
  entry.small = in.u8() != 0;
  while (in.ok() && in.remaining() > 0) entry.sums.push_back(in.u64());
  if (!in.done() || entry.sums.size() != (entry.length + kChunkBytes - 1) / kChunkBytes)
    return fail(Code::corrupt, "an entry of the block index cannot be read");
  return entry;
}

}  // namespace

std::string BlockKey::bytes() const { return big_endian(id.high) + big_endian(id.low) + big_endian(number); }

std::optional<BlockKey> BlockKey::parse(std::string_view bytes) {
  if (bytes.size() != kKeyBytes) return std::nullopt;
  return BlockKey{{from_big_endian(bytes), from_big_endian(bytes.substr(8))}, from_big_endian(bytes.substr(16))};
}

BlockEntry BlockEntry::of(std::string_view bytes, bool small) {
  BlockEntry entry;
  entry.length = static_cast<std::uint32_t>(bytes.size());
  entry.small = small;
  for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes)
    entry.sums.push_back(xxh3_64(bytes.substr(at, kChunkBytes)));
  return entry;
}

bool BlockEntry::holds(std::size_t index, std::string_view chunk) const {
  return index < sums.size() && sums[index] == xxh3_64(chunk);
}

BlockIndex::BlockIndex(Lmdb& lmdb)
    : lmdb_(lmdb),
      blocks_(lmdb.table("blocks")),
      use_(lmdb.table("block_use")),
      small_(lmdb.table("small")),
      notes_(lmdb.table("notes")) {
  const auto txn = lmdb_.read();
  if (!txn) return;
  if (const auto totals = read_totals(*txn)) bytes_ = totals->bytes;
}

// ---- reading

Result<bool> BlockIndex::find(const BlockKey& key, const Look& look) const {
  const std::string k = key.bytes();
  CD_TRY(const Lmdb::Snapshot txn, lmdb_.read());
  CD_TRY(const auto value, txn.get(blocks_, k));
  if (!value) return false;
  CD_TRY(const BlockEntry entry, decode_entry(*value));
  std::string_view bytes;
  if (entry.small) {
    CD_TRY(const auto small, txn.get(small_, k));
    if (small) bytes = *small;
  }
  look(entry, bytes);
  return true;
}

Result<bool> BlockIndex::has(const BlockKey& key, std::uint32_t length) const {
  bool same = false;
  CD_TRY_VOID(find(key, [&](const BlockEntry& entry, std::string_view) { same = entry.length == length; }));
  return same;
}

Result<std::vector<BlockKey>> BlockIndex::oldest(std::size_t count) const {
  std::vector<BlockKey> keys;
  CD_TRY(const Lmdb::Snapshot txn, lmdb_.read());
  CD_TRY_VOID(txn.scan(use_, "", [&](std::string_view key, std::string_view) {
    if (keys.size() >= count) return false;
    if (key.size() == 8 + kKeyBytes) keys.push_back(*BlockKey::parse(key.substr(8)));
    return true;
  }));
  return keys;
}

Result<std::vector<BlockKey>> BlockIndex::of_version(const Hash128& id) const {
  std::vector<BlockKey> keys;
  const std::string prefix = big_endian(id.high) + big_endian(id.low);
  CD_TRY(const Lmdb::Snapshot txn, lmdb_.read());
  CD_TRY_VOID(txn.scan(blocks_, prefix, [&](std::string_view key, std::string_view) {
    if (!key.starts_with(prefix)) return false;
    if (const auto parsed = BlockKey::parse(key)) keys.push_back(*parsed);
    return true;
  }));
  return keys;
}

std::uint64_t BlockIndex::bytes_of_version(const Hash128& id) const {
  std::uint64_t bytes = 0;
  const std::string prefix = big_endian(id.high) + big_endian(id.low);
  const auto txn = lmdb_.read();
  if (!txn) return 0;
  static_cast<void>(txn->scan(blocks_, prefix, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(prefix)) return false;
    if (const auto entry = decode_entry(value)) bytes += entry->length;
    return true;
  }));
  return bytes;
}

Result<std::vector<BlockKey>> BlockIndex::all() const {
  std::vector<BlockKey> keys;
  CD_TRY(const Lmdb::Snapshot txn, lmdb_.read());
  CD_TRY_VOID(txn.scan(blocks_, "", [&](std::string_view key, std::string_view) {
    if (const auto parsed = BlockKey::parse(key)) keys.push_back(*parsed);
    return true;
  }));
  return keys;
}

Result<std::uint64_t> BlockIndex::rebuild(bool dry) {
  std::set<std::string> uses;  // as they should be
  std::set<std::string> there;
  Totals right;
  Totals said;
  {
    CD_TRY(const Lmdb::Snapshot txn, lmdb_.read());
    CD_TRY(said, read_totals(txn));
    CD_TRY_VOID(txn.scan(blocks_, "", [&](std::string_view key, std::string_view value) {
      const auto entry = decode_entry(value);
      if (!entry) return true;
      right.bytes += entry->length;
      right.stamp = std::max(right.stamp, entry->stamp);
      uses.insert(big_endian(entry->stamp) + std::string(key));
      return true;
    }));
    CD_TRY_VOID(txn.scan(use_, "", [&](std::string_view key, std::string_view) {
      there.emplace(key);
      return true;
    }));
  }
  right.stamp = std::max(right.stamp, said.stamp);
  std::vector<std::string> missing;
  std::vector<std::string> strange;
  std::set_difference(uses.begin(), uses.end(), there.begin(), there.end(), std::back_inserter(missing));
  std::set_difference(there.begin(), there.end(), uses.begin(), uses.end(), std::back_inserter(strange));
  const std::uint64_t wrong = missing.size() + strange.size() + (right.bytes == said.bytes ? 0 : 1);
  if (dry || wrong == 0) return wrong;
  const Status rebuilt = change([&](Lmdb::WriteTxn& txn, Totals& totals) -> Status {
    totals = right;
    for (const std::string& key : strange) CD_TRY_VOID(txn.erase(use_, key));
    for (const std::string& key : missing) CD_TRY_VOID(txn.put(use_, key, ""));
    return {};
  });
  if (!rebuilt) return fail(rebuilt.error());
  return wrong;
}

Result<BlockIndex::Totals> BlockIndex::read_totals(const Lmdb::Txn& txn) const {
  Totals totals;
  CD_TRY(const auto value, txn.get(notes_, kTotalsKey));
  if (!value) return totals;
  Decoder in(*value);
  totals.bytes = in.u64();
  totals.stamp = in.u64();
  if (!in.done()) return fail(Code::corrupt, "the totals of the block index cannot be read");
  return totals;
}

// ---- writing

Status BlockIndex::write_totals(Lmdb::WriteTxn& txn, const Totals& totals) {
  Encoder e;
  e.u64(totals.bytes);
  e.u64(totals.stamp);
  return txn.put(notes_, kTotalsKey, e.str());
}

Status BlockIndex::change(const std::function<Status(Lmdb::WriteTxn&, Totals&)>& what) {
  return lmdb_.write([&](Lmdb::WriteTxn& txn) -> Status {
    CD_TRY(Totals totals, read_totals(txn));
    CD_TRY_VOID(what(txn, totals));
    bytes_ = totals.bytes;
    return write_totals(txn, totals);
  });
}

Result<std::optional<BlockEntry>> BlockIndex::take_out(Lmdb::WriteTxn& txn, const std::string& key, Totals& totals) {
  CD_TRY(const auto value, txn.get(blocks_, key));
  if (!value) return std::optional<BlockEntry>{};
  CD_TRY(BlockEntry entry, decode_entry(*value));
  totals.bytes -= std::min<std::uint64_t>(totals.bytes, entry.length);
  CD_TRY_VOID(txn.erase(use_, big_endian(entry.stamp) + key));
  CD_TRY_VOID(txn.erase(small_, key));
  CD_TRY_VOID(txn.erase(blocks_, key));
  return std::optional<BlockEntry>(std::move(entry));
}

Status BlockIndex::put(const BlockKey& key, BlockEntry entry, std::string_view small_bytes) {
  const std::string k = key.bytes();
  return change([&](Lmdb::WriteTxn& txn, Totals& totals) -> Status {
    CD_TRY_VOID(take_out(txn, k, totals));
    entry.stamp = ++totals.stamp;
    totals.bytes += entry.length;
    CD_TRY_VOID(txn.put(use_, big_endian(entry.stamp) + k, ""));
    if (entry.small) CD_TRY_VOID(txn.put(small_, k, small_bytes));
    return txn.put(blocks_, k, encode(entry));
  });
}

Result<std::vector<BlockIndex::Removed>> BlockIndex::erase(const std::vector<BlockKey>& keys) {
  std::vector<Removed> removed;
  CD_TRY_VOID(change([&](Lmdb::WriteTxn& txn, Totals& totals) -> Status {
    removed.clear();
    for (const BlockKey& key : keys) {
      CD_TRY(const auto entry, take_out(txn, key.bytes(), totals));
      if (entry) removed.push_back({key, entry->small});
    }
    return {};
  }));
  return removed;
}

Status BlockIndex::touch(const std::vector<BlockKey>& keys) {
  return change([&](Lmdb::WriteTxn& txn, Totals& totals) -> Status {
    for (const BlockKey& key : keys) {
      const std::string k = key.bytes();
      CD_TRY(const auto value, txn.get(blocks_, k));
      if (!value) continue;
      CD_TRY(BlockEntry entry, decode_entry(*value));
      CD_TRY_VOID(txn.erase(use_, big_endian(entry.stamp) + k));
      entry.stamp = ++totals.stamp;
      CD_TRY_VOID(txn.put(use_, big_endian(entry.stamp) + k, ""));
      CD_TRY_VOID(txn.put(blocks_, k, encode(entry)));
    }
    return {};
  });
}

}  // namespace cd
