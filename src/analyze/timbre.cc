#include "analyze/timbre.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cd {

namespace {

constexpr double kAttack_s = 0.03;
constexpr double kTail_s = 0.1;
constexpr std::array kShares_hz{30.0, 90.0, 180.0, 400.0, 1000.0, 2500.0, 6000.0, 30000.0};

struct Spectrum {
  std::vector<double> share;  // of the bands, 1 together

  Spectrum(const BandPowers& powers, std::size_t from, std::size_t to) : share(powers.centres_hz.size(), 1e-20) {
    const std::size_t bands = share.size();
    for (std::size_t n = from; n < to; ++n) {
      for (std::size_t b = 0; b < bands; ++b) share[b] += static_cast<double>(powers.values[n * bands + b]);
    }
    double total = 0;
    for (const double value : share) total += value;
    for (double& value : share) value /= total;
  }
};

double octaves(double hz) {
  return std::log2(hz / 40);
}

double centroid(const Spectrum& spectrum, std::span<const double> centres_hz) {
  double sum = 0;
  for (std::size_t b = 0; b < centres_hz.size(); ++b) sum += spectrum.share[b] * octaves(centres_hz[b]);
  return sum;
}

// Frame by frame.
std::vector<double> envelope_of(const BandPowers& powers) {
  const std::size_t bands = powers.centres_hz.size();
  std::vector<double> out(powers.frames());
  for (std::size_t i = 0; i < out.size() * bands; ++i) out[i / bands] += static_cast<double>(powers.values[i]);
  return out;
}

double log_s(double frames, double rate_hz) {
  return std::log10(std::max(0.0, frames) / rate_hz + 1e-3);
}

// The frame by which this share of the energy is out.
double frame_of_share(const std::vector<double>& envelope, double share) {
  double total = 0;
  for (const double power : envelope) total += power;
  double sum = 0;
  for (std::size_t n = 0; n < envelope.size(); ++n) {
    sum += envelope[n];
    if (sum >= share * total) return static_cast<double>(n);
  }
  return static_cast<double>(envelope.size());
}

}  // namespace

Timbre timbre_of(const BandPowers& powers) {
  Timbre out{};
  const std::vector<double> envelope = envelope_of(powers);
  if (envelope.empty()) return out;
  const auto highest = std::max_element(envelope.begin(), envelope.end());
  if (!(*highest > 1e-12)) return out;
  const auto begin = std::find_if(envelope.begin(), envelope.end(), [&](double p) { return p > 1e-4 * *highest; });
  const auto last = std::find_if(envelope.rbegin(), envelope.rend(), [&](double p) { return p > 1e-2 * *highest; });
  const auto start = static_cast<std::size_t>(begin - envelope.begin());
  const double rate_hz = powers.rate_hz;
  const auto frames = [&](double seconds) { return static_cast<std::size_t>(seconds * rate_hz); };

  const Spectrum whole(powers, 0, envelope.size());
  const Spectrum attack(powers, start, std::min(envelope.size(), start + std::max<std::size_t>(2, frames(kAttack_s))));
  const std::size_t tail_from = start + frames(kTail_s);
  const Spectrum tail(powers, tail_from < envelope.size() ? tail_from : 0, envelope.size());
  std::size_t next = 0;
  const double mean = out[next++] = centroid(whole, powers.centres_hz);
  double spread = 0;
  for (std::size_t b = 0; b < whole.share.size(); ++b)
    spread += whole.share[b] * std::pow(octaves(powers.centres_hz[b]) - mean, 2);
  out[next++] = std::sqrt(spread);
  out[next++] = centroid(attack, powers.centres_hz);
  out[next++] = centroid(tail, powers.centres_hz);
  const auto from = static_cast<double>(start);
  out[next++] = log_s(frame_of_share(envelope, 0.5) - from, rate_hz);
  out[next++] = log_s(frame_of_share(envelope, 0.9) - from, rate_hz);
  out[next++] = log_s(static_cast<double>(envelope.rend() - last) - 1 - from, rate_hz);
  out[next++] = log_s(static_cast<double>(highest - begin), rate_hz);
  for (std::size_t i = 0; i + 1 < kShares_hz.size(); ++i, ++next) {
    for (std::size_t b = 0; b < whole.share.size(); ++b) {
      if (powers.centres_hz[b] >= kShares_hz[i] && powers.centres_hz[b] < kShares_hz[i + 1]) out[next] += whole.share[b];
    }
  }
  double logs = 0;
  for (const double share : whole.share) logs += std::log(share);
  const auto bands = static_cast<double>(whole.share.size());
  out[next] = std::exp(logs / bands) * bands;
  return out;
}

}  // namespace cd
