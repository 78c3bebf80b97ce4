// metadata_of and apply_metadata: attributes as object metadata, in the words of others.
//   mtime          seconds with nanoseconds after a point: https://rclone.org/s3/#modification-times
//   mode uid gid   decimal, mode with its type bits; a symlink's target is the object's bytes; a device has rdev;
//   xattr          percent-encoded JSON of name to base64: https://github.com/s3fs-fuse/s3fs-fuse (fdcache, s3fs_xattr)
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "cache/tree_cache.h"

namespace cd {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSecondsMax = INT64_MAX / kSecond - 1;  // the year 2262
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string format_time(std::int64_t ns) {
  const bool negative = ns < 0;
  const auto magnitude = negative ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  char text[48];
  std::snprintf(text, sizeof text, "%s%llu.%09llu", negative ? "-" : "",
                static_cast<unsigned long long>(magnitude / kSecond),
                static_cast<unsigned long long>(magnitude % kSecond));
  return text;
}

template <class T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto point = text.find('.');
  const auto seconds = parse_number<std::uint64_t>(text.substr(0, point));
  if (!seconds || *seconds > kSecondsMax) return std::nullopt;
  std::int64_t ns = static_cast<std::int64_t>(*seconds) * kSecond;
  if (point != std::string_view::npos) {
    std::string digits(text.substr(point + 1, 9));
    digits.resize(9, '0');
    const auto fraction = parse_number<std::uint32_t>(digits);
    if (!fraction) return std::nullopt;
    ns += *fraction;
  }
  return negative ? -ns : ns;
}

std::string base64(std::string_view bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = (group << 8) | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= n ? kBase64[(group >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out;
  std::uint32_t group = 0;
  int bits = 0;
  for (const char c : text) {
    const auto value = kBase64.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = (group << 6) | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(group >> bits);
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (std::isalnum(b) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(b));
      out += hex;
    }
  }
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = text[i] == '%' && i + 2 < text.size() ? parse_number<std::uint32_t>(text.substr(i + 1, 2), 16)
                                                            : std::nullopt;
    out += byte ? static_cast<char>(*byte) : text[i];
    if (byte) i += 2;
  }
  return out;
}

std::string encode_xattrs(const std::map<std::string, std::string>& xattrs) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : xattrs) json[name] = base64(value);
  return percent_encoded(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void decode_xattrs(std::string_view text, std::map<std::string, std::string>& xattrs) {
  const auto json = nlohmann::json::parse(percent_decoded(text), nullptr, false);
  if (!json.is_object()) return;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) continue;
    if (auto bytes = from_base64(value.get<std::string>())) xattrs[name] = std::move(*bytes);
  }
}

void apply_mode(std::string_view text, Attributes& attr) {
  const auto mode = parse_number<std::uint32_t>(text);
  if (!mode) return;
  attr.mode = *mode & 07777;
  const NodeType type = type_of_mode(*mode);
  if (attr.type == NodeType::file && type != NodeType::directory) attr.type = type;
}

}  // namespace

Metadata metadata_of(const MetaRecord& record) {
  Metadata out = record.metadata;
  out["mtime"] = format_time(record.attr.mtime_ns);
  out["mode"] = std::to_string(type_bits(record.attr.type) | (record.attr.mode & 07777));
  out["uid"] = std::to_string(record.attr.uid);
  out["gid"] = std::to_string(record.attr.gid);
  if (is_device(record.attr.type)) out["rdev"] = std::to_string(record.attr.device);
  if (!record.xattrs.empty()) out["xattr"] = encode_xattrs(record.xattrs);
  return out;
}

void apply_metadata(const ObjectHead& head, MetaRecord& record) {
  record.attr.atime_ns = record.attr.mtime_ns = record.attr.ctime_ns = head.info.modified_ns;
  record.content_type = head.content_type;
  record.metadata.clear();
  record.xattrs.clear();
  for (const auto& [name, value] : head.metadata) {
    if (name == "mtime") {
      if (const auto ns = parse_time(value)) record.attr.atime_ns = record.attr.mtime_ns = *ns;
    } else if (name == "mode") {
      apply_mode(value, record.attr);
    } else if (name == "uid") {
      record.attr.uid = parse_number<std::uint32_t>(value).value_or(record.attr.uid);
    } else if (name == "gid") {
      record.attr.gid = parse_number<std::uint32_t>(value).value_or(record.attr.gid);
    } else if (name == "rdev") {
      record.attr.device = parse_number<std::uint64_t>(value).value_or(0);
    } else if (name == "xattr") {
      decode_xattrs(value, record.xattrs);
    } else if (name != "atime" && name != "ctime") {
      record.metadata[name] = value;
    }
  }
  if (is_special(record.attr.type)) record.attr.size = 0;  // its bytes are padding
  if (!is_device(record.attr.type)) record.attr.device = 0;
  record.exact = true;
}

std::string symlink_body(std::string_view target) {
  std::string body(target);
  const bool ends_blank = target.empty() || target.back() == ' ';  // the padding could not be told from it
  if (!ends_blank && body.size() < kSymlinkBodyBytes) body.resize(kSymlinkBodyBytes, ' ');
  return body;
}

std::string symlink_target(std::string_view body) {
  if (body.size() == kSymlinkBodyBytes) body = body.substr(0, body.find_last_not_of(' ') + 1);
  return std::string(body);
}

std::string special_body() { return std::string(kSpecialBodyBytes, ' '); }

bool may_be_special(const MetaRecord& record) {
  return record.attr.type == NodeType::file && !record.exact && !record.pending && record.remote &&
         record.remote->size == kSymlinkBodyBytes;
}

}  // namespace cd
