#include "analyze/tonality.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "analyze/sound_class.h"

namespace cd {

namespace {

constexpr double kFrame_s = 0.37;  // 16384 samples at 44.1 kHz: a semitone apart is two peaks from 110 Hz on
constexpr double kLowest_hz = 55;
constexpr double kHighest_hz = 2000;
constexpr double kC_hz = 440.0 * 0.5946035575013605;  // middle C: nine semitones below A4
constexpr double kStepsAnOctave = 120;
constexpr double kStepsASemitone = 10;
constexpr float kPeakMin = 1e-4F;   // of the frame's highest peak, in power: what is 40 dB below is not heard

// A tone stands alone in the spectrum: 10 dB above what is three bins away. Noise has peaks too, but few such. Neither
// the share of clear peaks nor the correlation alone tells music from drums; measured on 120 tonal loops, 110 drum
// loops and 911 drum hits, their sum keeps 99 % of the first and drops 99 % of the second and 90 % of the third.
constexpr std::size_t kClearBins = 3;
constexpr float kClearRatio = 10;
constexpr double kCorrelationMin = 0.6;
constexpr double kClearWeight = 0.7;
constexpr double kTonalMin = 0.86;

struct Profile {
  Chroma major;
  Chroma minor;
};
// Three that were found on different music, whose mean is better than the best of them: Gomez (harmonics, see the
// header), Temperley ("Music and Probability", MIT Press 2007), and bgate of Faraldo et al. (electronic music, ECIR
// 2016).
constexpr Profile kGomez{{0.82, 0.00, 0.55, 0.00, 0.53, 0.30, 0.08, 1.00, 0.00, 0.38, 0.00, 0.47},
                         {0.81, 0.00, 0.53, 0.54, 0.00, 0.27, 0.07, 1.00, 0.27, 0.07, 0.10, 0.36}};
constexpr Profile kTemperley{{0.748, 0.06, 0.488, 0.082, 0.67, 0.46, 0.096, 0.715, 0.104, 0.366, 0.057, 0.4},
                             {0.712, 0.084, 0.474, 0.618, 0.049, 0.46, 0.105, 0.747, 0.404, 0.067, 0.133, 0.33}};
constexpr Profile kBgate{{1.00, 0.00, 0.42, 0.00, 0.53, 0.37, 0.00, 0.77, 0.00, 0.38, 0.21, 0.30},
                         {1.00, 0.00, 0.36, 0.39, 0.00, 0.38, 0.00, 0.74, 0.27, 0.00, 0.42, 0.23}};
constexpr std::array kProfiles{&kGomez, &kTemperley, &kBgate};

double mean_of(const Chroma& chroma) {
  double sum = 0;
  for (const double v : chroma) sum += v;
  return sum / 12;
}

// Pearson's, of the chroma turned so that `tonic` comes first; 0 for a flat one.
double correlation(const Chroma& chroma, const Chroma& profile, int tonic) {
  const double chroma_mean = mean_of(chroma);
  const double profile_mean = mean_of(profile);
  double product = 0;
  double chroma_power = 0;
  double profile_power = 0;
  for (int i = 0; i < 12; ++i) {
    const double c = chroma[static_cast<std::size_t>((i + tonic) % 12)] - chroma_mean;
    const double p = profile[static_cast<std::size_t>(i)] - profile_mean;
    product += c * p;
    chroma_power += c * c;
    profile_power += p * p;
  }
  return chroma_power > 0 ? product / std::sqrt(chroma_power * profile_power) : 0;
}

Framer::Sizes sizes_for(int sample_rate_hz) {
  const std::size_t frame = frame_size_for(sample_rate_hz, kFrame_s);
  return {.frame = frame, .hop = frame / 2};
}

}  // namespace

double estimate_tuning(const PitchHistogram& pitches) {
  std::complex<double> sum;
  for (std::size_t i = 0; i < pitches.size(); ++i) {
    sum += std::polar(pitches[i], 2 * std::numbers::pi * static_cast<double>(i) / kStepsASemitone);
  }
  if (std::abs(sum) == 0) return 0;
  return std::arg(sum) / (2 * std::numbers::pi) * kStepsASemitone;
}

Chroma fold(const PitchHistogram& pitches, double tuning) {
  Chroma chroma{};
  for (std::size_t i = 0; i < pitches.size(); ++i) {
    const auto semitone = std::lround((static_cast<double>(i) - tuning) / kStepsASemitone);
    chroma[static_cast<std::size_t>((semitone + 12) % 12)] += pitches[i];
  }
  return chroma;
}

std::optional<Key> estimate_key(const Chroma& strengths, double clear_share) {
  struct Match {
    Key key;
    double correlation = -1;
  };
  Match best;
  double second = -1;
  double tonal = -1;  // the root tames the loudest notes, which tells better whether there is a key at all
  Chroma tamed = strengths;
  for (double& strength : tamed) strength = std::sqrt(strength);
  for (int tonic = 0; tonic < 12; ++tonic) {
    for (const bool minor : {false, true}) {
      double match = 0;
      for (const Profile* profile : kProfiles)
        match += correlation(strengths, minor ? profile->minor : profile->major, tonic) / kProfiles.size();
      tonal = std::max(tonal, correlation(tamed, minor ? kGomez.minor : kGomez.major, tonic));
      if (match > best.correlation) {
        second = best.correlation;
        best = {{.tonic = tonic, .minor = minor, .confidence = 0}, match};
      } else {
        second = std::max(second, match);
      }
    }
  }
  if (tonal < kCorrelationMin || tonal + kClearWeight * clear_share < kTonalMin) return std::nullopt;
  // How tonal it is, and how far ahead of the next key: a lead of 0.1 leaves no doubt.
  const double certain = std::clamp((best.correlation - 0.5) / 0.45, 0.0, 1.0);
  const double lead = std::min(1.0, (best.correlation - second) / 0.1);
  best.key.confidence = std::round((0.5 * certain + 0.5 * lead) * 100) / 100;
  return best.key;
}

TonalityMeter::TonalityMeter(const StreamInfo& info, std::uint64_t excerpt_frames)
    : excerpt_frames_(excerpt_frames),
      bin_hz_(static_cast<double>(info.sample_rate_hz) /
              static_cast<double>(sizes_for(info.sample_rate_hz).frame)),
      framer_(sizes_for(info.sample_rate_hz), [this](std::span<const float> power) { add_frame(power); }) {}

void TonalityMeter::add(const Block& block) {
  framer_.add(within_excerpt(block, excerpt_frames_));
}

void TonalityMeter::add_frame(std::span<const float> power) {
  const auto from = static_cast<std::size_t>(std::max(1.0, std::ceil(kLowest_hz / bin_hz_)));
  const std::size_t to = std::min(power.size() - 1, static_cast<std::size_t>(kHighest_hz / bin_hz_));
  if (from >= to) return;
  const float highest = *std::max_element(power.begin() + static_cast<std::ptrdiff_t>(from),
                                          power.begin() + static_cast<std::ptrdiff_t>(to));
  if (highest < 1e-12F) return;
  for (std::size_t i = from; i < to; ++i) {
    if (power[i] < kPeakMin * highest || power[i] < power[i - 1] || power[i] <= power[i + 1]) continue;
    const auto amplitude = std::sqrt(static_cast<double>(power[i]));
    const float below = power[i >= kClearBins ? i - kClearBins : 0];
    const float above = power[std::min(i + kClearBins, power.size() - 1)];
    all_peaks_ += amplitude;
    if (power[i] > kClearRatio * 0.5F * (below + above)) clear_peaks_ += amplitude;
    // A parabola through the logarithms finds a Hann peak to a few hundredths of a bin.
    const double left = std::log(static_cast<double>(power[i - 1]) + 1e-30);
    const double here = std::log(static_cast<double>(power[i]) + 1e-30);
    const double right = std::log(static_cast<double>(power[i + 1]) + 1e-30);
    const double bend = left - 2 * here + right;
    const double shift = bend < 0 ? std::clamp(0.5 * (left - right) / bend, -0.5, 0.5) : 0;
    const double steps = kStepsAnOctave * std::log2((static_cast<double>(i) + shift) * bin_hz_ / kC_hz);
    const auto step = (std::lround(steps) % 120 + 120) % 120;
    pitches_[static_cast<std::size_t>(step)] += amplitude;
  }
}

void TonalityMeter::finish(Report& report) {
  framer_.flush();
  if (!(all_peaks_ > 0)) return;
  if (report.kind == Kind::one_shot && is_drum(report.sound_class)) return;  // a tom has a pitch, but no key
  report.key = estimate_key(fold(pitches_, estimate_tuning(pitches_)), clear_peaks_ / all_peaks_);
}

}  // namespace cd
