// PitchMeter: the root note of a one-shot, by the normalised square difference of McLeod & Wyvill ("A smarter way to find
// pitch", ICMC 2005) at three places of the sound. A note is given only where the places agree: a gliding kick, a chord
// and noise have none.
#pragma once

#include <optional>
#include <vector>

#include "analyze/feature.h"

namespace cd {

// The fundamental of a stretch of samples, from 27 Hz to 4 kHz. Empty: nothing periodic.
[[nodiscard]] std::optional<double> fundamental_hz(std::span<const float> samples, int sample_rate_hz);

class PitchMeter final : public Feature {
 public:
  explicit PitchMeter(const StreamInfo& info) : rate_hz_(info.sample_rate_hz) {}
  void add(const Block& block) override;
  void finish(Report& report) override;  // Report::root, of one-shots; the kind must be finished before

 private:
  const int rate_hz_;
  std::vector<float> begin_;  // the first two seconds
};

}  // namespace cd
