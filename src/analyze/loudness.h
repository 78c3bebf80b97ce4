// LoudnessMeter: EBU R 128 integrated loudness and loudness range by libebur128, which is named nowhere else,
// and the true peak. Writes Report::loudness and a warning where there is nothing to measure.
#pragma once

#include <memory>

#include "analyze/feature.h"
#include "analyze/true_peak.h"

namespace cd {

class LoudnessMeter final : public Feature {
 public:
  explicit LoudnessMeter(const StreamInfo& info);
  ~LoudnessMeter() override;
  void add(const Block& block) override;
  void finish(Report& report) override;

 private:
  struct Handle;
  [[nodiscard]] double integrated(bool& gated) const;

  const StreamInfo info_;
  std::unique_ptr<Handle> handle_;  // null: more channels or another rate than the standard knows
  TruePeak true_peak_;
  std::uint64_t frames_ = 0;
};

}  // namespace cd
