#include "analyze/aubio_handle.h"

#include <aubio/aubio.h>

#include <vector>

#include "base/check.h"

namespace cd {

namespace {
struct FftDeleter {
  void operator()(aubio_fft_t* fft) const { del_aubio_fft(fft); }
};
struct VectorDeleter {
  void operator()(fvec_t* vector) const { del_fvec(vector); }
};
}  // namespace

struct RealFft::Handles {
  std::unique_ptr<aubio_fft_t, FftDeleter> fft;
  std::unique_ptr<fvec_t, VectorDeleter> in;
  std::unique_ptr<fvec_t, VectorDeleter> out;  // real parts 0 to n/2, then imaginary parts n/2-1 down to 1
  std::vector<float> power;
};

RealFft::RealFft(std::size_t size) : size_(size), handles_(std::make_unique<Handles>()) {
  const auto n = static_cast<uint_t>(size);
  handles_->fft.reset(new_aubio_fft(n));
  handles_->in.reset(new_fvec(n));
  handles_->out.reset(new_fvec(n));
  handles_->power.resize(size / 2 + 1);
  CD_CHECK(handles_->fft && handles_->in && handles_->out);
}

RealFft::~RealFft() = default;

std::span<float> RealFft::input() {
  return {handles_->in->data, size_};
}

std::span<const float> RealFft::power() {
  // Not aubio_fft_do: its phases would cost more than the transform.
  aubio_fft_do_complex(handles_->fft.get(), handles_->in.get(), handles_->out.get());
  const float* c = handles_->out->data;
  const std::size_t half = size_ / 2;
  std::vector<float>& p = handles_->power;
  p[0] = c[0] * c[0];
  p[half] = c[half] * c[half];
  for (std::size_t i = 1; i < half; ++i) p[i] = c[i] * c[i] + c[size_ - i] * c[size_ - i];
  return p;
}

std::span<const float> RealFft::real_parts() {
  aubio_fft_do_complex(handles_->fft.get(), handles_->in.get(), handles_->out.get());
  return {handles_->out->data, size_ / 2 + 1};
}

}  // namespace cd
