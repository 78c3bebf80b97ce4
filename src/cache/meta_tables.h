// MetaTables: how the tree lies in LMDB tables, and reads that snapshots and write transactions share.
//
//   entries   parent (8 bytes, big-endian), name      → MetaRecord
//   inodes    inode (8, big-endian)                   → parent (8, big-endian), name
//   folders   inode (8, big-endian)                   → FolderState
//   labels    label_index.h has its keys
//   content   xxh3-128 of ETag and size, inode (8)    → nothing; a hint that the reader verifies
//   notes     "state" → counters; "n:" name           → value; "f:" inode → how many folders are in it (8, big-endian);
//           "l:" inode, inode of one more name of it → nothing
// The root is the entry of parent 0 with no name. Free functions; no state of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/lmdb.h"
#include "cache/meta_store.h"

namespace cd {

struct MetaTables {
  Lmdb::Table entries = 0;
  Lmdb::Table inodes = 0;
  Lmdb::Table folders = 0;
  Lmdb::Table content = 0;
  Lmdb::Table notes = 0;
  Lmdb::Table labels = 0;

  static MetaTables of(const Lmdb& lmdb);
};

// Where an inode is.
struct MetaPlace {
  InodeId parent;
  std::string name;
  friend bool operator==(const MetaPlace&, const MetaPlace&) = default;
};

// Counters that change with the tree, in the same transaction.
struct MetaCounters {
  std::uint64_t next_inode = kRootInode.value() + 1;
  std::uint64_t sequence = 0;
  std::uint64_t entries = 0;  // without the root and whiteouts
  std::uint64_t bytes = 0;    // of files
  friend bool operator==(const MetaCounters&, const MetaCounters&) = default;
};

inline constexpr std::string_view kCountersKey = "state";

[[nodiscard]] std::string big_endian(std::uint64_t v);
[[nodiscard]] std::uint64_t from_big_endian(std::string_view bytes);  // of at least 8 bytes
[[nodiscard]] std::string inode_key(InodeId ino);
[[nodiscard]] std::string entry_key(InodeId parent, std::string_view name);
[[nodiscard]] std::string subfolders_key(InodeId folder);
[[nodiscard]] std::string links_key(InodeId file);  // before the other name's
[[nodiscard]] std::string content_prefix(std::string_view etag, std::uint64_t size);
// Under which a record is found by content; "" if it is not to be found.
[[nodiscard]] std::string content_key(const MetaRecord& record);

[[nodiscard]] std::string encode(const MetaPlace& place);
[[nodiscard]] std::string encode(const FolderState& state);
[[nodiscard]] std::string encode(const MetaCounters& counters);
[[nodiscard]] Result<MetaCounters> decode_counters(std::string_view bytes);

[[nodiscard]] Result<std::optional<MetaRecord>> read_entry(const Lmdb::Txn& txn, const MetaTables& tables,
                                                           InodeId parent, std::string_view name);
[[nodiscard]] Result<std::optional<MetaPlace>> read_place(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino);
[[nodiscard]] Result<std::optional<MetaEntry>> read_inode(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino);
// Whiteouts on the way and at the end are found only if `raw`.
[[nodiscard]] Result<std::optional<MetaEntry>> read_path(const Lmdb::Txn& txn, const MetaTables& tables,
                                                         std::string_view path, bool raw);
// Code::not_found if the inode, or a folder above it, is gone or a whiteout.
[[nodiscard]] Result<std::string> read_path_of(const Lmdb::Txn& txn, const MetaTables& tables, InodeId ino);
[[nodiscard]] Result<std::uint64_t> read_subfolders(const Lmdb::Txn& txn, const MetaTables& tables, InodeId folder);
// The inodes of the other names of a file.
[[nodiscard]] Result<std::vector<InodeId>> read_links(const Lmdb::Txn& txn, const MetaTables& tables, InodeId file);
// What a name stands for: of a hard link the file itself, if that is in the tree.
[[nodiscard]] Result<MetaRecord> follow_link(const Lmdb::Txn& txn, const MetaTables& tables, MetaRecord record);
[[nodiscard]] Result<FolderState> read_folder_state(const Lmdb::Txn& txn, const MetaTables& tables, InodeId folder);
// Raw entries of a folder after `after`, in byte order, until `visit` returns false.
[[nodiscard]] Status scan_folder(const Lmdb::Txn& txn, const MetaTables& tables, InodeId parent,
                                 std::string_view after, const MetaStore::Visit& visit);

// The first part of a path, which is taken off the front.
[[nodiscard]] std::string_view take_part(std::string_view& path);

}  // namespace cd
