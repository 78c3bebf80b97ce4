// Tempo from an onset curve: the candidates of `beat_evidence`, weighed. Pure but for the Feature at the end.
//
// The weights are those of a conditional logit (McFadden 1974) over the candidates of each file, fitted by bench/ears_fit
// to labelled sound; most of its work is the octave. What is chosen is made exact by the longest lags that repeat.
#pragma once

#include <optional>

#include "analyze/beat_evidence.h"
#include "analyze/feature.h"
#include "analyze/onsets.h"

namespace cd {

// Empty: nothing periodic. The confidence is the share of the weights that the tempo got, times, for a loop, how well its
// length fits whole beats (Font & Serra, "Tempo estimation for music loops and a simple confidence measure", ISMIR 2016).
[[nodiscard]] std::optional<Tempo> estimate_tempo(const OnsetCurve& curve, const TempoQuestion& question);

// 1 - |length - n · beat| / (beat / 2) for the nearest whole n ≥ 1; 0 to 1.
[[nodiscard]] double length_fits_beats(double length_s, double bpm);

// Report::tempo, from the curve of `onsets`, which must outlive it and be finished before, as must the kind.
class TempoMeter final : public Feature {
 public:
  explicit TempoMeter(const OnsetMeter& onsets) : onsets_(onsets) {}
  void add(const Block&) override {}
  void finish(Report& report) override;

 private:
  const OnsetMeter& onsets_;
};

}  // namespace cd
