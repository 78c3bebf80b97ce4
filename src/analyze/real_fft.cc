#include "analyze/real_fft.h"

#include <fftw3.h>

#include <cmath>
#include <map>
#include <numbers>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace cd {
namespace {

struct FftwFree {
  void operator()(void* memory) const { fftwf_free(memory); }
};
using Floats = std::unique_ptr<float[], FftwFree>;
struct Bin { float re, im; };  // an fftwf_complex
static_assert(sizeof(Bin) == sizeof(fftwf_complex));
using Bins = std::unique_ptr<Bin[], FftwFree>;

struct PlanFree {
  void operator()(fftwf_plan plan) const { fftwf_destroy_plan(plan); }
};
using Plan = std::unique_ptr<std::remove_pointer_t<fftwf_plan>, PlanFree>;

fftwf_complex* complex_of(const Bins& bins) { return reinterpret_cast<fftwf_complex*>(bins.get()); }

// What depends on the size alone: a score of them at most, as sizes are powers of two.
class Tables {
 public:
  fftwf_plan plan(std::size_t size, const Floats& in, const Bins& out) CD_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    Plan& plan = plans_[size];
    // Estimated, not measured: the same on each machine and in each run.
    if (!plan) plan.reset(fftwf_plan_dft_r2c_1d(static_cast<int>(size), in.get(), complex_of(out), FFTW_ESTIMATE | FFTW_PRESERVE_INPUT));
    CD_CHECK(plan != nullptr);
    return plan.get();
  }

  std::span<const float> window(std::size_t size) CD_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::vector<float>& window = windows_[size];
    if (window.empty()) {
      const auto n = static_cast<double>(size);
      window.resize(size);
      for (std::size_t i = 0; i < size; ++i) {
        // The Hann window sums to n/2, and half of a sine's amplitude is in the negative frequencies: × 4/n.
        const double hann = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / n);
        window[i] = static_cast<float>(hann * 4 / n);
      }
    }
    return window;
  }

 private:
  Mutex mutex_;
  std::map<std::size_t, Plan> plans_ CD_GUARDED_BY(mutex_);
  std::map<std::size_t, std::vector<float>> windows_ CD_GUARDED_BY(mutex_);
};

Tables& tables() {
  static Tables all;
  return all;
}

}  // namespace

struct RealFft::Buffers {
  fftwf_plan plan = nullptr;  // of Tables; for arrays that fftw has aligned, as these
  Floats in;
  Bins out;
  std::vector<float> answer;
};

RealFft::RealFft(std::size_t size) : size_(size), buffers_(std::make_unique<Buffers>()) {
  buffers_->in.reset(fftwf_alloc_real(size));
  buffers_->out.reset(static_cast<Bin*>(fftwf_malloc(sizeof(Bin) * (size / 2 + 1))));
  CD_CHECK(buffers_->in && buffers_->out);
  buffers_->plan = tables().plan(size, buffers_->in, buffers_->out);
  buffers_->answer.resize(size / 2 + 1);
}

RealFft::~RealFft() = default;

std::span<float> RealFft::input() { return {buffers_->in.get(), size_}; }

void RealFft::transform() { fftwf_execute_dft_r2c(buffers_->plan, buffers_->in.get(), complex_of(buffers_->out)); }

std::span<const float> RealFft::power() {
  transform();
  const Bin* bin = buffers_->out.get();
  for (float& power : buffers_->answer) {
    power = bin->re * bin->re + bin->im * bin->im;
    ++bin;
  }
  return buffers_->answer;
}

std::span<const float> RealFft::real_parts() {
  transform();
  const Bin* bin = buffers_->out.get();
  for (float& real : buffers_->answer) real = (bin++)->re;
  return buffers_->answer;
}

std::span<const float> hann_window(std::size_t size) { return tables().window(size); }

}  // namespace cd
