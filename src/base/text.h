// Small text for people: sizes, durations, bars, and foreign names made safe for a terminal.
// Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cd {

// "0 B", "812 B", "1.2 KiB", "34 MiB", "5.0 GiB".
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);
// "4 s", "2 min 5 s", "1 h 3 min".
[[nodiscard]] std::string human_duration(double seconds);
// "10M", "256MiB", "2 GiB", "512" (bytes); K, M, G, T are powers of 1024. Empty: not a size.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
// "500ms", "2s", "5 min", "1h"; in milliseconds. A bare number is seconds. Empty: not a duration.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ms(std::string_view text);
// "[#########-----------]" of `width` characters in all.
[[nodiscard]] std::string progress_bar(double fraction, int width);
// Control characters, DEL, C1 and bytes that are not UTF-8 become "\xHH"; everything else stays. What a
// status file or a terminal shows of a name from outside goes through here (DESIGN P10).
[[nodiscard]] std::string printable(std::string_view name);
// At most `columns` code points, the middle replaced by "…".
[[nodiscard]] std::string shorten(std::string_view text, std::size_t columns);
// Digits in groups of three: "1,004".
[[nodiscard]] std::string human_count(std::uint64_t n);
[[nodiscard]] bool is_valid_utf8(std::string_view text);
[[nodiscard]] std::string to_lower_ascii(std::string_view text);

}  // namespace cd
