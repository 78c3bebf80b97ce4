// Labels in names, sizes, durations, and what is shown of a name.
#include "analyze/name_hint.h"
#include "base/text.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  (void)hints_of_name(input);
  (void)parse_bytes(input);
  (void)parse_duration_ms(input);
  for (const char c : printable(input)) must(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  (void)shorten(input, 20);
}
