// ControlLine: what was written into a control file, as verb and argument. Pure; views into the line.
#pragma once

#include <string_view>

namespace cd {

struct ControlLine {
  std::string_view word;      // up to the first blank
  std::string_view argument;  // the rest, without blanks at its ends
};

[[nodiscard]] ControlLine parse_control_line(std::string_view line);

}  // namespace cd
