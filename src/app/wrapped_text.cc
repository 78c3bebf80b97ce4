#include "app/wrapped_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace cd {

void append_wrapped(std::string& out, std::string_view label, WrapWidth width, std::string_view text) {
  std::string line = fmt::format("{:<{}}", label, width.indent);
  std::size_t used = width.indent;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string word = shorten(text.substr(0, space), width.columns - width.indent);
    const std::size_t columns = static_cast<std::size_t>(
        std::ranges::count_if(word, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (used > width.indent && used + 1 + columns > width.columns) {
      out += line + "\n";
      line = std::string(width.indent, ' ');
      used = width.indent;
    }
    if (used > width.indent) {
      line += ' ';
      ++used;
    }
    line += word;
    used += columns;
    text.remove_prefix(std::min(text.size(), space + 1));
  }
  out += line + "\n";
}

}  // namespace cd
