#include "app/control_line.h"

namespace cd {

namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

ControlLine parse_control_line(std::string_view line) {
  line = trim(line);
  const std::string_view word = line.substr(0, line.find(' '));
  return {word, trim(line.substr(word.size()))};
}

}  // namespace cd
