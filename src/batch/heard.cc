#include "batch/heard.h"

#include "batch/wave_label.h"

namespace cd {

void take_over(const Report& report, ItemResult& result) {
  result.type = report.type;
  result.is_audio = report.is_audio;
  result.warnings = report.warnings;
  result.labels = labels_of(report);
  if (std::string wave = wave_label(report.waveform); !wave.empty()) result.labels["wave"] = std::move(wave);
  result.report_json = to_json(report);
  const auto label = [&](const char* name) {
    const auto at = result.labels.find(name);
    return at == result.labels.end() ? std::string() : at->second;
  };
  result.bpm = label("bpm");
  result.key = label("key");
  result.kind = label("kind");
}

}  // namespace cd
