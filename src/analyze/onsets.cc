#include "analyze/onsets.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cd {

namespace {

constexpr double kFrame_s = 0.0232;  // 1024 samples at 44.1 kHz
constexpr std::size_t kHopsAFrame = 4;
constexpr int kBandsMax = 36;
constexpr double kLowest_hz = 40;
constexpr double kHighest_hz = 16000;
// What lies more than 50 dB below the loudest band of the file is flattened to nothing.
constexpr float kFloor = 1e5F;
// Flux is taken over two hops: half a frame, so that the frames compared share little.
constexpr std::size_t kLag = 2;
constexpr double kLowTo_hz = 180;
constexpr double kHighFrom_hz = 2500;
constexpr float kSilent = 3.2e-5F;  // -45 dB

constexpr double kApart_s = 0.030;       // two hits nearer than this are one
constexpr double kPeakReach_s = 0.020;   // an onset is the highest value this near
constexpr double kMeanBefore_s = 0.100;  // and stands out of the mean around it
constexpr double kMeanAfter_s = 0.070;
constexpr float kAboveMean = 0.08F;
constexpr float kAboveMeanOfHighest = 0.08F;
// A frame hears a hit before its centre reaches it: the peak comes 1.5 hops early for clicks, less for slow attacks.
constexpr double kEarly_hops = 1.2;

std::vector<std::size_t> band_edges(int sample_rate_hz, std::size_t frame) {
  const double bin_hz = static_cast<double>(sample_rate_hz) / static_cast<double>(frame);
  const double top_hz = std::min(kHighest_hz, sample_rate_hz / 2.0);
  std::vector<std::size_t> edges;
  for (int i = 0; i <= kBandsMax; ++i) {
    const double hz = kLowest_hz * std::pow(top_hz / kLowest_hz, static_cast<double>(i) / kBandsMax);
    const auto bin = static_cast<std::size_t>(std::max(1.0, std::round(hz / bin_hz)));
    if (edges.empty() || bin > edges.back()) edges.push_back(std::min(bin, frame / 2));
  }
  return edges;
}

Framer::Sizes sizes_for(int sample_rate_hz) {
  const std::size_t frame = frame_size_for(sample_rate_hz, kFrame_s);
  return {.frame = frame, .hop = frame / kHopsAFrame};
}

// Around the peak n, by a parabola through its neighbours: -0.5 to 0.5.
double peak_shift(const std::vector<float>& v, std::size_t n) {
  if (n == 0 || n + 1 >= v.size()) return 0;
  const double left = v[n - 1];
  const double right = v[n + 1];
  const double curve = left - 2.0 * v[n] + right;
  return curve < 0 ? std::clamp(0.5 * (left - right) / curve, -0.5, 0.5) : 0;
}

}  // namespace

std::vector<double> pick_onsets(const OnsetCurve& curve) {
  const std::vector<float>& v = curve.values;
  if (v.empty()) return {};
  const auto frames = [&](double seconds) {
    return static_cast<std::size_t>(std::lround(seconds * curve.rate_hz));
  };
  const float highest = *std::max_element(v.begin(), v.end());
  const float rise = std::max(kAboveMean, kAboveMeanOfHighest * highest);

  std::vector<double> sums(v.size() + 1, 0.0);
  for (std::size_t i = 0; i < v.size(); ++i) sums[i + 1] = sums[i] + static_cast<double>(v[i]);

  std::vector<double> onsets;
  for (std::size_t n = 0; n < v.size() && onsets.size() < kOnsetsMax; ++n) {
    if (v[n] < rise) continue;
    const std::size_t reach = frames(kPeakReach_s);
    const std::size_t from = n > reach ? n - reach : 0;
    const std::size_t to = std::min(v.size(), n + reach + 1);
    const auto peak = std::max_element(v.begin() + static_cast<std::ptrdiff_t>(from),
                                       v.begin() + static_cast<std::ptrdiff_t>(to));
    if (static_cast<std::size_t>(peak - v.begin()) != n) continue;
    const std::size_t mean_from = n > frames(kMeanBefore_s) ? n - frames(kMeanBefore_s) : 0;
    const std::size_t mean_to = std::min(v.size(), n + frames(kMeanAfter_s) + 1);
    const double mean = (sums[mean_to] - sums[mean_from]) / static_cast<double>(mean_to - mean_from);
    if (static_cast<double>(v[n]) < mean + static_cast<double>(rise)) continue;
    // Nothing is before the first frames: a peak there is a sound that begins with the file.
    const double at_hops = n <= kLag ? 0 : static_cast<double>(n) + peak_shift(v, n) + kEarly_hops;
    const double at_s = at_hops / curve.rate_hz;
    if (!onsets.empty() && at_s - onsets.back() < kApart_s) continue;
    onsets.push_back(std::round(at_s * 1000) / 1000);
  }
  return onsets;
}

OnsetMeter::OnsetMeter(const StreamInfo& info, std::uint64_t excerpt_frames)
    : excerpt_frames_(excerpt_frames),
      edges_(band_edges(info.sample_rate_hz, sizes_for(info.sample_rate_hz).frame)),
      framer_(sizes_for(info.sample_rate_hz), [this](std::span<const float> power) { add_frame(power); }) {
  curve_.rate_hz = static_cast<double>(info.sample_rate_hz) / static_cast<double>(framer_.sizes().hop);
  bin_hz_ = static_cast<double>(info.sample_rate_hz) / static_cast<double>(framer_.sizes().frame);
}

void OnsetMeter::add(const Block& block) {
  framer_.add(within_excerpt(block, excerpt_frames_));
}

void OnsetMeter::add_frame(std::span<const float> power) {
  for (std::size_t b = 0; b + 1 < edges_.size(); ++b) {
    float sum = 0;
    for (std::size_t bin = edges_[b]; bin < edges_[b + 1]; ++bin) sum += power[bin];
    bands_.push_back(sum);
  }
}

std::vector<double> OnsetMeter::band_centres_hz() const {
  std::vector<double> out;
  for (std::size_t b = 0; b + 1 < edges_.size(); ++b)
    out.push_back(std::sqrt(static_cast<double>(edges_[b]) * static_cast<double>(edges_[b + 1])) * bin_hz_);
  return out;
}

void OnsetMeter::build_curve() {
  const std::size_t bands = edges_.size() - 1;
  const std::size_t frames = bands == 0 ? 0 : bands_.size() / bands;
  if (frames == 0) return;
  const float loudest = *std::max_element(bands_.begin(), bands_.end());
  if (!(loudest > 1e-12F)) return;  // silence: below -120 dBFS
  find_sounding(frames);
  const std::vector<double> centres_hz = band_centres_hz();
  timbre_ = timbre_of({.values = bands_, .centres_hz = centres_hz, .rate_hz = curve_.rate_hz});
  const float gain = kFloor / loudest;
  for (float& band : bands_) band = 0.5F * std::log10(1.0F + gain * band);
  std::array<std::vector<float>*, 3> parts{&curve_.low, &curve_.mid, &curve_.high};
  std::array<float, 3> sizes{};
  std::vector<std::size_t> part_of(bands);
  for (std::size_t b = 0; b < bands; ++b) {
    part_of[b] = centres_hz[b] < kLowTo_hz ? 0 : centres_hz[b] < kHighFrom_hz ? 1 : 2;
    sizes[part_of[b]] += 1;
  }
  curve_.values.resize(frames);
  for (auto* part : parts) part->resize(frames);
  for (std::size_t n = 0; n < frames; ++n) {
    std::array<float, 3> flux{};
    for (std::size_t b = 0; b < bands; ++b) {
      const float before = n < kLag ? 0.0F : bands_[(n - kLag) * bands + b];
      flux[part_of[b]] += std::max(0.0F, bands_[n * bands + b] - before);
    }
    const float sum = flux[0] + flux[1] + flux[2];
    curve_.values[n] = sum / static_cast<float>(bands);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      (*parts[i])[n] = sizes[i] > 0 ? flux[i] / sizes[i] : curve_.values[n];
    }
  }
}

void OnsetMeter::find_sounding(std::size_t frames) {
  const std::size_t bands = edges_.size() - 1;
  std::vector<float> power(frames);
  for (std::size_t n = 0; n < frames; ++n) {
    for (std::size_t b = 0; b < bands; ++b) power[n] += bands_[n * bands + b];
  }
  const float least = kSilent * *std::max_element(power.begin(), power.end());
  const auto loud = [least](float p) { return p > least; };
  const auto first = std::find_if(power.begin(), power.end(), loud);
  const auto last = std::find_if(power.rbegin(), power.rend(), loud);
  curve_.sounds_from_s = static_cast<double>(first - power.begin()) / curve_.rate_hz;
  curve_.sounds_to_s = static_cast<double>(power.rend() - last) / curve_.rate_hz;
}

void OnsetMeter::finish(Report& report) {
  framer_.flush();
  build_curve();
  bands_ = {};
  report.onsets_s = pick_onsets(curve_);
}

}  // namespace cd
