#include "cache/meta_record.h"

#include <sys/stat.h>

#include "base/codec.h"
#include "cache/value_codec.h"

namespace cd {
namespace {

constexpr std::uint8_t kVersion = 2;  // 1 had no hard links

enum Flag : std::uint32_t {
  kHasRemote = 1u << 0,
  kPending = 1u << 1,
  kWhiteout = 1u << 2,
  kLocalOnly = 1u << 3,
  kMarker = 1u << 4,
  kExact = 1u << 5,
};

std::uint32_t flags_of(const MetaRecord& r) {
  return (r.remote ? kHasRemote : 0u) | (r.pending ? kPending : 0u) | (r.whiteout ? kWhiteout : 0u) |
         (r.local_only ? kLocalOnly : 0u) | (r.marker ? kMarker : 0u) | (r.exact ? kExact : 0u);
}

}  // namespace

std::uint32_t type_bits(NodeType type) {
  switch (type) {
    case NodeType::directory: return S_IFDIR;
    case NodeType::symlink: return S_IFLNK;
    case NodeType::fifo: return S_IFIFO;
    case NodeType::socket: return S_IFSOCK;
    case NodeType::char_device: return S_IFCHR;
    case NodeType::block_device: return S_IFBLK;
    case NodeType::file: break;
  }
  return S_IFREG;
}

NodeType type_of_mode(std::uint32_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return NodeType::directory;
    case S_IFLNK: return NodeType::symlink;
    case S_IFIFO: return NodeType::fifo;
    case S_IFSOCK: return NodeType::socket;
    case S_IFCHR: return NodeType::char_device;
    case S_IFBLK: return NodeType::block_device;
    default: return NodeType::file;
  }
}

Hash128 RemoteVersion::make_cache_id(std::string_view key, std::string_view etag, std::uint64_t size) {
  Encoder e;
  e.string(key);
  e.string(etag);
  e.u64(size);
  return xxh3_128(e.str());
}

std::string encode(const MetaRecord& record) {
  Encoder out;
  out.u8(kVersion);
  out.varint(flags_of(record));
  out.u64(record.ino.value());
  out.u64(record.changed);
  put_attributes(out, record.attr);
  if (record.remote) put_version(out, *record.remote);
  out.varint(record.staged.value());
  out.string(record.target);
  out.string(record.content_type);
  put_map(out, record.metadata);
  put_map(out, record.xattrs);
  out.varint(record.link_of.value());
  out.varint(record.links);
  return std::move(out).str();
}

Result<MetaRecord> decode_meta_record(std::string_view bytes) {
  Decoder in(bytes);
  const std::uint8_t version = in.u8();
  const auto flags = static_cast<std::uint32_t>(in.varint());
  MetaRecord r;
  r.ino = InodeId(in.u64());
  r.changed = in.u64();
  const bool attributes_ok = get_attributes(in, r.attr);
  if ((flags & kHasRemote) != 0) r.remote = get_version(in);
  r.staged = StagedId(in.varint());
  r.pending = (flags & kPending) != 0;
  r.whiteout = (flags & kWhiteout) != 0;
  r.local_only = (flags & kLocalOnly) != 0;
  r.marker = (flags & kMarker) != 0;
  r.exact = (flags & kExact) != 0;
  r.target = in.string();
  r.content_type = in.string();
  get_map(in, r.metadata);
  get_map(in, r.xattrs);
  r.link_of = InodeId(in.varint());
  r.links = static_cast<std::uint32_t>(in.varint());
  if (!in.done() || version != kVersion || !attributes_ok)
    return fail(Code::corrupt, "a record of the cache cannot be read");
  return r;
}

}  // namespace cd
