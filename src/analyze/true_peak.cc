#include "analyze/true_peak.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace cd {

namespace {
constexpr std::size_t kFilterTaps = 48;  // of all phases together, and one in the middle
}

TruePeak::TruePeak(int sample_rate_hz, int channels) : history_(static_cast<std::size_t>(channels)) {
  const std::size_t factor = sample_rate_hz < 96000 ? 4 : sample_rate_hz < 192000 ? 2 : 1;
  const std::size_t length = kFilterTaps + 1;
  taps_ = kFilterTaps / factor;
  if (factor == 1) return;
  for (std::size_t offset = 1; offset < factor; ++offset) {
    Phase phase;
    for (std::size_t tap = 0; tap < taps_; ++tap) {
      const double j = static_cast<double>(tap * factor + offset);
      const double m =
          (j - static_cast<double>(length - 1) / 2) * std::numbers::pi / static_cast<double>(factor);
      const double window = 0.5 * (1 - std::cos(2 * std::numbers::pi * j / static_cast<double>(length - 1)));
      phase.taps[tap] = static_cast<float>(std::sin(m) / m * window);
      phase.gain += std::abs(phase.taps[tap]);
    }
    gain_max_ = std::max(gain_max_, phase.gain);
    phases_.push_back(phase);
  }
}

void TruePeak::add(std::span<const float> interleaved) {
  const std::size_t channels = history_.size();
  const std::size_t frames = interleaved.size() / channels;
  line_.resize(kTaps - 1 + frames);
  for (std::size_t c = 0; c < channels; ++c) {
    std::copy(history_[c].begin(), history_[c].end(), line_.begin());
    for (std::size_t i = 0; i < frames; ++i) line_[kTaps - 1 + i] = interleaved[i * channels + c];
    add_channel(line_);
    std::copy(line_.end() - (kTaps - 1), line_.end(), history_[c].begin());
  }
}

void TruePeak::add_channel(std::span<const float> line) {
  for (std::size_t at = kTaps - 1; at < line.size(); at += kTile) {
    const std::size_t count = std::min(kTile, line.size() - at);
    float highest = 0;
    for (const float sample : line.subspan(at - (kTaps - 1), count + kTaps - 1)) {
      highest = std::max(highest, std::abs(sample));
    }
    peak_ = std::max(peak_, highest);
    if (highest * gain_max_ <= peak_) continue;
    for (const Phase& phase : phases_) {
      if (highest * phase.gain > peak_)
        peak_ = std::max(peak_, highest_between(line.data() + at, count, phase));
    }
  }
}

// `newest` has kTaps - 1 samples before it. Tap by tap over a whole tile, so that the compiler makes vectors
// of it.
float TruePeak::highest_between(const float* newest, std::size_t count, const Phase& phase) const {
  std::array<float, kTile + kTaps - 1> samples{};
  std::copy(newest - (kTaps - 1), newest + count, samples.begin());
  std::array<float, kTile> sums{};
  for (std::size_t tap = 0; tap < taps_; ++tap) {
    const float weight = phase.taps[tap];
    const float* from = samples.data() + (kTaps - 1 - tap);
    for (std::size_t i = 0; i < kTile; ++i) sums[i] += weight * from[i];
  }
  float highest = 0;
  for (std::size_t i = 0; i < count; ++i) highest = std::max(highest, std::abs(sums[i]));
  return highest;
}

}  // namespace cd
