// Scores as the literature counts them. Tempo: ACC1e the rounded BPM is equal, ACC1 within 4 %, ACC2 the same allowing
// ×2 ×3 ÷2 ÷3 (Gouyon et al. 2006). Key: MIREX weights (same 1, fifth 0.5, relative 0.3, parallel 0.2).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyze/report.h"

namespace cd::bench {

struct TempoScore {
  std::size_t files = 0, answers = 0;
  std::size_t acc1e = 0, acc1 = 0, acc2 = 0;
  std::vector<std::pair<double, bool>> by_confidence;  // of each answer, and whether it was within 4 %

  void add(const std::optional<Tempo>& heard, double bpm);
  [[nodiscard]] double confident_half() const;  // ACC1 of the more confident half of the answers, percent
};

// The beat nearest to 120 of which the file is 1, 2, 4, 8, … long: nothing is heard.
[[nodiscard]] Tempo blind_tempo(double duration_s);

struct KeyScore {
  std::size_t files = 0, exact = 0, answers = 0;
  double weighted = 0;
  void add(const std::optional<Key>& heard, const Key& truth);
};

struct OnsetScore {
  std::size_t hits = 0, heard = 0, there = 0;
  void add(const std::vector<double>& heard_s, const std::vector<double>& truth_s);
  [[nodiscard]] double f() const;  // percent
};

[[nodiscard]] inline double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}
[[nodiscard]] inline double percent(std::size_t part, std::size_t whole) {
  return percent(static_cast<double>(part), static_cast<double>(whole));
}

}  // namespace cd::bench
