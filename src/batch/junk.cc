#include "batch/junk.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace cd {
namespace {

constexpr std::size_t kRsyncSuffix = 6;

// rsync writes ".name.XXXXXX" and renames it. mkstemp's six letters hold a capital or a digit in 199 of 200
// cases; asking for one keeps ".eslintrc.backup" a file like any other. The 200th is open for writing, so it
// is waited for anyway.
bool is_rsync_temporary(std::string_view name) {
  if (name.size() < kRsyncSuffix + 3 || name[0] != '.') return false;
  if (name[name.size() - kRsyncSuffix - 1] != '.') return false;
  const std::string_view suffix = name.substr(name.size() - kRsyncSuffix);
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_telling = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return std::all_of(suffix.begin(), suffix.end(), [&](char c) { return is_lower(c) || is_telling(c); }) &&
         std::any_of(suffix.begin(), suffix.end(), is_telling);
}

}  // namespace

Junk junk_kind(std::string_view name) {
  if (name.starts_with("._")) return Junk::dropping;
  const std::string lower = to_lower_ascii(name);
  if (lower == ".ds_store" || lower == "thumbs.db" || lower == "desktop.ini") return Junk::dropping;
  if (name.starts_with("~$")) return Junk::partial;
  if (lower.ends_with(".part") || lower.ends_with(".crdownload")) return Junk::partial;
  return is_rsync_temporary(name) ? Junk::partial : Junk::none;
}

}  // namespace cd
