// What toml++ must not be given: outside of strings and comments it takes letters beyond ASCII for unreachable (3.3.0,
// is_non_ascii_horizontal_whitespace). TOML has none there. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace cd {

// The line, from 1, of the first byte beyond ASCII that is neither in a string nor in a comment. Empty: there is none.
[[nodiscard]] std::optional<std::size_t> line_of_bare_letter(std::string_view toml);

}  // namespace cd
