#include "remote/long_keys.h"

#include "remote/digest.h"

namespace cd {
namespace {

constexpr std::size_t kNameBytesMax = 256;  // 255, and the '/' of a folder's marker
constexpr std::size_t kHexDigits = 32;

}  // namespace

std::string_view folder_of_key(std::string_view key) {
  const auto slash = key.substr(0, key.empty() ? 0 : key.size() - 1).rfind('/');
  return slash == std::string_view::npos ? std::string_view() : key.substr(0, slash + 1);
}

std::string LongKeys::place_of(std::string_view folder) const {
  return place + sha256_hex(folder).substr(0, kHexDigits) + "/";
}

std::string LongKeys::stored(std::string_view key) const {
  if (fits(key)) return std::string(key);
  const std::string_view folder = folder_of_key(key);
  return place_of(folder) + std::string(key.substr(folder.size()));
}

bool LongKeys::may_hold_long(std::string_view folder) const { return folder.size() + kNameBytesMax > key_bytes_max; }

std::vector<std::string> LongKeys::folders_to_ask(std::string_view key) const {
  std::vector<std::string> folders;
  if (!may_hold_long(key)) return folders;
  for (auto slash = key.find('/'); slash != std::string_view::npos; slash = key.find('/', slash + 1)) {
    const std::string_view folder = key.substr(0, slash + 1);
    if (may_hold_long(folder)) folders.emplace_back(folder);
  }
  return folders;
}

}  // namespace cd
