#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numbers>

#include "analyze/shape.h"
#include "analyze/tempo.h"
#include "analyze/tonality.h"
#include "tests/analyze/synth.h"

namespace cd {
namespace {

using synth::Beat;
using synth::Chord;
using synth::Sound;

Report heard(const Sound& sound) {
  const auto report = synth::listen_to(synth::as_wav(sound));
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report.value_or(Report{});
}

class TempoOfABeat : public testing::TestWithParam<double> {};

TEST_P(TempoOfABeat, IsHeardToTheRoundedBpm) {
  const Report report = heard(synth::beat({.bpm = GetParam(), .beats = 16}));
  EXPECT_EQ(report.kind, Kind::loop);
  ASSERT_TRUE(report.tempo);
  EXPECT_NEAR(report.tempo->bpm, GetParam(), 0.5);
  EXPECT_GT(report.tempo->confidence, 0.5);
}

// Faster ones with these accents may as well be felt at half the tempo.
INSTANTIATE_TEST_SUITE_P(From85To150, TempoOfABeat, testing::Values(85, 92.5, 100, 110, 120, 128, 140, 150));

TEST(Tempo, OfATrackIsHeardWithoutHelpFromItsLength) {
  const Sound beats = synth::beat({.bpm = 124, .beats = 80});
  Sound track = synth::silence(0.37);
  track.samples.insert(track.samples.end(), beats.samples.begin(), beats.samples.end());
  const Report report = heard(track);
  EXPECT_EQ(report.kind, Kind::track);
  ASSERT_TRUE(report.tempo);
  EXPECT_NEAR(report.tempo->bpm, 124, 0.5);
}

TEST(Tempo, OfALoopWithSilenceAtItsEndIsThatOfItsBeat) {
  Sound loop = synth::beat({.bpm = 120, .beats = 16});
  loop.samples.resize(loop.samples.size() + 44100 / 3);
  const Report report = heard(loop);
  ASSERT_TRUE(report.tempo);
  EXPECT_NEAR(report.tempo->bpm, 120, 2.4);
}

TEST(Tempo, IsTheSameAtEverySampleRate) {
  for (const int rate_hz : {8000, 22050, 48000, 96000, 192000}) {
    const Report report = heard(synth::beat({.bpm = 120, .beats = 8}, rate_hz));
    ASSERT_TRUE(report.tempo) << rate_hz;
    EXPECT_NEAR(report.tempo->bpm, 120, 0.5) << rate_hz;
  }
}

TEST(Tempo, IsNotGivenToAOneShot) {
  Sound shot = synth::silence(1.0);
  synth::add_hit(shot, 0.0, 0.1);
  const Report report = heard(shot);
  EXPECT_EQ(report.kind, Kind::one_shot);
  EXPECT_FALSE(report.tempo);
}

TEST(Tempo, ConfidenceOfALengthIsOneAtWholeBeatsAndZeroAtHalf) {
  EXPECT_DOUBLE_EQ(length_fits_beats(4.0, 120), 1.0);
  EXPECT_NEAR(length_fits_beats(4.25, 120), 0.0, 1e-9);
  EXPECT_NEAR(length_fits_beats(4.125, 120), 0.5, 1e-9);
  EXPECT_DOUBLE_EQ(length_fits_beats(0.0001, 60), length_fits_beats(0.0001, 60));
}

RC_GTEST_PROP(Tempo, OfAnyCurveIsInRangeOrAbsent, (std::vector<std::uint8_t> bytes, bool loop)) {
  OnsetCurve curve;
  curve.rate_hz = 172.27;
  for (int repeat = 0; repeat < 40; ++repeat) {
    for (const std::uint8_t byte : bytes) curve.values.push_back(static_cast<float>(byte) / 255.0F);
  }
  const double duration_s = static_cast<double>(curve.values.size()) / curve.rate_hz;
  const auto tempo = estimate_tempo(curve, {.duration_s = duration_s, .loop = loop});
  if (!tempo) return;
  RC_ASSERT(tempo->bpm >= kBpmMin * 0.97 && tempo->bpm <= kBpmMax * 1.03);
  RC_ASSERT(tempo->confidence >= 0 && tempo->confidence <= 1);
}

TEST(Onsets, AreWithin10MillisecondsOfTheHits) {
  Sound sound = synth::silence(3.0);
  const std::vector<double> hits{0.0, 0.4, 0.95, 1.3, 1.45, 2.2, 2.61};
  for (const double at_s : hits) synth::add_hit(sound, at_s);
  const Report report = heard(sound);
  ASSERT_EQ(report.onsets_s.size(), hits.size());
  for (std::size_t i = 0; i < hits.size(); ++i) EXPECT_NEAR(report.onsets_s[i], hits[i], 0.010);
}

TEST(Onsets, DoNotDependOnTheLevel) {
  Sound sound = synth::beat({.bpm = 130, .beats = 8});
  const Report loud = heard(sound);
  for (float& sample : sound.samples) sample *= 0.05F;
  const auto quiet = synth::listen_to(synth::as_float_wav(sound));
  ASSERT_TRUE(quiet);
  EXPECT_EQ(loud.onsets_s.size(), quiet->onsets_s.size());
}

struct KeyCase {
  const char* name;
  std::vector<Chord> chords;  // in C
  bool minor;
};

TEST(Key, OfAProgressionIsHeardInAllTwelveTranspositions) {
  const std::vector<KeyCase> cases{{"I-vi-IV-V", {{0}, {9, true}, {5}, {7}}, false},
                                   {"i-iv-V-i", {{0, true}, {5, true}, {7}, {0, true}}, true}};
  for (const KeyCase& c : cases) {
    for (int tonic = 0; tonic < 12; ++tonic) {
      const Report report = heard(synth::progression(c.chords, tonic));
      ASSERT_TRUE(report.key) << c.name << " on " << tonic;
      EXPECT_EQ(report.key->tonic, tonic) << c.name;
      EXPECT_EQ(report.key->minor, c.minor) << c.name << " on " << tonic;
    }
  }
}

TEST(Key, IsHeardOfADetunedSample) {
  for (const double off : {-0.3, 0.25, 0.4}) {
    const Report report = heard(synth::progression({{0}, {9, true}, {5}, {7}}, 2 + off));
    ASSERT_TRUE(report.key) << off;
    EXPECT_EQ(report.key->name(), "D") << off;
  }
}

TEST(Key, IsNotGivenToDrumsAndNoise) {
  EXPECT_FALSE(heard(synth::noise(0.5, 3)).key);
  Sound drums = synth::silence(4);
  for (int i = 0; i < 16; ++i) synth::add_hit(drums, i * 0.25);
  EXPECT_FALSE(heard(drums).key);
}

TEST(Tuning, IsFoundWithinOneStep) {
  PitchHistogram pitches{};
  for (std::size_t semitone = 0; semitone < 12; ++semitone) pitches[semitone * 10 + 3] = 1;
  EXPECT_NEAR(estimate_tuning(pitches), 3, 1e-6);
  const Chroma chroma = fold(pitches, 3);
  for (const double strength : chroma) EXPECT_DOUBLE_EQ(strength, 1);
}

RC_GTEST_PROP(Tuning, FoldLosesNothing, (std::array<std::uint8_t, 120> strengths)) {
  PitchHistogram pitches{};
  double total = 0;
  for (std::size_t i = 0; i < pitches.size(); ++i) total += pitches[i] = strengths[i];
  const double tuning = estimate_tuning(pitches);
  RC_ASSERT(tuning >= -5.001 && tuning <= 5.001);
  double folded = 0;
  for (const double strength : fold(pitches, tuning)) folded += strength;
  RC_ASSERT(std::abs(folded - total) < 1e-6);
}

TEST(Loudness, OfAReferenceToneIsWhatEbuTech3341Says) {
  // Test case 1: a stereo sine of 1000 Hz at -23 dBFS measures -23 LUFS.
  const Report report = heard(synth::sine(1000, std::pow(10, -23.0 / 20), 20, 48000, 2));
  ASSERT_TRUE(report.loudness);
  EXPECT_NEAR(report.loudness->integrated_lufs, -23.0, 0.1);
  EXPECT_NEAR(report.loudness->true_peak_dbtp, -23.0, 0.2);
  EXPECT_TRUE(report.loudness->gated);
  ASSERT_TRUE(report.loudness->range_lu);
  EXPECT_NEAR(*report.loudness->range_lu, 0, 0.1);
}

TEST(Loudness, OfAShortFileIsMarkedUngated) {
  const Report report = heard(synth::sine(1000, std::pow(10, -23.0 / 20), 0.2, 48000, 2));
  ASSERT_TRUE(report.loudness);
  EXPECT_FALSE(report.loudness->gated);
  EXPECT_NEAR(report.loudness->integrated_lufs, -23.0, 0.5);
  EXPECT_FALSE(report.loudness->range_lu);
}

TEST(Loudness, TruePeakBetweenTheSamplesIsFound) {
  // A quarter of the rate, 45 degrees off: samples at 0.707 of the crest.
  Sound sound = synth::silence(1.0, 48000);
  for (std::size_t i = 0; i < sound.frames(); ++i) {
    sound.samples[i] = static_cast<float>(std::sin(std::numbers::pi * (0.5 * static_cast<double>(i) + 0.25)));
  }
  const auto report = synth::listen_to(synth::as_float_wav(sound));
  ASSERT_TRUE(report && report->loudness);
  EXPECT_NEAR(report->loudness->true_peak_dbtp, 0, 0.3);
}

TEST(Waveform, ShowsTheShapeInAtMost200Columns) {
  Sound sound = synth::sine(200, 0.25, 1.0);
  const Sound loud = synth::sine(200, 0.75, 1.0);
  sound.samples.insert(sound.samples.end(), loud.samples.begin(), loud.samples.end());
  const Report report = heard(sound);
  ASSERT_EQ(report.waveform.size(), 2 * kWaveformColumnsMax);
  EXPECT_NEAR(report.waveform[2 * 50], -0.25, 0.01);
  EXPECT_NEAR(report.waveform[2 * 50 + 1], 0.25, 0.01);
  EXPECT_NEAR(report.waveform[2 * 150 + 1], 0.75, 0.01);
}

TEST(Waveform, OfAFewSamplesHasAsManyColumns) {
  Sound sound = synth::silence(0);
  sound.samples = {0.5F, -0.5F, 0.25F};
  EXPECT_EQ(heard(sound).waveform.size(), 6U);
}

TEST(Shape, IsALoopWithFourOnsetsAndATrackBeyondHalfAMinute) {
  EXPECT_EQ(kind_of({.duration_s = 1.0, .onsets = 8}), Kind::one_shot);
  EXPECT_EQ(kind_of({.duration_s = 4.0, .onsets = 3}), Kind::one_shot);
  EXPECT_EQ(kind_of({.duration_s = 4.0, .onsets = 4}), Kind::loop);
  EXPECT_EQ(kind_of({.duration_s = 31.0, .onsets = 60}), Kind::track);
  EXPECT_EQ(kind_of({.duration_s = 60.0, .onsets = 5}), Kind::one_shot);
}

TEST(Condition, ClippingAndOffsetAreWarnings) {
  Sound clipped = synth::sine(100, 3.0, 1.0);
  const Report loud = heard(clipped);
  ASSERT_EQ(loud.warnings.size(), 1U);
  EXPECT_NE(loud.warnings[0].find("Clipped"), std::string::npos);

  Sound offset = synth::sine(100, 0.2, 1.0);
  for (float& sample : offset.samples) sample += 0.3F;
  const Report shifted = heard(offset);
  ASSERT_EQ(shifted.warnings.size(), 1U);
  EXPECT_NE(shifted.warnings[0].find("DC offset of 30 %"), std::string::npos);
}

}  // namespace
}  // namespace cd
