#include "analyze/framer.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cd {

Framer::Framer(Sizes sizes, OnFrame on_frame)
    : sizes_(sizes), on_frame_(std::move(on_frame)), fft_(sizes.frame), window_(hann_window(sizes.frame)) {
  pending_.assign(sizes.frame / 2, 0.0F);
}

void Framer::add(std::span<const float> samples) {
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  emit();
}

void Framer::flush() {
  pending_.insert(pending_.end(), sizes_.frame / 2, 0.0F);
  emit();
}

void Framer::emit() {
  std::size_t start = 0;
  for (; start + sizes_.frame <= pending_.size(); start += sizes_.hop) {
    const std::span<float> in = fft_.input();
    for (std::size_t i = 0; i < sizes_.frame; ++i) in[i] = pending_[start + i] * window_[i];
    on_frame_(fft_.power());
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(start));
}

std::size_t frame_size_for(int sample_rate_hz, double seconds) {
  const double exponent = std::round(std::log2(std::max(1.0, sample_rate_hz * seconds)));
  return std::size_t{1} << static_cast<unsigned>(std::clamp(exponent, 6.0, 17.0));
}

}  // namespace cd
