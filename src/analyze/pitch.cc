#include "analyze/pitch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "analyze/real_fft.h"
#include "analyze/autocorrelation.h"

namespace cd {

namespace {

constexpr double kHeard_s = 2.0;
constexpr double kWindow_s = 0.12;    // four periods of the lowest note
constexpr double kShortest_s = 0.03;
constexpr double kLowest_hz = 27;
constexpr double kHighest_hz = 4000;
constexpr double kClear = 0.85;       // of 1; noise stays below 0.5
constexpr double kFirstOfPeaks = 0.9;  // of the highest: the first peak this high is the period, not a multiple
constexpr double kAgree_semitones = 0.6;
constexpr std::array kPlaces_s{0.03, 0.12, 0.25};  // behind the loudest moment

double midi_of(double hz) {
  return 69 + 12 * std::log2(hz / 440);
}

}  // namespace

std::optional<double> fundamental_hz(std::span<const float> samples, int sample_rate_hz) {
  const std::size_t n = samples.size();
  if (static_cast<double>(n) < kShortest_s * sample_rate_hz) return std::nullopt;
  RealFft fft(std::bit_ceil(2 * n));
  const std::span<float> in = fft.input();
  std::fill(in.begin(), in.end(), 0.0F);
  double mean = 0;
  for (const float sample : samples) mean += static_cast<double>(sample) / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) in[i] = static_cast<float>(static_cast<double>(samples[i]) - mean);
  std::vector<double> power_from(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i) power_from[i + 1] = power_from[i] + static_cast<double>(in[i]) * static_cast<double>(in[i]);
  if (!(power_from[n] > 1e-9)) return std::nullopt;
  const std::span<const float> power = fft.power();
  const std::size_t size = fft.size();
  for (std::size_t i = 0; i < size; ++i) in[i] = power[i <= size / 2 ? i : size - i];
  const std::span<const float> products = fft.real_parts();

  const auto lag_max = std::min(n * 3 / 4, static_cast<std::size_t>(sample_rate_hz / kLowest_hz));
  std::vector<double> clarity(lag_max + 1);
  for (std::size_t lag = 0; lag <= lag_max; ++lag) {
    const double powers = power_from[n - lag] + power_from[n] - power_from[lag];
    clarity[lag] = powers > 0 ? 2 * static_cast<double>(products[lag]) / static_cast<double>(size) / powers : 0;
  }
  std::size_t lag = 1;
  while (lag < lag_max && clarity[lag] > 0) ++lag;  // down from the peak at 0
  double highest = 0;
  std::vector<std::size_t> peaks;
  for (; lag < lag_max; ++lag) {
    if (clarity[lag] <= 0 || clarity[lag] < clarity[lag - 1] || clarity[lag] < clarity[lag + 1]) continue;
    peaks.push_back(lag);
    highest = std::max(highest, clarity[lag]);
  }
  if (highest < kClear) return std::nullopt;
  const auto first = std::find_if(peaks.begin(), peaks.end(),
                                  [&](std::size_t peak) { return clarity[peak] >= kFirstOfPeaks * highest; });
  const double hz = sample_rate_hz / peak_position(clarity, *first);
  if (hz > kHighest_hz) return std::nullopt;
  return hz;
}

void PitchMeter::add(const Block& block) {
  const auto most = static_cast<std::size_t>(kHeard_s * rate_hz_);
  const std::size_t wanted = std::min(block.mono.size(), most - std::min(most, begin_.size()));
  begin_.insert(begin_.end(), block.mono.begin(), block.mono.begin() + static_cast<std::ptrdiff_t>(wanted));
}

void PitchMeter::finish(Report& report) {
  if (report.kind != Kind::one_shot || begin_.empty()) return;
  const auto loudest = std::max_element(begin_.begin(), begin_.end(),
                                        [](float a, float b) { return std::abs(a) < std::abs(b); });
  const auto at = static_cast<std::size_t>(loudest - begin_.begin());
  const auto window = static_cast<std::size_t>(kWindow_s * rate_hz_);
  std::vector<double> notes;
  for (const double place_s : kPlaces_s) {
    const std::size_t from = at + static_cast<std::size_t>(place_s * rate_hz_);
    if (from >= begin_.size()) break;
    const std::size_t length = std::min(window, begin_.size() - from);
    if (const auto hz = fundamental_hz(std::span<const float>(begin_).subspan(from, length), rate_hz_))
      notes.push_back(midi_of(*hz));
  }
  if (notes.size() < 2) return;
  std::sort(notes.begin(), notes.end());
  if (notes.back() - notes.front() > kAgree_semitones) return;
  const double note = notes[notes.size() / 2];
  const double nearest = std::round(note);
  if (nearest < 0 || nearest > 127) return;
  report.root = Root{.midi = static_cast<int>(nearest), .cents = std::round((note - nearest) * 100)};
}

}  // namespace cd
