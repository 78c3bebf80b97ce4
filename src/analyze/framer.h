// Framer: cuts a stream of samples into overlapping windowed frames and gives the power spectrum of each.
// Frame n is centred on sample n × hop: half a frame of silence stands before the first sample, and flush()
// puts half a frame behind the last; hann_window().
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "analyze/real_fft.h"

namespace cd {

class Framer {
 public:
  struct Sizes {
    std::size_t frame = 1024;  // a power of two
    std::size_t hop = 256;
  };
  using OnFrame = std::function<void(std::span<const float> power)>;

  Framer(Sizes sizes, OnFrame on_frame);

  void add(std::span<const float> samples);
  void flush();
  [[nodiscard]] Sizes sizes() const { return sizes_; }

 private:
  void emit();

  const Sizes sizes_;
  const OnFrame on_frame_;
  RealFft fft_;
  const std::span<const float> window_;
  std::vector<float> pending_;  // starts at the next frame's first sample
};

// The power of two nearest to `seconds` of audio at this rate.
[[nodiscard]] std::size_t frame_size_for(int sample_rate_hz, double seconds);

}  // namespace cd
