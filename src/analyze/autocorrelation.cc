#include "analyze/autocorrelation.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "analyze/real_fft.h"

namespace cd {

namespace {
constexpr double kNear_frames = 1.5;
}

Autocorrelation::Autocorrelation(std::span<const float> curve) : line_(curve.size()), circle_(curve.size()) {
  const std::size_t n = curve.size();
  if (n == 0) return;
  double mean = 0;
  for (const float value : curve) mean += static_cast<double>(value);
  mean /= static_cast<double>(n);
  RealFft fft(std::bit_ceil(2 * n));
  const std::span<float> in = fft.input();
  std::fill(in.begin(), in.end(), 0.0F);
  for (std::size_t i = 0; i < n; ++i) in[i] = static_cast<float>(static_cast<double>(curve[i]) - mean);
  // The power spectrum is real and even, so its inverse transform is another forward one.
  const std::span<const float> power = fft.power();
  const std::size_t size = fft.size();
  for (std::size_t i = 0; i < size; ++i) in[i] = power[i <= size / 2 ? i : size - i];
  const std::span<const float> products = fft.real_parts();
  if (!(products[0] > 0)) return;
  const auto whole = static_cast<double>(products[0]);
  for (std::size_t lag = 0; lag < n; ++lag) {
    const double here = static_cast<double>(products[lag]) / whole;
    const double wrapped = lag == 0 ? 0 : static_cast<double>(products[n - lag]) / whole;
    line_[lag] = here * static_cast<double>(n) / static_cast<double>(n - lag);
    circle_[lag] = here + wrapped;
  }
}

double highest_near(std::span<const double> correlation, double lag) {
  if (lag < 2 || lag + 2 >= static_cast<double>(correlation.size())) return 0;
  const auto from = static_cast<std::size_t>(std::max(1.0, std::floor(lag - kNear_frames)));
  const auto to = std::min(correlation.size() - 1, static_cast<std::size_t>(std::ceil(lag + kNear_frames)));
  double highest = 0;
  for (std::size_t i = from; i <= to; ++i) highest = std::max(highest, correlation[i]);
  return highest;
}

double peak_position(std::span<const double> correlation, std::size_t index) {
  const auto at = static_cast<double>(index);
  if (index == 0 || index + 1 >= correlation.size()) return at;
  const double left = correlation[index - 1];
  const double right = correlation[index + 1];
  const double bend = left - 2 * correlation[index] + right;
  return bend < 0 ? at + std::clamp(0.5 * (left - right) / bend, -0.5, 0.5) : at;
}

}  // namespace cd
