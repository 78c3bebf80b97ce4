// RealFft: power spectra of real blocks. The only place that names aubio (whose FFT is fftw in single
// precision). Making one plans the transform under aubio's own lock; after that each is independent of all
// others.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace cd {

class RealFft {
 public:
  explicit RealFft(std::size_t size);  // a power of two, at least 2
  ~RealFft();
  RealFft(const RealFft&) = delete;
  RealFft& operator=(const RealFft&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  // Where the next transform takes its `size()` samples from.
  [[nodiscard]] std::span<float> input();
  // |X|² of the bins 0 to size()/2 of what is in input(): size()/2 + 1 values.
  [[nodiscard]] std::span<const float> power();
  // The real parts of the same bins.
  [[nodiscard]] std::span<const float> real_parts();

 private:
  struct Handles;
  const std::size_t size_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace cd
