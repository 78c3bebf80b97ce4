#include "analyze/loudness.h"

#include <ebur128.h>

#include <algorithm>
#include <cmath>

namespace cd {

namespace {
constexpr double kGatingBlock_s = 0.4;
constexpr double kRangeMin_s = 10;
// Above this the blocks are kept as a histogram of 0.1 LU instead of one by one, so that memory is bounded.
constexpr double kExactMax_s = 3600;

double rounded(double value) {
  return std::round(value * 100) / 100;
}
}  // namespace

struct LoudnessMeter::Handle {
  ebur128_state* state = nullptr;
  ~Handle() {
    if (state != nullptr) ebur128_destroy(&state);
  }
};

LoudnessMeter::LoudnessMeter(const StreamInfo& info)
    : info_(info), true_peak_(info.sample_rate_hz, info.channels) {
  const double promised_s = static_cast<double>(info.frames_promised) / info.sample_rate_hz;
  int mode = EBUR128_MODE_I;
  if (promised_s >= kRangeMin_s) mode |= EBUR128_MODE_LRA;
  if (promised_s > kExactMax_s) mode |= EBUR128_MODE_HISTOGRAM;
  auto handle = std::make_unique<Handle>();
  handle->state = ebur128_init(static_cast<unsigned>(info.channels),
                               static_cast<unsigned long>(info.sample_rate_hz), mode);
  if (handle->state != nullptr) handle_ = std::move(handle);
}

LoudnessMeter::~LoudnessMeter() = default;

void LoudnessMeter::add(const Block& block) {
  if (!handle_) return;
  ebur128_add_frames_float(handle_->state, block.interleaved.data(), block.mono.size());
  true_peak_.add(block.interleaved);
  frames_ += block.mono.size();
}

double LoudnessMeter::integrated(bool& gated) const {
  double lufs = -HUGE_VAL;
  const double duration_s = static_cast<double>(frames_) / info_.sample_rate_hz;
  gated = duration_s >= kGatingBlock_s;
  if (gated) {
    if (ebur128_loudness_global(handle_->state, &lufs) != EBUR128_SUCCESS) return -HUGE_VAL;
    return lufs;
  }
  // The window ends with the last frame, so a window as long as the file is the mean over the file.
  const auto window_ms = static_cast<unsigned long>(std::max(1.0, std::floor(duration_s * 1000)));
  if (ebur128_loudness_window(handle_->state, window_ms, &lufs) != EBUR128_SUCCESS) return -HUGE_VAL;
  return lufs;
}

void LoudnessMeter::finish(Report& report) {
  if (!handle_) {
    report.warnings.push_back(
        "Loudness was not measured: the standard does not know this many channels or this rate.");
    return;
  }
  Loudness loudness;
  const double peak = true_peak_.peak();
  const double lufs = frames_ == 0 ? -HUGE_VAL : integrated(loudness.gated);
  if (!std::isfinite(lufs) || peak <= 0) {
    if (peak > 0)
      report.warnings.push_back("Loudness was not measured: everything is below the gate of -70 LUFS.");
    return;
  }
  loudness.integrated_lufs = rounded(lufs);
  loudness.true_peak_dbtp = rounded(20 * std::log10(peak));
  double range = 0;
  if (static_cast<double>(frames_) / info_.sample_rate_hz >= kRangeMin_s &&
      ebur128_loudness_range(handle_->state, &range) == EBUR128_SUCCESS && std::isfinite(range)) {
    loudness.range_lu = rounded(range);
  }
  report.loudness = loudness;
}

}  // namespace cd
