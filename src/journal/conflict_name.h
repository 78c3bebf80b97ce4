// Names for what two writers made of one file, and types for what a name tells. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cd {

// "Drums/kick.wav" → "Drums/kick (conflict studio 2026-01-31T12-00-00Z).wav"; with `attempt` > 1 a number behind the
// time. At most 255 bytes a name: the stem is cut at a whole character.
[[nodiscard]] std::string conflict_path(std::string_view path, std::string_view host, std::int64_t wall_ns, int attempt);

// From the extension; "application/octet-stream" where it tells nothing.
[[nodiscard]] std::string content_type_of(std::string_view path);

}  // namespace cd
