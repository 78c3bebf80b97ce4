#include "batch/wave_label.h"

#include <algorithm>
#include <cmath>

namespace cd {
namespace {

constexpr std::string_view kSteps = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

}  // namespace

std::string wave_label(const std::vector<float>& waveform) {
  const std::size_t pairs = waveform.size() / 2;
  if (pairs == 0) return "";
  const std::size_t columns = std::min(pairs, kWaveColumns);
  std::string out;
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t from = column * pairs / columns;
    const std::size_t to = (column + 1) * pairs / columns;
    float peak = 0;
    for (std::size_t i = 2 * from; i < 2 * to; ++i) peak = std::max(peak, std::abs(waveform[i]));
    const auto step = static_cast<std::size_t>(std::lround(std::clamp(peak, 0.0f, 1.0f) * 63));
    out += kSteps[step];
  }
  return out;
}

std::vector<double> wave_heights(std::string_view label) {
  std::vector<double> out;
  if (label.size() > kWaveColumns) return out;
  for (const char c : label) {
    const std::size_t step = kSteps.find(c);
    if (step == std::string_view::npos) return {};
    out.push_back(static_cast<double>(step) / 63);
  }
  return out;
}

}  // namespace cd
