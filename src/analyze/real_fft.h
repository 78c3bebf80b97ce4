// RealFft: power spectra of real blocks, and the window that they are seen through. The only place that names fftw (in
// single precision).
// A plan is made once a size and process, under a lock, because planning takes longer than the transforms of a short sample;
// after that each RealFft is independent of all others.
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
  // Where the next transform takes its `size()` samples from; they stay there.
  [[nodiscard]] std::span<float> input();
  // |X|² of the bins 0 to size()/2 of what is in input(): size()/2 + 1 values.
  [[nodiscard]] std::span<const float> power();
  // The real parts of the same bins.
  [[nodiscard]] std::span<const float> real_parts();

 private:
  struct Buffers;
  void transform();

  const std::size_t size_;
  std::unique_ptr<Buffers> buffers_;
};

// A Hann window under which a full-scale sine has the power 1 at its bin. Lives as long as the process.
[[nodiscard]] std::span<const float> hann_window(std::size_t size);

}  // namespace cd
