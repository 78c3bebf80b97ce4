// The beginning of a file of any kind.
#include "analyze/analyze_file.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  for (const char* name : {"a.wav", "b.txt", "c"}) must(!sniff_type(input.substr(0, kSniffBytes), name).empty());
}
