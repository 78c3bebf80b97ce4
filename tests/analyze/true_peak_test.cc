#include "analyze/true_peak.h"

#include <ebur128.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/analyze/synth.h"

namespace cd {
namespace {

double peak_by_library(const synth::Sound& sound) {
  ebur128_state* state = ebur128_init(static_cast<unsigned>(sound.channels),
                                      static_cast<unsigned long>(sound.rate_hz), EBUR128_MODE_TRUE_PEAK);
  ebur128_add_frames_float(state, sound.samples.data(), sound.frames());
  double highest = 0;
  for (unsigned channel = 0; channel < static_cast<unsigned>(sound.channels); ++channel) {
    double peak = 0;
    ebur128_true_peak(state, channel, &peak);
    highest = std::max(highest, peak);
  }
  ebur128_destroy(&state);
  return highest;
}

// In blocks of any size: the answer must not depend on where they are cut.
double peak_by_us(const synth::Sound& sound, std::size_t block_frames) {
  TruePeak meter(sound.rate_hz, sound.channels);
  const std::size_t step = block_frames * static_cast<std::size_t>(sound.channels);
  const std::span<const float> all = sound.samples;
  for (std::size_t at = 0; at < all.size(); at += step)
    meter.add(all.subspan(at, std::min(step, all.size() - at)));
  return meter.peak();
}

TEST(TruePeak, AgreesWithLibebur128OnTonesBetweenTheSamples) {
  for (const double hz : {997.0, 5512.5, 11025.0, 11024.0, 15000.0, 19000.0}) {
    const synth::Sound sound = synth::sine(hz, 0.8, 0.3, 44100, 2);
    EXPECT_NEAR(20 * std::log10(peak_by_us(sound, 1000)), 20 * std::log10(peak_by_library(sound)), 0.01)
        << hz;
  }
}

TEST(TruePeak, AgreesWithLibebur128At96kHzAndAt192kHz) {
  for (const int rate_hz : {96000, 192000}) {
    for (const double hz : {997.0, 23999.0, 30000.0}) {
      const synth::Sound sound = synth::sine(hz, 0.8, 0.1, rate_hz);
      EXPECT_NEAR(20 * std::log10(peak_by_us(sound, 512)), 20 * std::log10(peak_by_library(sound)), 0.01)
          << hz;
    }
  }
}

RC_GTEST_PROP(TruePeak, AgreesWithLibebur128OnNoiseCutAnywhere, ()) {
  const auto seed = *rc::gen::inRange<std::uint32_t>(0, 1U << 30U);
  const auto block = *rc::gen::inRange<std::size_t>(1, 700);
  synth::Sound sound = synth::noise(0.9, 0.05, seed);
  // A decay, so that most of it can be skipped.
  for (std::size_t i = 0; i < sound.samples.size(); ++i)
    sound.samples[i] *= std::exp(-static_cast<float>(i) / 500.0F);
  RC_ASSERT(std::abs(peak_by_us(sound, block) - peak_by_library(sound)) < 1e-4);
}

}  // namespace
}  // namespace cd
