// ConditionMeter: is the sound itself in order? Silence, clipping and a constant offset become warnings.
#pragma once

#include <vector>

#include "analyze/feature.h"

namespace cd {

class ConditionMeter final : public Feature {
 public:
  explicit ConditionMeter(const StreamInfo& info);
  void add(const Block& block) override;
  void finish(Report& report) override;  // Report::warnings

 private:
  struct Channel {
    double sum = 0;
    float last = 0;
    unsigned run = 0;  // samples in a row at one value at or above full scale
  };
  std::vector<Channel> channels_;
  float peak_ = 0;
  std::uint64_t frames_ = 0;
  std::uint64_t clipped_runs_ = 0;
};

}  // namespace cd
