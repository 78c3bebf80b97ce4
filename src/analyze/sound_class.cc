#include "analyze/sound_class.h"

#include <algorithm>
#include <cmath>

#include "analyze/class_weights.h"

namespace cd {

namespace {
constexpr double kLikely = 0.4;
constexpr double kLongest_s = 15;  // a longer sound is an atmosphere, a riser, a recording
}  // namespace

ClassGuess class_of(const Timbre& timbre) {
  std::array<double, kClassWeights.size()> scores{};
  for (std::size_t c = 0; c < scores.size(); ++c) {
    scores[c] = kClassWeights[c].bias;
    for (std::size_t i = 0; i < timbre.size(); ++i) scores[c] += kClassWeights[c].weights[i] * timbre[i];
  }
  const auto best = std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (const double score : scores) total += std::exp(score - *best);
  const double confidence = 1 / total;
  if (confidence < kLikely) return {"other", confidence};
  return {kClassWeights[static_cast<std::size_t>(best - scores.begin())].name, confidence};
}

bool is_drum(std::string_view sound_class) {
  constexpr std::array<std::string_view, 7> kDrums{"kick", "snare", "clap", "hat", "cymbal", "tom", "percussion"};
  return std::find(kDrums.begin(), kDrums.end(), sound_class) != kDrums.end();
}

void SoundClassMeter::finish(Report& report) {
  if (!report.format || report.kind != Kind::one_shot) return;
  if (report.format->duration_s > kLongest_s) {
    report.sound_class = "other";
    return;
  }
  report.sound_class = class_of(onsets_.timbre()).name;
}

}  // namespace cd
