// Junk: names in the inbox that are nobody's samples. A name decides, never the content.
//   dropping  what a desktop leaves behind (.DS_Store, Thumbs.db, desktop.ini, ._x): removed with its folder
//   partial   what a download, a copy or an editor has not finished (.part, .crdownload, ~$x, rsync's .x.a1B2c3):
//             stays where it is and becomes an item when it gets its real name
// Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace cd {

enum class Junk : std::uint8_t { none, dropping, partial };

[[nodiscard]] Junk junk_kind(std::string_view name);

}  // namespace cd
