// What the drive knows of one name in the tree. Values; the encoding on disk is in meta_record.cc and
// docs/ON_DISK_FORMAT.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "remote/object_store.h"

namespace cd {

// The numbers are on disk.
enum class NodeType : std::uint8_t { file, directory, symlink, fifo, socket, char_device, block_device };

// Neither bytes nor entries: fifos, sockets, devices.
[[nodiscard]] constexpr bool is_special(NodeType type) { return type > NodeType::symlink; }
[[nodiscard]] constexpr bool is_device(NodeType type) {
  return type == NodeType::char_device || type == NodeType::block_device;
}
// S_IFMT of stat(2), and back. What is none of ours is a file.
[[nodiscard]] std::uint32_t type_bits(NodeType type);
[[nodiscard]] NodeType type_of_mode(std::uint32_t mode);

struct Attributes {
  NodeType type = NodeType::file;
  std::uint32_t mode = 0;  // permission bits, setuid, setgid, sticky: 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;  // bytes; of a symlink the length of its target
  std::int64_t atime_ns = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t device = 0;  // st_rdev of a device node

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

// One version of one object in the bucket: what an open file is pinned to.
struct RemoteVersion {
  std::string key;   // may differ from the path while a rename is under way in the bucket
  std::string etag;
  std::uint64_t size = 0;
  Hash128 cache_id;  // names the blocks of these bytes; kept when the object is renamed

  // The id of a version that we meet for the first time.
  [[nodiscard]] static Hash128 make_cache_id(std::string_view key, std::string_view etag, std::uint64_t size);
  friend bool operator==(const RemoteVersion&, const RemoteVersion&) = default;
};

struct MetaRecord {
  InodeId ino;
  Attributes attr;
  std::optional<RemoteVersion> remote;  // what the bucket has under this name; empty: nothing (yet)
  StagedId staged;         // local bytes that the bucket does not have yet; reads go there first
  bool pending = false;    // the journal has an intent for this path: LIST must not touch the record
  bool whiteout = false;   // removed here, not yet in the bucket: hidden, and LIST must not bring it back
  bool local_only = false; // never an object: inbox/ and what is below it
  bool marker = false;     // folder: has its own zero-byte "dir/" object (else it is implied by keys)
  bool exact = false;      // mode, owner, mtime, metadata come from the object itself, not from LIST
  // One more name of this inode, a hard link. What else the record says is of the object under this very name; it is the
  // file itself once that inode is no longer in the tree.
  InodeId link_of;
  std::uint32_t links = 0;  // how many more names it has; kept by MetaStore
  std::string target;      // of a symlink
  std::string content_type;
  Metadata metadata;       // user metadata that is neither attributes nor xattrs: analysis labels, foreign keys
  std::map<std::string, std::string> xattrs;  // full names ("user.comment") to raw bytes
  std::uint64_t changed = 0;  // MetaStore's sequence number of the last change; set by MetaStore

  [[nodiscard]] bool is_directory() const { return attr.type == NodeType::directory; }
};

[[nodiscard]] std::string encode(const MetaRecord& record);
[[nodiscard]] Result<MetaRecord> decode_meta_record(std::string_view bytes);  // Code::corrupt

}  // namespace cd
