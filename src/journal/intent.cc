#include "journal/intent.h"

#include <algorithm>

#include "base/codec.h"
#include "base/hash.h"
#include "cache/tree_cache.h"
#include "cache/value_codec.h"

namespace cd {
namespace {

constexpr std::uint8_t kVersion = 3;  // 1 had no content hash, 2 no links
constexpr std::size_t kAttemptsMax = 8;

enum Flag : std::uint32_t {  // on disk; never renumbered
  kHold = 1u << 0,
  kUnfinished = 1u << 1,
  kDirty = 1u << 2,
  kExact = 1u << 3,
  kHasBase = 1u << 4,
  kHasSource = 1u << 5,
  kHasExpected = 1u << 6,
  kBare = 1u << 7,
};

std::uint32_t flag(bool on, Flag f) { return on ? static_cast<std::uint32_t>(f) : 0u; }

}  // namespace

std::string encode(const Intent& i) {
  Encoder out;
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(i.kind));
  out.u32(flag(i.hold, kHold) | flag(i.unfinished, kUnfinished) | flag(i.dirty, kDirty) |
          flag(i.exact, kExact) | flag(i.base.has_value(), kHasBase) |
          flag(i.source.has_value(), kHasSource) | flag(i.expected.has_value(), kHasExpected) | flag(i.bare, kBare));
  put_attributes(out, i.attr);
  out.string(i.target);
  out.string(i.content_type);
  put_map(out, i.metadata);
  put_map(out, i.xattrs);
  out.varint(i.staged.value());
  if (i.base) put_version(out, i.base->version), out.varint(i.base->limit);
  if (i.source) put_version(out, *i.source);
  if (i.expected) put_version(out, *i.expected);
  out.varint(i.attempts.size());
  for (const std::uint64_t print : i.attempts) out.u64(print);
  out.string(i.tag);
  out.string(i.conflict_of);
  out.i64(i.since_wall_ns);
  out.u64(i.content.high);
  out.u64(i.content.low);
  out.string(i.link);
  return std::move(out).str();
}

Result<Intent> decode_intent(std::string_view bytes) {
  Decoder in(bytes);
  const std::uint8_t version = in.u8();
  if (version > kVersion)
    return fail(Code::unsupported, "the log holds an intent of a newer format");
  Intent i;
  const std::uint8_t kind = in.u8();
  i.kind = IntentKind{kind};
  const std::uint32_t flags = in.u32();
  i.hold = (flags & kHold) != 0;
  i.unfinished = (flags & kUnfinished) != 0;
  i.dirty = (flags & kDirty) != 0;
  i.exact = (flags & kExact) != 0;
  i.bare = (flags & kBare) != 0;
  const bool type_ok = get_attributes(in, i.attr);
  i.target = in.string();
  i.content_type = in.string();
  get_map(in, i.metadata);
  get_map(in, i.xattrs);
  i.staged = StagedId(in.varint());
  if ((flags & kHasBase) != 0) {
    i.base.emplace();
    i.base->version = get_version(in);
    i.base->limit = in.varint();
  }
  if ((flags & kHasSource) != 0) i.source = get_version(in);
  if ((flags & kHasExpected) != 0) i.expected = get_version(in);
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) i.attempts.push_back(in.u64());
  i.tag = in.string();
  i.conflict_of = in.string();
  i.since_wall_ns = in.i64();
  if (version >= 2) {
    i.content.high = in.u64();
    i.content.low = in.u64();
  }
  if (version >= 3) i.link = in.string();
  const bool kind_ok = kind >= 1 && kind <= static_cast<std::uint8_t>(IntentKind::link);
  if (!in.done() || !kind_ok || !type_ok)
    return fail(Code::corrupt, "an intent of the log cannot be read");
  return i;
}

std::string slot_of(std::string_view path, bool folder) {
  std::string slot(path);
  if (folder) slot += '/';
  return slot;
}

std::string_view path_of_slot(std::string_view slot) {
  return is_folder_slot(slot) ? slot.substr(0, slot.size() - 1) : slot;
}

std::string key_of_slot(std::string_view slot) { return key_of_path(path_of_slot(slot), is_folder_slot(slot)); }

std::string join(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : std::string(folder) + "/" + std::string(name);
}

std::string_view parent_path(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

std::string_view base_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

MetaRecord record_of(const Intent& intent, const MetaRecord& before) {
  MetaRecord record;
  record.ino = before.ino;
  if (intent.live()) record.link_of = before.link_of;
  record.attr = intent.attr;
  record.attr.atime_ns = std::max(intent.attr.atime_ns, before.attr.atime_ns);
  record.staged = intent.staged;
  record.pending = true;
  record.whiteout = !intent.live();
  record.local_only = intent.hold;
  record.marker = intent.kind == IntentKind::marker;
  record.exact = intent.exact;
  record.target = intent.target;
  record.content_type = intent.content_type;
  record.metadata = intent.metadata;
  record.xattrs = intent.xattrs;
  record.remote = intent.kind == IntentKind::copy ? intent.source : intent.expected;
  return record;
}

void describe(Intent& intent, const MetaRecord& record) {
  intent.attr = record.attr;
  intent.target = record.target;
  intent.content_type = record.content_type;
  intent.metadata = record.metadata;
  intent.xattrs = record.xattrs;
  intent.exact = record.exact;
}

Metadata metadata_to_send(const Intent& intent) { return metadata_of(record_of(intent, MetaRecord{})); }

std::uint64_t fingerprint(std::uint64_t size, const Metadata& metadata) {
  Encoder out;
  out.u64(size);
  put_map(out, metadata);
  return xxh3_64(out.str());
}

std::uint64_t fingerprint(const Intent& intent) { return fingerprint(body_bytes(intent), metadata_to_send(intent)); }

void add_attempt(Intent& intent, std::uint64_t print) {
  auto& all = intent.attempts;
  std::erase(all, print);
  if (all.size() == kAttemptsMax) all.erase(all.begin());
  all.push_back(print);
}

std::uint64_t body_bytes(const Intent& intent) {
  if (intent.kind == IntentKind::marker || intent.attr.type == NodeType::directory) return 0;
  if (intent.kind == IntentKind::copy && intent.source) return intent.source->size;
  if (intent.attr.type == NodeType::symlink) return symlink_body(intent.target).size();
  if (is_special(intent.attr.type)) return kSpecialBodyBytes;
  return intent.attr.size;
}

}  // namespace cd
