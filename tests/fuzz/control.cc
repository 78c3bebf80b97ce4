// What is written into a control file.
#include "app/control_line.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  const ControlLine line = parse_control_line(input);
  must(line.word.find(' ') == std::string_view::npos);
  must(line.word.size() + line.argument.size() <= input.size());
}
