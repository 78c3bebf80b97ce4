#include "cache/meta_tables.h"

#include <algorithm>
#include <vector>

#include "base/codec.h"

namespace cd {
namespace {

// Paths are at most so deep; a loop among parents (damage) ends here.
constexpr int kDepthMax = 20'000;

Error damaged(std::string_view what) { return {Code::corrupt, "the cache is damaged (" + std::string(what) + ")"}; }

}  // namespace

MetaTables MetaTables::of(const Lmdb& lmdb) {
  return {lmdb.table("entries"), lmdb.table("inodes"), lmdb.table("folders"), lmdb.table("content"),
          lmdb.table("notes"),   lmdb.table("labels")};
}

std::string big_endian(std::uint64_t v) {
  std::string out(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(v >> (56 - 8 * i));
  return out;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v = (v << 8) | static_cast<unsigned char>(bytes[i]);
  return v;
}

std::string inode_key(InodeId ino) { return big_endian(ino.value()); }

std::string entry_key(InodeId parent, std::string_view name) {
  std::string key = big_endian(parent.value());
  key.append(name);
  return key;
}

std::string subfolders_key(InodeId folder) { return "f:" + big_endian(folder.value()); }

std::string links_key(InodeId file) { return "l:" + big_endian(file.value()); }

std::string content_prefix(std::string_view etag, std::uint64_t size) {
  Encoder e;
  e.string(etag);
  e.u64(size);
  const Hash128 hash = xxh3_128(e.str());
  return big_endian(hash.high) + big_endian(hash.low);
}

std::string content_key(const MetaRecord& record) {
  if (!record.remote || record.remote->etag.empty() || record.whiteout || record.attr.type != NodeType::file) return "";
  return content_prefix(record.remote->etag, record.remote->size) + inode_key(record.ino);
}

std::string encode(const MetaPlace& place) { return entry_key(place.parent, place.name); }

std::string encode(const FolderState& state) {
  Encoder e;
  e.i64(state.listed_wall_ns);
  e.u8(state.complete ? 1 : 0);
  return std::move(e).str();
}

std::string encode(const MetaCounters& counters) {
  Encoder e;
  e.u64(counters.next_inode);
  e.u64(counters.sequence);
  e.u64(counters.entries);
  e.u64(counters.bytes);
  return std::move(e).str();
}

Result<MetaCounters> decode_counters(std::string_view bytes) {
  Decoder in(bytes);
  MetaCounters counters;
  counters.next_inode = in.u64();
  counters.sequence = in.u64();
  counters.entries = in.u64();
  counters.bytes = in.u64();
  if (!in.done()) return fail(damaged("its counters cannot be read"));
  return counters;
}

Result<std::optional<MetaRecord>> read_entry(const Lmdb::Txn& txn, const MetaTables& tables, InodeId parent,
                                             std::string_view name) {
  CD_TRY(const auto bytes, txn.get(tables.entries, entry_key(parent, name)));
  if (!bytes) return std::optional<MetaRecord>{};
  CD_TRY(MetaRecord record, decode_meta_record(*bytes));
  return std::optional<MetaRecord>(std::move(record));
}

Result<std::optional<MetaPlace>> read_place(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino) {
  CD_TRY(const auto bytes, txn.get(tables.inodes, inode_key(ino)));
  if (!bytes) return std::optional<MetaPlace>{};
  if (bytes->size() < 8) return fail(damaged("the place of an inode cannot be read"));
  return std::optional<MetaPlace>({InodeId(from_big_endian(*bytes)), std::string(bytes->substr(8))});
}

Result<std::optional<MetaEntry>> read_inode(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino) {
  CD_TRY(auto place, read_place(txn, tables, ino));
  if (!place) return std::optional<MetaEntry>{};
  CD_TRY(auto record, read_entry(txn, tables, place->parent, place->name));
  if (!record || record->ino != ino) return fail(damaged("an inode is not where it should be"));
  return std::optional<MetaEntry>({place->parent, std::move(place->name), std::move(*record)});
}

Result<std::uint64_t> read_subfolders(const Lmdb::Txn& txn, const MetaTables& tables, InodeId folder) {
  CD_TRY(const auto bytes, txn.get(tables.notes, subfolders_key(folder)));
  if (bytes && bytes->size() != 8) return fail(damaged("a number of folders cannot be read"));
  return bytes ? from_big_endian(*bytes) : 0;
}

std::string_view take_part(std::string_view& path) {
  const auto slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

Result<std::optional<MetaEntry>> read_path(const Lmdb::Txn& txn, const MetaTables& tables, std::string_view path,
                                           bool raw) {
  CD_TRY(auto entry, read_inode(txn, tables, kRootInode));
  while (!path.empty() && entry) {
    if (!entry->record.is_directory()) return std::optional<MetaEntry>{};
    const InodeId parent = entry->record.ino;
    const std::string_view name = take_part(path);
    CD_TRY(auto record, read_entry(txn, tables, parent, name));
    if (!record || (record->whiteout && !raw)) return std::optional<MetaEntry>{};
    entry = MetaEntry{parent, std::string(name), std::move(*record)};
  }
  return entry;
}

Result<std::string> read_path_of(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino) {
  std::vector<std::string> parts;
  std::size_t length = 0;
  for (int depth = 0; ino != kRootInode; ++depth) {
    if (depth > kDepthMax) return fail(damaged("folders form a loop"));
    CD_TRY(auto entry, read_inode(txn, tables, ino));
    if (!entry || entry->record.whiteout) return fail(Code::not_found, "the file is no longer in the tree");
    ino = entry->parent;
    length += entry->name.size() + 1;
    parts.push_back(std::move(entry->name));
  }
  std::string path;
  path.reserve(length);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.empty()) path += '/';
    path += *part;
  }
  return path;
}

Result<std::vector<InodeId>> read_links(const Lmdb::Txn& txn, const MetaTables& tables, InodeId file) {
  const std::string prefix = links_key(file);
  std::vector<InodeId> links;
  CD_TRY_VOID(txn.scan(tables.notes, prefix, [&](std::string_view key, std::string_view) {
    if (!key.starts_with(prefix) || key.size() != prefix.size() + 8) return false;
    links.emplace_back(from_big_endian(key.substr(prefix.size())));
    return true;
  }));
  return links;
}

Result<MetaRecord> follow_link(const Lmdb::Txn& txn, const MetaTables& tables, MetaRecord record) {
  if (!record.link_of) return record;
  CD_TRY(auto file, read_inode(txn, tables, record.link_of));
  if (file && !file->record.whiteout) return std::move(file->record);
  record.link_of = {};
  return record;
}

Result<FolderState> read_folder_state(const Lmdb::Txn& txn, const MetaTables& tables, InodeId folder) {
  CD_TRY(const auto bytes, txn.get(tables.folders, inode_key(folder)));
  FolderState state;
  if (!bytes) return state;
  Decoder in(*bytes);
  state.listed_wall_ns = in.i64();
  state.complete = in.u8() != 0;
  if (!in.done()) return fail(damaged("the state of a folder cannot be read"));
  return state;
}

Status scan_folder(const Lmdb::Txn& txn, const MetaTables& tables, InodeId parent, std::string_view after,
                   const MetaStore::Visit& visit) {
  const std::string prefix = inode_key(parent);
  std::string from = entry_key(parent, after);
  if (!after.empty()) from += '\0';
  Status bad;
  CD_TRY_VOID(txn.scan(tables.entries, from, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(prefix)) return false;
    auto record = decode_meta_record(value);
    if (!record) {
      bad = fail(record.error());
      return false;
    }
    return visit(key.substr(8), *record);
  }));
  return bad;
}

}  // namespace cd
