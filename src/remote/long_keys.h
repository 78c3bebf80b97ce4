// LongKeys: where an object lies whose key is longer than a store takes (S3 and its kin: 1,024 bytes, prefix
// included). Such a key is cut behind its folder, and the folder's part is replaced by a short one:
//
//   <folder>/<name>   →   .cratedrive/long/<first 32 hex digits of SHA-256 of "<folder>/">/<name>
//
// A key that fits is stored as it is. The short key does not say what the folder was; whoever walks down the
// tree knows it, for a folder has a marker in the one above. docs/ON_DISK_FORMAT.md describes it. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cd {

struct LongKeys {
  std::string place = ".cratedrive/long/";
  std::size_t key_bytes_max = 1'024;  // less the store's prefix

  [[nodiscard]] bool fits(std::string_view key) const { return key.size() <= key_bytes_max; }
  [[nodiscard]] std::string stored(std::string_view key) const;
  // Below it lie the long keys that begin with `folder` ("" or ending in '/') and have no other '/' but at their end.
  [[nodiscard]] std::string place_of(std::string_view folder) const;
  // Can there be any?
  [[nodiscard]] bool may_hold_long(std::string_view folder) const;
  // The folders on the way to `key` for which that is so, from the top.
  [[nodiscard]] std::vector<std::string> folders_to_ask(std::string_view key) const;
};

// "a/b/" of "a/b/c" and of "a/b/c/"; "" of "c".
[[nodiscard]] std::string_view folder_of_key(std::string_view key);

}  // namespace cd
