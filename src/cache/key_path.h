// KeyPath: object keys as paths and back. A key is cut at '/' into parts; nearly every part is a name as it
// stands. Those that cannot be one are shown behind the reserved prefix "%2F", percent-escaped:
//
//   part              name            when
//   (empty)           %2F             "a//b", "/a", a marker "dir/" that holds bytes
//   "." and ".."      %2F. and %2F..
//   "%2Fx"            %2F%252Fx       it begins with the reserved prefix itself
//   not UTF-8, NUL    %2F…%XX…        those bytes, and every '%' of that part, as %XX
//   "a" beside "a/…"  %2Fa            the file of a key that is also a folder (twin)
//
// A part whose name would be longer than 255 bytes cannot be shown. Names that begin with "%2F" are reserved:
// nobody may create one, for it would stand for another key. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cd {

inline constexpr std::string_view kOddPrefix = "%2F";

// Empty: it cannot be shown.
[[nodiscard]] std::optional<std::string> name_of_part(std::string_view part);
// The name of the file of a key that is also a folder.
[[nodiscard]] std::optional<std::string> twin_name(std::string_view part);
// The part that a name stands for; the inverse of both.
[[nodiscard]] std::string part_of_name(std::string_view name);

}  // namespace cd
