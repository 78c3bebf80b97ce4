#include "analyze/beat_evidence.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace cd {

namespace {

constexpr double kMeanWindow_s = 0.4;
constexpr double kOverlapMin = 0.25;      // lags of a line with less are chance
constexpr double kPeakMin = 0.02;         // of the correlation
constexpr std::size_t kPeaksMax = 12;
constexpr double kApart = 0.008;          // candidates nearer than this are one
constexpr double kFitWidth_beats = 0.04;  // how far a length may be from a whole number of beats
constexpr std::size_t kFold = 24;         // parts of a beat: halves, thirds and quarters are whole parts
constexpr unsigned kBeatsMax = 128;
// A peak's lag may be that of a quarter, a third, … or of several beats.
constexpr std::array kPeakFactors{0.25, 1.0 / 3, 0.5, 2.0 / 3, 1.0, 1.5, 2.0, 3.0, 4.0};
constexpr std::array kBeatsAll{0.25, 1.0 / 3, 0.5, 2.0 / 3, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0};
constexpr std::array kBeatsFew{0.5, 1.0, 2.0, 4.0};

// What rises out of its surroundings, blurred by one frame so that a hit a frame early still meets its repeat.
std::vector<float> raised_of(std::span<const float> v, double rate_hz) {
  const std::size_t n = v.size();
  const auto half = static_cast<std::size_t>(kMeanWindow_s * rate_hz / 2);
  std::vector<double> sums(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + static_cast<double>(v[i]);
  std::vector<float> raised(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t from = i > half ? i - half : 0;
    const std::size_t to = std::min(n, i + half + 1);
    const double mean = (sums[to] - sums[from]) / static_cast<double>(to - from);
    raised[i] = static_cast<float>(std::max(0.0, static_cast<double>(v[i]) - mean));
  }
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = 0.25F * raised[i > 0 ? i - 1 : n - 1] + 0.5F * raised[i] + 0.25F * raised[i + 1 < n ? i + 1 : 0];
  }
  return out;
}

double onset_count(const std::vector<float>& v) {
  if (v.size() < 3) return 0;
  std::vector<float> sorted = v;
  const auto high = static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(v.size() - 1));
  std::nth_element(sorted.begin(), sorted.begin() + high, sorted.end());
  const float least = 0.25F * sorted[static_cast<std::size_t>(high)];
  double count = 0;
  for (std::size_t i = 1; i + 1 < v.size(); ++i) count += v[i] > least && v[i] >= v[i - 1] && v[i] > v[i + 1] ? 1 : 0;
  return count;
}

// A row of evidence, filled from left to right.
class Row {
 public:
  void add(double value) { values_[next_++] = value; }
  [[nodiscard]] const Evidence& whole() const {
    CD_CHECK(next_ == values_.size());
    return values_;
  }

 private:
  Evidence values_{};
  std::size_t next_ = 0;
};

void add_length(Row& row, double length_s, double bpm) {
  const double beats = length_s * bpm / 60;
  const auto whole = static_cast<unsigned>(std::max(1.0, std::round(beats)));
  const double off = (beats - whole) / kFitWidth_beats;
  const double fit = std::exp(-off * off);
  row.add(fit);
  row.add((whole & (whole - 1)) == 0 ? fit : 0);
  row.add(whole % 4 == 0 ? fit : 0);
  row.add(whole % 3 == 0 ? fit : 0);
  row.add(whole % 8 == 0 ? fit : 0);
  row.add(whole % 2 == 1 && whole > 1 ? fit : 0);
  row.add(whole < 4 ? fit : 0);
}

using Fold = std::array<double, kFold>;

// The curve folded to one beat, 1 on average.
Fold fold_of(const std::vector<float>& v, double beat_frames) {
  Fold sums{};
  Fold counts{};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double beats = static_cast<double>(i) / beat_frames;
    const auto part = static_cast<std::size_t>((beats - std::floor(beats)) * kFold) % kFold;
    sums[part] += static_cast<double>(v[i]);
    counts[part] += 1;
  }
  double total = 1e-9;
  for (std::size_t i = 0; i < kFold; ++i) total += sums[i] /= std::max(1.0, counts[i]);
  for (double& sum : sums) sum *= kFold / total;
  return sums;
}

double flatness_of(const Fold& fold) {
  double entropy = 0;
  for (const double part : fold) entropy -= part / kFold * std::log(part / kFold + 1e-9);
  return entropy / std::log(kFold);
}

// On the beat, half way, at quarters, at thirds; the beat is where the fold is highest.
std::array<double, 4> pulse_of(const Fold& fold) {
  Fold blurred{};
  for (std::size_t i = 0; i < kFold; ++i)
    blurred[i] = 0.5 * fold[i] + 0.25 * (fold[(i + 1) % kFold] + fold[(i + kFold - 1) % kFold]);
  const auto beat = static_cast<std::size_t>(std::max_element(blurred.begin(), blurred.end()) - blurred.begin());
  const auto after = [&](std::size_t parts) { return blurred[(beat + parts) % kFold]; };
  return {after(0), after(kFold / 2), 0.5 * (after(kFold / 4) + after(3 * kFold / 4)),
          0.5 * (after(kFold / 3) + after(2 * kFold / 3))};
}

}  // namespace

BeatListener::BeatListener(const OnsetCurve& curve, const TempoQuestion& question)
    : question_(question), rate_hz_(curve.rate_hz) {
  frames_ = std::min(curve.values.size(), static_cast<std::size_t>(std::lround(question.duration_s * rate_hz_)));
  const double to_s = curve.sounds_to_s > 0 ? std::min(curve.sounds_to_s, question.duration_s) : question.duration_s;
  sounding_s_ = to_s - curve.sounds_from_s;
  from_ = static_cast<std::size_t>(curve.sounds_from_s * rate_hz_);
  to_ = std::min(frames_, static_cast<std::size_t>(std::ceil(to_s * rate_hz_)));
  if (to_ < from_ + 32) {
    to_ = from_;
    return;
  }
  all_ = band_of(curve.values);
  low_ = band_of(curve.low);
  mid_ = band_of(curve.mid);
  high_ = band_of(curve.high);
  line_ = Autocorrelation(std::span<const float>(all_.raised).subspan(from_, to_ - from_)).line();
  line_.resize(static_cast<std::size_t>((1 - kOverlapMin) * static_cast<double>(line_.size())));
  onsets_a_second_ = onset_count(all_.raised) / std::max(0.1, sounding_s_);
}

BeatListener::Band BeatListener::band_of(const std::vector<float>& values) const {
  Band band;
  if (values.size() < frames_) return band;  // a curve without bands
  band.raised = raised_of(std::span<const float>(values).first(frames_), rate_hz_);
  if (question_.loop) {
    band.whole = Autocorrelation(band.raised).circle();
  } else {
    band.whole = Autocorrelation(std::span<const float>(band.raised).subspan(from_, to_ - from_)).line();
    band.whole.resize(static_cast<std::size_t>((1 - kOverlapMin) * static_cast<double>(band.whole.size())));
  }
  return band;
}

// A lag made exact by the peaks at 2, 4, 8, … times it.
double BeatListener::refined_lag(double lag) const {
  for (double multiple = 2; multiple <= 32; multiple *= 2) {
    const double far = lag * multiple;
    if (far + 6 > static_cast<double>(line_.size())) break;
    const auto from = static_cast<std::size_t>(far - 2.5);
    const auto to = static_cast<std::size_t>(far + 3.5);
    std::size_t best = from;
    for (std::size_t i = from; i <= to; ++i) best = line_[i] > line_[best] ? i : best;
    if (best > from && best < to) lag = peak_position(line_, best) / multiple;
  }
  return lag;
}

double BeatListener::refined(double bpm) const {
  const double lag = lag_of(bpm);
  if (lag < 3 || lag + 6 > static_cast<double>(line_.size())) return bpm;
  const double better = refined_lag(lag);
  return std::abs(better / lag - 1) < 0.02 ? 60 * rate_hz_ / better : bpm;
}

double BeatListener::support(double bpm) const {
  double sum = 0;
  for (double beats = 2; beats <= 32; beats *= 2) {
    const double lag = lag_of(bpm) * beats;
    if (lag + 6 > static_cast<double>(line_.size())) break;
    const auto whole = static_cast<std::size_t>(lag);
    const double part = lag - static_cast<double>(whole);
    sum += (1 - part) * line_[whole] + part * line_[whole + 1];
  }
  return sum;
}

std::vector<BeatListener::Candidate> BeatListener::candidates() const {
  std::vector<Candidate> out;
  if (to_ == from_) return out;
  const auto add = [&out](double bpm, bool peak) {
    if (!(bpm >= kBpmMin && bpm <= kBpmMax)) return;
    const auto near = [bpm](const Candidate& c) { return std::abs(bpm / c.bpm - 1) < kApart; };
    if (std::none_of(out.begin(), out.end(), near)) out.push_back({bpm, peak});
  };
  if (question_.loop) {
    for (unsigned beats = 1; beats <= kBeatsMax; ++beats) add(60.0 * beats / question_.duration_s, false);
    for (unsigned beats = 1; beats <= kBeatsMax && sounding_s_ < 0.997 * question_.duration_s; ++beats)
      add(60.0 * beats / sounding_s_, false);
  }
  std::vector<std::size_t> peaks;
  const std::size_t lag_end = std::min(line_.size() < 2 ? 0 : line_.size() - 2, static_cast<std::size_t>(lag_of(24)));
  for (auto lag = static_cast<std::size_t>(std::max(3.0, lag_of(400))); lag < lag_end; ++lag) {
    if (line_[lag] > kPeakMin && line_[lag] >= line_[lag - 1] && line_[lag] >= line_[lag + 1]) peaks.push_back(lag);
  }
  std::stable_sort(peaks.begin(), peaks.end(), [this](std::size_t a, std::size_t b) { return line_[a] > line_[b]; });
  if (peaks.size() > kPeaksMax) peaks.resize(kPeaksMax);
  for (const std::size_t peak : peaks) {
    const double lag = refined_lag(peak_position(line_, peak));
    for (const double factor : kPeakFactors) add(60 * rate_hz_ / lag * factor, true);
  }
  return out;
}

Evidence BeatListener::evidence(const Candidate& candidate) const {
  const double bpm = candidate.bpm;
  const double lag = lag_of(bpm);
  Row row;
  const double octaves = std::log2(bpm / 120);
  row.add(octaves);
  row.add(octaves * octaves);
  row.add(std::max(0.0, octaves - 0.35));
  row.add(std::max(0.0, -octaves - 0.45));
  // A track's length says nothing: the same for all candidates.
  add_length(row, question_.loop ? question_.duration_s : 60 / bpm, bpm);
  add_length(row, question_.loop ? sounding_s_ : 60 / bpm, bpm);
  row.add(question_.loop ? std::log2(sounding_s_ * bpm / 60) : 0);
  for (const double beats : kBeatsAll) row.add(highest_near(all_.whole, lag * beats));
  for (const double beats : kBeatsFew) row.add(highest_near(line_, lag * beats));
  for (const Band* band : {&low_, &mid_, &high_}) {
    for (const double beats : kBeatsFew) row.add(highest_near(band->whole, lag * beats));
  }
  const Fold fold = fold_of(all_.raised, lag);
  for (const double part : pulse_of(fold)) row.add(part);
  row.add(flatness_of(fold));
  const std::array<double, 4> low_pulse = pulse_of(fold_of(low_.raised, lag));
  for (std::size_t i = 0; i < 3; ++i) row.add(low_pulse[i]);
  const double density = std::log2(std::max(0.25, onsets_a_second_ * 60 / bpm));
  row.add(density);
  row.add(density * density);
  row.add(candidate.peak ? 1 : 0);
  return row.whole();
}

}  // namespace cd
