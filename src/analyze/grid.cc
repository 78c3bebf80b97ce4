#include "analyze/grid.h"

#include <algorithm>
#include <cmath>

#include "analyze/tempo.h"

namespace cd {

namespace {
constexpr double kFitMin = 0.85;  // of length_fits_beats: 7 % of a beat off
constexpr double kShortest_s = 0.05;

double thousandths(double value) {
  return std::round(value * 1000) / 1000;
}
}  // namespace

std::optional<Grid> grid_of(double bpm, double duration_s, const Sounding& sounding) {
  const double sounding_s = sounding.to_s - sounding.from_s;
  const double file_fit = length_fits_beats(duration_s, bpm);
  const double sound_fit = sounding_s > 0 ? length_fits_beats(sounding_s, bpm) : 0;
  if (std::max(file_fit, sound_fit) < kFitMin) return std::nullopt;
  const bool whole = file_fit >= sound_fit;
  const auto beats = static_cast<int>(std::lround((whole ? duration_s : sounding_s) * bpm / 60));
  if (beats < 1) return std::nullopt;
  Grid grid{.beats = beats};
  grid.beats_a_bar = beats % 3 == 0 && beats % 4 != 0 ? 3 : 4;
  grid.bars = static_cast<double>(beats) / grid.beats_a_bar;
  grid.first_beat_s = whole ? 0 : thousandths(sounding.from_s);
  return grid;
}

std::vector<Slice> slices_of(const std::vector<double>& onsets_s, const Sounding& sounding) {
  std::vector<Slice> slices;
  for (const double onset_s : onsets_s) {
    if (onset_s + kShortest_s > sounding.to_s || slices.size() == kSlicesMax) break;
    if (!slices.empty() && onset_s - slices.back().from_s < kShortest_s) continue;
    if (!slices.empty()) slices.back().to_s = onset_s;
    slices.push_back({onset_s, thousandths(sounding.to_s)});
  }
  return slices;
}

void GridMeter::finish(Report& report) {
  if (!report.format || report.kind != Kind::loop) return;
  const OnsetCurve& curve = onsets_.curve();
  const double duration_s = report.format->duration_s;
  const Sounding sounding{curve.sounds_from_s, std::min(duration_s, curve.sounds_to_s)};
  if (report.tempo) report.grid = grid_of(report.tempo->bpm, duration_s, sounding);
  report.slices = slices_of(report.onsets_s, sounding);
}

}  // namespace cd
