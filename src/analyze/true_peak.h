// TruePeak: the highest point of the curve between the samples, by four-fold interpolation as ITU-R
// BS.1770-4, Annex 2, asks (two-fold from 96 kHz, none from 192 kHz). The same windowed sinc as libebur128's,
// whose answer it gives, at a fifth of the cost: stretches that cannot exceed the peak so far are not
// interpolated at all.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace cd {

class TruePeak {
 public:
  TruePeak(int sample_rate_hz, int channels);
  void add(std::span<const float> interleaved);
  [[nodiscard]] double peak() const { return static_cast<double>(peak_); }  // 1 is full scale

 private:
  static constexpr std::size_t kTaps = 24;  // at most: 12 a phase at four-fold, 24 at two-fold
  static constexpr std::size_t kTile = 64;
  // One of the points between two samples.
  struct Phase {
    std::array<float, kTaps> taps{};  // newest sample first
    float gain = 0;                   // the most that it can make of samples of 1
  };
  void add_channel(std::span<const float> line);  // kTaps - 1 old samples, then the new ones
  [[nodiscard]] float highest_between(const float* newest, std::size_t count, const Phase& phase) const;

  std::size_t taps_ = kTaps;
  std::vector<Phase> phases_;
  float gain_max_ = 1;
  std::vector<std::array<float, kTaps - 1>> history_;  // per channel, oldest first
  std::vector<float> line_;
  float peak_ = 0;
};

}  // namespace cd
