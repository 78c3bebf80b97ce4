// TonalityMeter: the key, by a chroma of spectral peaks and the profiles of three authors, after Gómez ("Tonal description of
// polyphonic audio for music content processing", INFORMS J. on Computing 18(3), 2006). The tuning is
// estimated, so that a sample a quarter tone off has a key too. Drums and noise correlate with no profile and
// get none.
#pragma once

#include <array>
#include <optional>

#include "analyze/feature.h"
#include "analyze/framer.h"

namespace cd {

// Strength of pitches, folded to one octave, in steps of 10 cents from C at A4 = 440 Hz.
using PitchHistogram = std::array<double, 120>;
// Strength of pitch classes from C.
using Chroma = std::array<double, 12>;

// Where the semitones of this recording lie, in steps: -5 to 5.
[[nodiscard]] double estimate_tuning(const PitchHistogram& pitches);
[[nodiscard]] Chroma fold(const PitchHistogram& pitches, double tuning);
// `clear_share`: how much of the spectrum's peaks stands alone, 0 to 1. Empty: nothing tonal.
[[nodiscard]] std::optional<Key> estimate_key(const Chroma& strengths, double clear_share);

class TonalityMeter final : public Feature {
 public:
  TonalityMeter(const StreamInfo& info, std::uint64_t excerpt_frames);
  void add(const Block& block) override;
  void finish(Report& report) override;  // Report::key

 private:
  void add_frame(std::span<const float> power);

  const std::uint64_t excerpt_frames_;
  const double bin_hz_;
  PitchHistogram pitches_{};
  double all_peaks_ = 0;  // amplitude
  double clear_peaks_ = 0;
  Framer framer_;
};

}  // namespace cd
