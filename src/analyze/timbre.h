// What a short sound is like, in a few numbers: how bright, how wide, how long, and where its power lies. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace cd {

// The power of a sound in bands, frame by frame.
struct BandPowers {
  std::span<const float> values;      // frames × bands
  std::span<const double> centres_hz;  // of the bands
  double rate_hz = 0;                 // frames a second
  [[nodiscard]] std::size_t frames() const { return centres_hz.empty() ? 0 : values.size() / centres_hz.size(); }
};

inline constexpr std::array kTimbreNames = std::to_array<std::string_view>({
    // In octaves above 40 Hz: mean, spread, the mean of the first 30 ms, and that of what comes after 100 ms.
    "centroid", "spread", "attack centroid", "tail centroid",
    // Decimal logarithms of seconds from where the sound begins: until 50 % and 90 % of the energy are out, until it stays
    // 20 dB below its highest frame, and until that frame.
    "t50", "t90", "t20dB", "rise",
    // Shares of the power: from 30, 90, 180, 400, 1000, 2500 and 6000 Hz on.
    "sub", "bass", "low", "mid", "high mid", "presence", "air",
    // Geometric over arithmetic mean of the bands: 1 is noise.
    "flatness"});
using Timbre = std::array<double, kTimbreNames.size()>;

// All 0 for silence.
[[nodiscard]] Timbre timbre_of(const BandPowers& powers);

}  // namespace cd
