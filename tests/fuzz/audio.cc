// A whole sample: container, decoder and every feature.
#include "analyze/analyze_file.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  MemorySource source(input);
  const auto report = analyze(source, "Loops 120 BPM/bass_Am.wav");
  must(report.has_value());
  must(report_from_json(to_json(*report)).has_value());
}
