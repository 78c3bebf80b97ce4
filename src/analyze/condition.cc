#include "analyze/condition.h"

#include <algorithm>
#include <cmath>

namespace cd {

namespace {
constexpr float kSilent = 1e-5F;       // -100 dBFS: dither and less
constexpr float kFullScale = 0.9999F;  // 16 bit: 32765 and more
constexpr unsigned kClippedRun = 4;    // as many equal samples at full scale do not happen by chance
constexpr double kOffset = 0.03;
// A single cycle, a square wave or a modulation curve sits at full scale and off zero on purpose.
constexpr double kWaveMax_s = 0.5;
}  // namespace

ConditionMeter::ConditionMeter(const StreamInfo& info) : channels_(static_cast<std::size_t>(info.channels)) {}

void ConditionMeter::add(const Block& block) {
  const std::size_t count = channels_.size();
  for (std::size_t c = 0; c < count; ++c) {
    Channel& channel = channels_[c];
    float low = 0;
    float high = 0;
    float sum = 0;
    for (std::size_t i = c; i < block.interleaved.size(); i += count) {
      const float sample = block.interleaved[i];
      low = std::min(low, sample);
      high = std::max(high, sample);
      sum += sample;
    }
    channel.sum += static_cast<double>(sum);
    peak_ = std::max({peak_, high, -low});
    if (std::max(high, -low) < kFullScale) {  // nearly every block: nothing to count
      channel.run = 0;
      continue;
    }
    for (std::size_t i = c; i < block.interleaved.size(); i += count) {
      const float sample = block.interleaved[i];
      const bool same = std::abs(sample) >= kFullScale && sample == channel.last;
      channel.run = same ? channel.run + 1 : 1;
      channel.last = sample;
      if (same && channel.run == kClippedRun) ++clipped_runs_;
    }
  }
  frames_ += block.mono.size();
}

void ConditionMeter::finish(Report& report) {
  if (frames_ == 0) return;
  if (peak_ < kSilent) {
    report.warnings.push_back("The file is silent.");
    return;
  }
  if (!report.format || report.format->duration_s < kWaveMax_s) return;
  if (clipped_runs_ > 0) {
    report.warnings.push_back("Clipped in " + std::to_string(clipped_runs_) +
                              (clipped_runs_ == 1 ? " place." : " places."));
  }
  double offset = 0;
  for (const Channel& channel : channels_)
    offset = std::max(offset, std::abs(channel.sum) / static_cast<double>(frames_));
  if (offset > kOffset && offset > kOffset * static_cast<double>(peak_)) {
    report.warnings.push_back("The sound does not swing around zero (DC offset of " +
                              std::to_string(static_cast<int>(std::lround(offset * 100))) +
                              " % of full scale).");
  }
}

}  // namespace cd
