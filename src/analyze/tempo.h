// Tempo from an onset curve. A loop is circular, so its curve is correlated circularly, and "its length is a
// whole number of beats" is evidence to be weighed, never a rule. Pure but for the Feature at the end.
#pragma once

#include <optional>

#include "analyze/feature.h"
#include "analyze/onsets.h"

namespace cd {

struct TempoQuestion {
  double duration_s = 0;  // of the whole file
  bool loop = false;      // its end meets its beginning
};

// Empty: nothing periodic between 50 and 220 bpm. The confidence of a loop is that of Font & Serra ("Tempo
// estimation for music loops and a simple confidence measure", ISMIR 2016) times how periodic the curve is.
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
