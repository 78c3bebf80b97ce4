#include "bench/ears_score.h"

#include <algorithm>
#include <cmath>

namespace cd::bench {

namespace {
bool within_4_percent(double a, double b) {
  return std::abs(a / b - 1) <= 0.04;
}
constexpr double kNear_s = 0.025;
}  // namespace

void TempoScore::add(const std::optional<Tempo>& heard, double bpm) {
  ++files;
  if (!heard) return;
  ++answers;
  const bool right = within_4_percent(heard->bpm, bpm);
  acc1e += std::lround(heard->bpm) == std::lround(bpm) ? 1U : 0U;
  acc1 += right ? 1U : 0U;
  for (const double factor : {1.0, 2.0, 3.0, 0.5, 1.0 / 3}) {
    if (within_4_percent(heard->bpm, bpm * factor)) {
      ++acc2;
      break;
    }
  }
  by_confidence.emplace_back(heard->confidence, right);
}

double TempoScore::confident_half() const {
  auto sorted = by_confidence;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  sorted.resize((sorted.size() + 1) / 2);
  std::size_t right = 0;
  for (const auto& answer : sorted) right += answer.second ? 1U : 0U;
  return percent(right, sorted.size());
}

Tempo blind_tempo(double duration_s) {
  Tempo best{60 / duration_s, 0};
  for (double beats = 1; beats <= 512; beats *= 2) {
    const double bpm = 60 * beats / duration_s;
    if (std::abs(std::log2(bpm / 120)) < std::abs(std::log2(best.bpm / 120))) best.bpm = bpm;
  }
  return best;
}

void KeyScore::add(const std::optional<Key>& heard, const Key& truth) {
  ++files;
  if (!heard) return;
  ++answers;
  const int up = (heard->tonic - truth.tonic + 12) % 12;
  if (heard->minor == truth.minor) {
    if (up == 0) {
      ++exact;
      weighted += 1;
    } else if (up == 7 || up == 5) {
      weighted += 0.5;
    }
  } else if (up == 0) {
    weighted += 0.2;
  } else if (up == (truth.minor ? 3 : 9)) {
    weighted += 0.3;
  }
}

void OnsetScore::add(const std::vector<double>& heard_s, const std::vector<double>& truth_s) {
  heard += heard_s.size();
  there += truth_s.size();
  std::size_t next = 0;
  for (const double at_s : truth_s) {
    while (next < heard_s.size() && heard_s[next] < at_s - kNear_s) ++next;
    if (next == heard_s.size() || heard_s[next] > at_s + kNear_s) continue;
    ++hits;
    ++next;
  }
}

double OnsetScore::f() const {
  return percent(2 * hits, heard + there);
}

}  // namespace cd::bench
