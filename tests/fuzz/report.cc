// Reports that other mounts stored in the bucket.
#include "analyze/report.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  (void)parse_key(input);
  const auto report = report_from_json(input);
  if (!report) return;
  const std::string text = to_json(*report);
  const auto again = report_from_json(text);
  must(again.has_value() && to_json(*again) == text);
  for (const auto& [name, value] : labels_of(*report)) must(value.find('\n') == std::string::npos);
}
