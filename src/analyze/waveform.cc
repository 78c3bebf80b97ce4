#include "analyze/waveform.h"

#include <algorithm>
#include <cmath>

namespace cd {

namespace {
// Enough that a column's border is off by at most a tenth of a column.
constexpr std::size_t kBinsMax = kWaveformColumnsMax * 20;

float shown(float sample) {
  return std::round(std::clamp(sample, -1.0F, 1.0F) * 1000.0F) / 1000.0F;
}
}  // namespace

WaveformMeter::Range WaveformMeter::join(Range a, Range b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

void WaveformMeter::merge_pairs() {
  const std::size_t pairs = bins_.size() / 2;  // kBinsMax is even, so no bin is left over
  for (std::size_t i = 0; i < pairs; ++i) bins_[i] = join(bins_[2 * i], bins_[2 * i + 1]);
  bins_.resize(pairs);
  bin_frames_ *= 2;
  last_frames_ = bin_frames_;
}

void WaveformMeter::add(const Block& block) {
  std::span<const float> rest = block.mono;
  while (!rest.empty()) {
    if (bins_.empty() || last_frames_ == bin_frames_) {
      if (bins_.size() == kBinsMax) merge_pairs();
      bins_.push_back({rest[0], rest[0]});
      last_frames_ = 0;
    }
    const std::size_t n = std::min(rest.size(), bin_frames_ - last_frames_);
    Range range = bins_.back();
    for (const float sample : rest.first(n)) range = join(range, {sample, sample});
    bins_.back() = range;
    last_frames_ += n;
    rest = rest.subspan(n);
  }
}

void WaveformMeter::finish(Report& report) {
  const std::size_t columns = std::min(bins_.size(), kWaveformColumnsMax);
  report.waveform.reserve(2 * columns);
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t begin = column * bins_.size() / columns;
    const std::size_t end = (column + 1) * bins_.size() / columns;
    Range range = bins_[begin];
    for (std::size_t i = begin + 1; i < end; ++i) range = join(range, bins_[i]);
    report.waveform.push_back(shown(range.low));
    report.waveform.push_back(shown(range.high));
  }
}

}  // namespace cd
