// What speaks for and against a tempo: the candidates of an onset curve, and for each a row of numbers that tempo.cc
// weighs. Pure.
//
// A loop is a circle, so it is correlated as one. That its length is a whole number of beats is one piece of evidence
// among others, of the whole file and of the part that sounds: silence, a tail or a bad cut make either wrong.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "analyze/autocorrelation.h"
#include "analyze/onsets.h"

namespace cd {

struct TempoQuestion {
  double duration_s = 0;  // of the whole file
  bool loop = false;      // its end meets its beginning
};

inline constexpr double kBpmMin = 48;
inline constexpr double kBpmMax = 210;

// One number each, in this order; most lie between 0 and 1.
inline constexpr std::array kEvidenceNames = std::to_array<std::string_view>({
    // Octaves from 120 bpm, their square, and what lies beyond 153 and below 88 bpm.
    "octaves", "octaves²", "fast", "slow",
    // How well the whole file is a number of beats: any number, a power of two, a multiple of 4, of 3, of 8, an odd
    // one, fewer than four; then the same of the part that sounds.
    "file", "file 2^n", "file 4n", "file 3n", "file 8n", "file odd", "file <4",  //
    "part", "part 2^n", "part 4n", "part 3n", "part 8n", "part odd", "part <4", "log2 beats",
    // Correlation of the circle (of a track: of the line) at so many beats.
    "all 1/4", "all 1/3", "all 1/2", "all 2/3", "all 3/4", "all 1", "all 3/2", "all 2", "all 3", "all 4", "all 8",
    // The line of the part that sounds; then the lows, mids and highs.
    "line 1/2", "line 1", "line 2", "line 4",  //
    "low 1/2", "low 1", "low 2", "low 4", "mid 1/2", "mid 1", "mid 2", "mid 4", "high 1/2", "high 1", "high 2",
    "high 4",
    // Onsets folded to one beat: on it, half way, at quarters, at thirds, and how flat the fold is; the lows.
    "on beat", "on half", "on quarters", "on thirds", "flatness", "low on beat", "low on half", "low on quarters",
    // Onsets a beat, in octaves, and squared.
    "density", "density²",
    // Not of a length, but from a peak of the correlation.
    "peak"});
using Evidence = std::array<double, kEvidenceNames.size()>;

class BeatListener {
 public:
  BeatListener(const OnsetCurve& curve, const TempoQuestion& question);

  struct Candidate {
    double bpm = 0;
    bool peak = false;  // from the correlation; otherwise from a length
  };
  // From kBpmMin to kBpmMax, at least 0.8 % apart. Empty: nothing to hear.
  [[nodiscard]] std::vector<Candidate> candidates() const;
  [[nodiscard]] Evidence evidence(const Candidate& candidate) const;
  // The tempo near `bpm` that the longest lags ask for; `bpm` itself where they say nothing.
  [[nodiscard]] double refined(double bpm) const;
  // How much repeats at exactly 2, 4, 8, … beats of this tempo.
  [[nodiscard]] double support(double bpm) const;
  [[nodiscard]] double sounding_s() const { return sounding_s_; }

 private:
  struct Band {
    std::vector<float> raised;  // what rises out of its surroundings
    std::vector<double> whole;  // correlation of a loop's circle, of a track's line
  };
  [[nodiscard]] Band band_of(const std::vector<float>& values) const;
  [[nodiscard]] double lag_of(double bpm) const { return 60 * rate_hz_ / bpm; }
  [[nodiscard]] double refined_lag(double lag) const;

  const TempoQuestion question_;
  const double rate_hz_;
  std::size_t frames_ = 0;   // of the file
  std::size_t from_ = 0;     // of the part that sounds
  std::size_t to_ = 0;
  double sounding_s_ = 0;
  double onsets_a_second_ = 0;
  Band all_, low_, mid_, high_;
  std::vector<double> line_;  // of the part that sounds, as far as a quarter of it overlaps
};

}  // namespace cd
