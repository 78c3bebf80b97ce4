#include "app/toml_text.h"

#include <algorithm>
#include <string>

namespace cd {

namespace {

// The length of the string that begins here, with its quotes; to the end of the line or text if it does not end.
std::size_t string_length(std::string_view text) {
  const char quote = text.front();
  const std::string three(3, quote);
  const bool many_lines = text.starts_with(three);
  const std::string_view end = many_lines ? std::string_view(three) : std::string_view(three).substr(0, 1);
  for (std::size_t at = end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text.substr(at).starts_with(end)) {
      return at + end.size();
    } else if (text[at] == '\n' && !many_lines) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

std::optional<std::size_t> line_of_bare_letter(std::string_view toml) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::size_t line = 1;
  std::string_view rest = toml;
  if (rest.starts_with(kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  while (!rest.empty()) {
    std::size_t length = 1;
    if (rest.front() == '#') length = std::min(rest.find('\n'), rest.size());
    if (rest.front() == '"' || rest.front() == '\'') length = string_length(rest);
    if ((static_cast<unsigned char>(rest.front()) & 0x80) != 0) return line;
    length = std::min(length, rest.size());
    line += static_cast<std::size_t>(std::ranges::count(rest.substr(0, length), '\n'));
    rest.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace cd
