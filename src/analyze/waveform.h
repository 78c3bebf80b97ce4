// WaveformMeter: the lowest and highest mono sample of at most kWaveformColumnsMax equal stretches of the
// file. The length is not trusted beforehand: bins of 2^n frames are merged in pairs whenever they become too
// many.
#pragma once

#include <vector>

#include "analyze/feature.h"

namespace cd {

class WaveformMeter final : public Feature {
 public:
  void add(const Block& block) override;
  void finish(Report& report) override;  // Report::waveform

 private:
  struct Range {
    float low = 0;
    float high = 0;
  };
  static Range join(Range a, Range b);
  void merge_pairs();

  std::vector<Range> bins_;
  std::size_t bin_frames_ = 1;   // a power of two
  std::size_t last_frames_ = 0;  // frames in bins_.back()
};

}  // namespace cd
