#include "analyze/tempo.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "analyze/tempo_weights.h"

namespace cd {

namespace {

constexpr double kSame = 0.02;           // tempi nearer than this are one, in octaves
constexpr double kPeriodicMin = 0.08;    // below this share of its power the curve repeats by chance
// The long lags correct a length only where they are much higher there: a player is never quite in time.
constexpr double kCorrects = 1.25;

struct Scored {
  BeatListener::Candidate candidate;
  double score = 0;
  double periodicity = 0;
};

std::size_t index_of(std::string_view name) {
  const auto it = std::find(kEvidenceNames.begin(), kEvidenceNames.end(), name);
  return static_cast<std::size_t>(it - kEvidenceNames.begin());
}

Scored scored(const BeatListener& listener, const BeatListener::Candidate& candidate) {
  static const std::size_t first = index_of("all 1/4");
  static const std::size_t last = index_of("line 4");
  const Evidence evidence = listener.evidence(candidate);
  Scored out{.candidate = candidate};
  for (std::size_t i = 0; i < evidence.size(); ++i) out.score += evidence[i] * kTempoWeights[i];
  out.periodicity = *std::max_element(evidence.begin() + static_cast<std::ptrdiff_t>(first),
                                      evidence.begin() + static_cast<std::ptrdiff_t>(last));
  return out;
}

}  // namespace

double length_fits_beats(double length_s, double bpm) {
  const double beat_s = 60 / bpm;
  const double beats = std::max(1.0, std::round(length_s / beat_s));
  return std::clamp(1 - std::abs(length_s - beats * beat_s) / (beat_s / 2), 0.0, 1.0);
}

std::optional<Tempo> estimate_tempo(const OnsetCurve& curve, const TempoQuestion& question) {
  if (curve.values.size() < 32 || question.duration_s <= 0) return std::nullopt;
  const BeatListener listener(curve, question);
  std::vector<Scored> all;
  for (const auto& candidate : listener.candidates()) all.push_back(scored(listener, candidate));
  if (all.empty()) return std::nullopt;
  const Scored best =
      *std::max_element(all.begin(), all.end(), [](const Scored& a, const Scored& b) { return a.score < b.score; });
  if (best.periodicity < kPeriodicMin) return std::nullopt;

  double total = 0;
  double same = 0;
  for (const Scored& s : all) {
    const double share = std::exp(s.score - best.score);
    total += share;
    if (std::abs(std::log2(s.candidate.bpm / best.candidate.bpm)) < kSame) same += share;
  }
  double confidence = same / total;
  double bpm = best.candidate.bpm;
  if (question.loop) {
    confidence *= std::max(length_fits_beats(question.duration_s, bpm), length_fits_beats(listener.sounding_s(), bpm));
  }
  const double exact = listener.refined(bpm);
  if (best.candidate.peak || listener.support(exact) > kCorrects * listener.support(bpm)) bpm = exact;
  return Tempo{std::round(bpm * 100) / 100, std::round(confidence * 1000) / 1000};
}

void TempoMeter::finish(Report& report) {
  if (!report.format || (report.kind != Kind::loop && report.kind != Kind::track)) return;
  const TempoQuestion question{.duration_s = report.format->duration_s, .loop = report.kind == Kind::loop};
  report.tempo = estimate_tempo(onsets_.curve(), question);
}

}  // namespace cd
