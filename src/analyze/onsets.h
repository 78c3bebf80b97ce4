// OnsetMeter: where notes and hits begin. Log spectral flux in bands (after Böck & Widmer, "Maximum filter
// vibrato suppression for onset detection", DAFx 2013, without the maximum filter), relative to the loudest
// band of the file, so that a quiet recording gives the same onsets as a loud one.
// Its curve is also what tempo hears.
#pragma once

#include <vector>

#include "analyze/feature.h"
#include "analyze/framer.h"
#include "analyze/timbre.h"

namespace cd {

// How much begins at each moment: value n is at n / rate_hz seconds. Never negative; about 1 for a hit out of
// silence over all bands.
struct OnsetCurve {
  std::vector<float> values;
  double rate_hz = 0;
  std::vector<float> low, mid, high;  // the same of the bands below 180 Hz, between, and from 2.5 kHz on; or empty
  double sounds_from_s = 0;           // what is softer than the loudest frame by 45 dB is before and behind
  double sounds_to_s = 0;             // 0: not known, to the end
};

// Peaks of the curve in seconds, ascending, at least 30 ms apart.
[[nodiscard]] std::vector<double> pick_onsets(const OnsetCurve& curve);

class OnsetMeter final : public Feature {
 public:
  OnsetMeter(const StreamInfo& info, std::uint64_t excerpt_frames);
  void add(const Block& block) override;
  void finish(Report& report) override;  // Report::onsets_s

  // Valid after finish().
  [[nodiscard]] const OnsetCurve& curve() const { return curve_; }
  // Of the whole excerpt.
  [[nodiscard]] const Timbre& timbre() const { return timbre_; }

 private:
  void add_frame(std::span<const float> power);
  void build_curve();
  [[nodiscard]] std::vector<double> band_centres_hz() const;
  void find_sounding(std::size_t frames);

  const std::uint64_t excerpt_frames_;
  std::vector<std::size_t> edges_;  // bins; band b is [edges_[b], edges_[b + 1])
  std::vector<float> bands_;        // power, frame by frame: 4 MB for an excerpt of 120 s
  OnsetCurve curve_;
  Timbre timbre_{};
  double bin_hz_ = 0;
  Framer framer_;
};

}  // namespace cd
