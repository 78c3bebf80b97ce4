// Text for a screen: the words of a paragraph on lines of a given width, each behind an indent. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cd {

struct WrapWidth {
  std::size_t indent = 0;
  std::size_t columns = 80;  // of a whole line
};

// The first line begins with `label`, padded to the indent. A word that is longer than a line is cut.
void append_wrapped(std::string& out, std::string_view label, WrapWidth width, std::string_view text);

}  // namespace cd
