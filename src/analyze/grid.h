// GridMeter: beats and bars of a loop, and the slices that a sampler would cut it into. Pure but for the Feature.
#pragma once

#include <optional>
#include <vector>

#include "analyze/feature.h"
#include "analyze/onsets.h"

namespace cd {

// A stretch of a file, in seconds.
struct Sounding {
  double from_s = 0;
  double to_s = 0;
};

// The beats of a loop that is as long as its file, or as the part of it that sounds. Empty where neither is a whole
// number of beats: a bad cut has no grid.
[[nodiscard]] std::optional<Grid> grid_of(double bpm, double duration_s, const Sounding& sounding);

// From each onset to the next, the last to the end of the sound; none shorter than 50 ms.
[[nodiscard]] std::vector<Slice> slices_of(const std::vector<double>& onsets_s, const Sounding& sounding);

class GridMeter final : public Feature {
 public:
  explicit GridMeter(const OnsetMeter& onsets) : onsets_(onsets) {}
  void add(const Block&) override {}
  void finish(Report& report) override;  // Report::grid and Report::slices, of loops with a tempo; after the tempo

 private:
  const OnsetMeter& onsets_;
};

}  // namespace cd
