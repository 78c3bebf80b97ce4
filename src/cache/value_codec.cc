#include "cache/value_codec.h"

#include <utility>

namespace cd {

void put_map(Encoder& out, const std::map<std::string, std::string>& map) {
  out.varint(map.size());
  for (const auto& [name, value] : map) {
    out.string(name);
    out.string(value);
  }
}

void get_map(Decoder& in, std::map<std::string, std::string>& map) {
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    std::string name(in.string());
    map[std::move(name)] = std::string(in.string());
  }
}

void put_attributes(Encoder& out, const Attributes& a) {
  out.u8(static_cast<std::uint8_t>(a.type));
  out.varint(a.mode);
  out.varint(a.uid);
  out.varint(a.gid);
  out.varint(a.size);
  out.i64(a.atime_ns);
  out.i64(a.mtime_ns);
  out.i64(a.ctime_ns);
  if (is_device(a.type)) out.varint(a.device);
}

bool get_attributes(Decoder& in, Attributes& a) {
  const std::uint8_t type = in.u8();
  a.type = static_cast<NodeType>(type);
  a.mode = static_cast<std::uint32_t>(in.varint());
  a.uid = static_cast<std::uint32_t>(in.varint());
  a.gid = static_cast<std::uint32_t>(in.varint());
  a.size = in.varint();
  a.atime_ns = in.i64();
  a.mtime_ns = in.i64();
  a.ctime_ns = in.i64();
  if (is_device(a.type)) a.device = in.varint();
  return type <= static_cast<std::uint8_t>(NodeType::block_device);
}

void put_version(Encoder& out, const RemoteVersion& v) {
  out.string(v.key);
  out.string(v.etag);
  out.varint(v.size);
  out.u64(v.cache_id.high);
  out.u64(v.cache_id.low);
}

RemoteVersion get_version(Decoder& in) {
  RemoteVersion v;
  v.key = in.string();
  v.etag = in.string();
  v.size = in.varint();
  v.cache_id.high = in.u64();
  v.cache_id.low = in.u64();
  return v;
}

}  // namespace cd
