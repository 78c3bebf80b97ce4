#include "analyze/tempo.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace cd {

namespace {

constexpr double kBpmMin = 50;
constexpr double kBpmMax = 220;
constexpr double kPrior_bpm = 118;      // where tempi of loops and tracks gather
constexpr double kPriorOctaves = 0.55;  // and how far they scatter
constexpr double kPeriodicMin = 0.08;   // below this share of its power the curve repeats by chance
constexpr double kMeanWindow_s = 0.4;
constexpr double kTrim = 0.05;  // of the highest value: where sound begins and ends

// The lags, in beats, at which music repeats, and what each weighs.
struct Multiple {
  double beats;
  double weight;
};
constexpr std::array kMultiples{Multiple{0.25, 0.15}, Multiple{0.5, 0.4}, Multiple{1, 1.0}, Multiple{2, 0.7},
                                Multiple{4, 0.7}};

// Autocorrelation of a curve, computed lag by lag when asked for. 1 at lag 0.
class Autocorrelation {
 public:
  Autocorrelation(std::vector<float> curve, bool circular)
      : curve_(std::move(curve)), circular_(circular), known_(curve_.size(), -2.0F) {
    for (const float v : curve_) power_ += static_cast<double>(v) * static_cast<double>(v);
  }
  // Lags that mean something: all of a circle but its end, and of a line as far as half of it overlaps.
  [[nodiscard]] double lag_max() const {
    const auto n = static_cast<double>(curve_.size());
    return circular_ ? n * 0.98 : n * 0.6;
  }
  [[nodiscard]] bool empty() const { return !(power_ > 0); }
  [[nodiscard]] double at(std::size_t lag) {
    if (lag >= curve_.size()) return 0;
    if (known_[lag] < -1.5F) known_[lag] = compute(lag);
    return static_cast<double>(known_[lag]);
  }
  [[nodiscard]] double at(double lag) {
    const double whole = std::floor(lag);
    const auto i = static_cast<std::size_t>(whole);
    return at(i) + (lag - whole) * (at(i + 1) - at(i));
  }
  // The peak within `reach` of a lag, refined by a parabola; the lag itself if there is none.
  [[nodiscard]] double peak_near(double lag, double reach) {
    const auto from = static_cast<std::size_t>(std::max(1.0, std::floor(lag - reach)));
    const auto to = static_cast<std::size_t>(std::ceil(lag + reach));
    std::size_t best = from;
    for (std::size_t i = from; i <= to; ++i) {
      if (at(i) > at(best)) best = i;
    }
    const double left = at(best - 1);
    const double right = at(best + 1);
    const double bend = left - 2 * at(best) + right;
    if (best == from || best == to || bend >= 0) return lag;
    return static_cast<double>(best) + std::clamp(0.5 * (left - right) / bend, -0.5, 0.5);
  }

 private:
  [[nodiscard]] float compute(std::size_t lag) const {
    const std::size_t n = curve_.size();
    float sum = 0;
    for (std::size_t i = 0; i + lag < n; ++i) sum += curve_[i] * curve_[i + lag];
    if (!circular_)
      return static_cast<float>(static_cast<double>(sum) * static_cast<double>(n) /
                                (static_cast<double>(n - lag) * power_));
    for (std::size_t i = n - lag; i < n; ++i) sum += curve_[i] * curve_[i + lag - n];
    return static_cast<float>(static_cast<double>(sum) / power_);
  }

  const std::vector<float> curve_;
  const bool circular_;
  std::vector<float> known_;  // -2: not computed yet
  double power_ = 0;
};

// What rises out of its surroundings, blurred by one frame so that a hit a frame early still meets its
// repeat; its mean is taken out, so that noise does not correlate.
std::vector<float> prepare(const OnsetCurve& curve, std::size_t frames) {
  const std::vector<float>& v = curve.values;
  const auto half = static_cast<std::size_t>(kMeanWindow_s * curve.rate_hz / 2);
  std::vector<double> sums(frames + 1, 0.0);
  for (std::size_t i = 0; i < frames; ++i) sums[i + 1] = sums[i] + static_cast<double>(v[i]);
  std::vector<float> raised(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    const std::size_t from = i > half ? i - half : 0;
    const std::size_t to = std::min(frames, i + half + 1);
    const double mean = (sums[to] - sums[from]) / static_cast<double>(to - from);
    raised[i] = static_cast<float>(std::max(0.0, static_cast<double>(v[i]) - mean));
  }
  std::vector<float> out(frames);
  double total = 0;
  for (std::size_t i = 0; i < frames; ++i) {
    const float left = raised[i > 0 ? i - 1 : frames - 1];
    const float right = raised[i + 1 < frames ? i + 1 : 0];
    out[i] = 0.25F * left + 0.5F * raised[i] + 0.25F * right;
    total += static_cast<double>(out[i]);
  }
  const auto mean = static_cast<float>(total / static_cast<double>(std::max<std::size_t>(1, frames)));
  for (float& value : out) value -= mean;
  return out;
}

struct Sounding {
  double from_s = 0;
  double to_s = 0;
};

Sounding sounding_part(const OnsetCurve& curve, double duration_s) {
  const float highest = *std::max_element(curve.values.begin(), curve.values.end());
  const auto loud = [&](float v) { return v >= static_cast<float>(kTrim) * highest; };
  const auto first = std::find_if(curve.values.begin(), curve.values.end(), loud);
  const auto last = std::find_if(curve.values.rbegin(), curve.values.rend(), loud);
  const double from = static_cast<double>(first - curve.values.begin()) / curve.rate_hz;
  const double to = static_cast<double>(curve.values.rend() - last) / curve.rate_hz;
  return {from, std::min(to, duration_s)};
}

double tempo_prior(double bpm) {
  const double octaves = std::log2(bpm / kPrior_bpm) / kPriorOctaves;
  return std::exp(-0.5 * octaves * octaves);
}

// Loops are made of 4, 8, 16, 32 beats; sometimes of 3, 6, 12; seldom of 5 or 7.
double count_prior(unsigned beats) {
  if ((beats & (beats - 1)) == 0) return beats >= 4 ? 1.0 : beats == 2 ? 0.85 : 0.6;
  if (beats % 4 == 0) return 0.8;
  if (beats % 3 == 0) return 0.62;
  if (beats % 2 == 0) return 0.6;
  return 0.5;
}

struct Candidate {
  double bpm = 0;
  double prior = 1;
  double periodicity = 0;
  [[nodiscard]] double score() const { return (0.05 + periodicity) * prior; }
};

double periodicity_at(Autocorrelation& acf, double beat_frames) {
  double sum = 0;
  double weights = 0;
  for (const Multiple& multiple : kMultiples) {
    const double lag = multiple.beats * beat_frames;
    if (lag < 4 || lag > acf.lag_max()) continue;
    sum += multiple.weight * std::max(0.0, acf.at(lag));
    weights += multiple.weight;
  }
  return weights > 0 ? sum / weights : 0;
}

void add_length_candidates(std::vector<Candidate>& out, double length_s, double trust) {
  if (length_s <= 0) return;
  const auto from = static_cast<unsigned>(std::max(1.0, std::ceil(length_s * kBpmMin / 60)));
  const auto to = static_cast<unsigned>(std::min(256.0, std::floor(length_s * kBpmMax / 60)));
  for (unsigned beats = from; beats <= to; ++beats) {
    const double bpm = 60.0 * beats / length_s;
    out.push_back({bpm, trust * tempo_prior(bpm) * count_prior(beats), 0});
  }
}

// A beat's length made exact by the peaks at 2, 4, 8, … times its lag.
double refined(Autocorrelation& acf, double beat_frames) {
  double beat = acf.peak_near(beat_frames, 1.5);
  for (double multiple = 2; multiple <= 32; multiple *= 2) {
    if (beat * multiple + 3 > acf.lag_max()) break;
    beat = acf.peak_near(beat * multiple, 2.5) / multiple;
  }
  return beat;
}

void add_peak_candidates(std::vector<Candidate>& out, Autocorrelation& acf, double rate_hz, double trust) {
  const auto from = static_cast<std::size_t>(60 * rate_hz / kBpmMax);
  const auto to = static_cast<std::size_t>(std::min(60 * rate_hz / kBpmMin, acf.lag_max() - 2));
  for (std::size_t lag = std::max<std::size_t>(2, from); lag <= to; ++lag) {
    if (acf.at(lag) < 0.02 || acf.at(lag) < acf.at(lag - 1) || acf.at(lag) < acf.at(lag + 1)) continue;
    const double bpm = 60 * rate_hz / refined(acf, static_cast<double>(lag));
    if (bpm >= kBpmMin && bpm <= kBpmMax) out.push_back({bpm, trust * tempo_prior(bpm), 0});
  }
}

bool same_tempo(double a, double b) {
  return std::abs(a / b - 1) < 0.03;
}

}  // namespace

double length_fits_beats(double length_s, double bpm) {
  const double beat_s = 60 / bpm;
  const double beats = std::max(1.0, std::round(length_s / beat_s));
  return std::clamp(1 - std::abs(length_s - beats * beat_s) / (beat_s / 2), 0.0, 1.0);
}

std::optional<Tempo> estimate_tempo(const OnsetCurve& curve, const TempoQuestion& question) {
  if (curve.values.size() < 16 || question.duration_s <= 0) return std::nullopt;
  const Sounding sounding = sounding_part(curve, question.duration_s);
  const double trimmed_s = sounding.to_s - sounding.from_s;
  const bool padded = trimmed_s < 0.75 * question.duration_s;
  const bool circular = question.loop && !padded;

  std::size_t frames = curve.values.size();
  if (circular)
    frames = std::min(frames, static_cast<std::size_t>(std::lround(question.duration_s * curve.rate_hz)));
  Autocorrelation acf(prepare(curve, frames), circular);
  if (acf.empty()) return std::nullopt;

  std::vector<Candidate> candidates;
  if (question.loop) {
    add_length_candidates(candidates, question.duration_s, padded ? 0.7 : 1.0);
    if (trimmed_s < 0.98 * question.duration_s) add_length_candidates(candidates, trimmed_s, 0.6);
  }
  add_peak_candidates(candidates, acf, curve.rate_hz, question.loop ? 0.6 : 1.0);
  if (candidates.empty()) return std::nullopt;
  for (Candidate& c : candidates) c.periodicity = periodicity_at(acf, 60 * curve.rate_hz / c.bpm);

  const auto by_score = [](const Candidate& a, const Candidate& b) { return a.score() < b.score(); };
  const Candidate best = *std::max_element(candidates.begin(), candidates.end(), by_score);
  if (best.periodicity < kPeriodicMin) return std::nullopt;
  double rival = 0;
  for (const Candidate& c : candidates) {
    if (!same_tempo(c.bpm, best.bpm)) rival = std::max(rival, c.score());
  }
  const double closeness = std::clamp((rival / best.score() - 0.6) / 0.4, 0.0, 1.0);
  double confidence = std::min(1.0, 0.3 + 1.4 * best.periodicity) * (1 - 0.5 * closeness);
  if (question.loop) {
    confidence *=
        std::max(length_fits_beats(question.duration_s, best.bpm), length_fits_beats(trimmed_s, best.bpm));
  }
  return Tempo{std::round(best.bpm * 100) / 100, std::round(confidence * 100) / 100};
}

void TempoMeter::finish(Report& report) {
  if (!report.format || (report.kind != Kind::loop && report.kind != Kind::track)) return;
  const TempoQuestion question{.duration_s = report.format->duration_s, .loop = report.kind == Kind::loop};
  report.tempo = estimate_tempo(onsets_.curve(), question);
}

}  // namespace cd
