#include "cache/key_path.h"

#include "base/text.h"
#include "cache/tree_cache.h"

namespace cd {
namespace {

constexpr std::size_t kNameMax = 255;
constexpr std::string_view kHex = "0123456789ABCDEF";

int hex_value(char c) {
  const auto at = kHex.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string escaped(std::string_view part) {
  const bool raw_text = is_valid_utf8(part);
  std::string out(kOddPrefix);
  for (const char c : part) {
    const auto b = static_cast<unsigned char>(c);
    if (c == '%' || c == '/' || b == 0 || (b >= 0x80 && !raw_text)) {
      out += '%';
      out += kHex[b >> 4];
      out += kHex[b & 15];
    } else {
      out += c;
    }
  }
  return out;
}

bool is_plain(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && !part.starts_with(kOddPrefix) &&
         part.find('\0') == std::string_view::npos && is_valid_utf8(part);
}

std::optional<std::string> if_it_fits(std::string name) {
  if (name.size() > kNameMax) return std::nullopt;
  return name;
}

}  // namespace

std::optional<std::string> name_of_part(std::string_view part) {
  return if_it_fits(is_plain(part) ? std::string(part) : escaped(part));
}

std::optional<std::string> twin_name(std::string_view part) { return if_it_fits(escaped(part)); }

std::string part_of_name(std::string_view name) {
  if (!name.starts_with(kOddPrefix)) return std::string(name);
  name.remove_prefix(kOddPrefix.size());
  std::string part;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const int high = name[i] == '%' && i + 2 < name.size() ? hex_value(name[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(name[i + 2]) : -1;
    if (low < 0) {
      part += name[i];
      continue;
    }
    part += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return part;
}

bool is_reserved_name(std::string_view name) { return name.starts_with(kOddPrefix); }

std::string key_of_path(std::string_view path, bool folder) {
  std::string key;
  while (!path.empty()) {
    const auto slash = path.find('/');
    key += part_of_name(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    key += '/';
    path.remove_prefix(slash + 1);
  }
  if (folder && (!key.empty() || !path.empty())) key += '/';
  return key;
}

}  // namespace cd
