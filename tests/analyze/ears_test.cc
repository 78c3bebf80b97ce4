// Root, class, grid, slices and labels in the file; and a small table of what the ears reach on synthesised loops.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "analyze/autocorrelation.h"
#include "analyze/grid.h"
#include "analyze/pitch.h"
#include "analyze/sound_class.h"
#include "analyze/tempo.h"
#include "tests/analyze/synth.h"

namespace cd {
namespace {

using synth::Sound;

Report heard(const Sound& sound) {
  const auto report = synth::listen_to(synth::as_wav(sound));
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report.value_or(Report{});
}

Sound note(double midi, double duration_s) {
  Sound sound = synth::silence(duration_s + 0.05);
  synth::add_note(sound, {.midi = midi, .start_s = 0.02, .duration_s = duration_s}, 0.2);
  return sound;
}

// A sine that falls from one pitch to another and dies away.
Sound glide(double from_hz, double to_hz, double decay_s) {
  Sound sound = synth::silence(0.5);
  double phase = 0;
  for (std::size_t i = 0; i < sound.frames(); ++i) {
    const double t = static_cast<double>(i) / sound.rate_hz;
    phase += 2 * std::numbers::pi * (to_hz + (from_hz - to_hz) * std::exp(-t / 0.05)) / sound.rate_hz;
    sound.samples[i] = static_cast<float>(0.8 * std::sin(phase) * std::exp(-t / decay_s));
  }
  return sound;
}

TEST(Root, OfANoteIsHeardWithItsCents) {
  for (const double midi : {33.0, 45.0, 57.3, 60.0, 76.0}) {
    const Report report = heard(note(midi, 0.8));
    ASSERT_EQ(report.kind, Kind::one_shot);
    ASSERT_TRUE(report.root) << midi;
    EXPECT_NEAR(report.root->midi + report.root->cents / 100, midi, 0.1);
  }
}

TEST(Root, IsNotGivenToNoiseNorToAGlideNorToSilence) {
  Sound burst = synth::silence(0.6);
  synth::add_hit(burst, 0, 0.2);
  EXPECT_FALSE(heard(burst).root);
  EXPECT_FALSE(heard(glide(2000, 60, 0.3)).root);
  EXPECT_FALSE(fundamental_hz(std::vector<float>(44100, 0.0F), 44100));
  EXPECT_FALSE(fundamental_hz(std::vector<float>(100, 0.5F), 44100));
}

TEST(SoundClass, TellsLowDrumsFromBrightOnesAndAnyTimbreHasOne) {
  const std::string low = heard(glide(160, 50, 0.08)).sound_class;
  EXPECT_TRUE(low == "kick" || low == "tom") << low;
  Sound burst = synth::silence(0.3);
  synth::add_hit(burst, 0, 0.03);
  const std::string bright = heard(burst).sound_class;
  EXPECT_TRUE(is_drum(bright) && bright != "kick" && bright != "tom") << bright;
  EXPECT_FALSE(class_of(Timbre{}).name.empty());
  Timbre odd;
  odd.fill(1e6);
  const ClassGuess guess = class_of(odd);
  EXPECT_TRUE(guess.confidence >= 0 && guess.confidence <= 1);
}

TEST(SoundClass, IsGivenToOneShotsOnly) {
  EXPECT_TRUE(heard(synth::beat({.bpm = 120, .beats = 8})).sound_class.empty());
}

TEST(Grid, OfALoopIsItsBeatsAndBars) {
  const Report report = heard(synth::beat({.bpm = 110, .beats = 16}));
  ASSERT_TRUE(report.grid);
  EXPECT_EQ(report.grid->beats, 16);
  EXPECT_EQ(report.grid->beats_a_bar, 4);
  EXPECT_DOUBLE_EQ(report.grid->bars, 4);
  EXPECT_DOUBLE_EQ(report.grid->first_beat_s, 0);
}

TEST(Grid, IsOfThePartThatSoundsAndThreeBeatsMakeABar) {
  const auto padded = grid_of(120, 4.23, {.from_s = 0.2, .to_s = 4.2});
  ASSERT_TRUE(padded);
  EXPECT_EQ(padded->beats, 8);
  EXPECT_DOUBLE_EQ(padded->first_beat_s, 0.2);
  const auto waltz = grid_of(120, 3.0, {.from_s = 0, .to_s = 3.0});
  ASSERT_TRUE(waltz);
  EXPECT_EQ(waltz->beats_a_bar, 3);
  EXPECT_DOUBLE_EQ(waltz->bars, 2);
  EXPECT_FALSE(grid_of(120, 4.25, {.from_s = 0, .to_s = 4.2})) << "half a beat too long";
}

TEST(Slices, GoFromOnsetToOnsetAndNoneIsShort) {
  const auto slices = slices_of({0, 0.5, 0.52, 1.0, 1.99}, {.from_s = 0, .to_s = 2.0});
  EXPECT_EQ(slices, (std::vector<Slice>{{0, 0.5}, {0.5, 1.0}, {1.0, 2.0}}));
  EXPECT_TRUE(slices_of({}, {.from_s = 0, .to_s = 2.0}).empty());
  EXPECT_LE(slices_of(std::vector<double>(2000, 0.1), {.from_s = 0, .to_s = 2.0}).size(), kSlicesMax);
}

TEST(Autocorrelation, OfACircleMeetsItsBeginning) {
  std::vector<float> curve(100, 0.0F);
  for (std::size_t i = 0; i < curve.size(); i += 20) curve[i] = 1;
  const Autocorrelation correlation(curve);
  EXPECT_NEAR(correlation.circle()[0], 1, 1e-5);
  EXPECT_NEAR(correlation.circle()[20], 1, 1e-5);
  EXPECT_NEAR(correlation.circle()[80], 1, 1e-5);
  EXPECT_LT(correlation.circle()[10], 0);
  EXPECT_NEAR(correlation.line()[20], 1, 0.05);
  const Autocorrelation flat(std::vector<float>(64, 0.3F));
  for (const double value : flat.circle()) EXPECT_TRUE(std::isfinite(value));
}

// A chunk of a RIFF file, put behind the others; the sizes are made right.
std::string with_chunk(std::string wav, const std::string& id, std::string body) {
  const auto word = [](std::size_t value) {
    std::string out;
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>((value >> shift) & 0xFFU));
    return out;
  };
  if (body.size() % 2 == 1) body.push_back('\0');
  wav += id + word(body.size()) + body;
  wav.replace(4, 4, word(wav.size() - 8));
  return wav;
}

std::string id3_frame(const std::string& id, const std::string& text) {
  return id + std::string(3, '\0') + static_cast<char>(text.size() + 1) + std::string(3, '\0') + text;
}

std::string id3(const std::string& bpm, const std::string& key) {
  const std::string frames = id3_frame("TBPM", bpm) + id3_frame("TKEY", key);
  return std::string("ID3\x03\0\0\0\0\0", 9) + static_cast<char>(frames.size()) + frames;
}

TEST(Tags, TempoAndKeyOfID3InsideAWavAreReadAndOutrankTheName) {
  const std::string wav = synth::as_wav(synth::beat({.bpm = 120, .beats = 8}));
  const auto report = synth::listen_to(with_chunk(wav, "id3 ", id3("93.5", "F#m")), "loop_120bpm_Am.wav");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->effective_bpm()->value.bpm, 93.5);
  EXPECT_EQ(report->effective_bpm()->source, "tag");
  EXPECT_EQ(report->effective_key()->value.name(), "F#m");
  ASSERT_TRUE(report->tempo);
  EXPECT_NEAR(report->tempo->bpm, 120, 0.5);
  EXPECT_FALSE(report->disagreements().empty());
}

TEST(Tags, ThatSayNothingAreNoLabels) {
  const std::string wav = synth::as_wav(synth::beat({.bpm = 120, .beats = 8}));
  for (const auto& [bpm, key] : {std::pair<std::string, std::string>{"0", "o"}, {"fast", ""}, {"-3", "??"}, {"1e9", "Zm"}}) {
    const auto report = synth::listen_to(with_chunk(wav, "id3 ", id3(bpm, key)), "x.wav");
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->hints.empty()) << bpm;
  }
}

TEST(Tags, ThatLieAboutTheirSizeAreSurvived) {
  const std::string wav = synth::as_wav(synth::beat({.bpm = 120, .beats = 8}));
  std::string tag = id3("100", "Am");
  for (std::size_t i = 0; i < tag.size(); ++i) {
    std::string broken = tag;
    broken[i] = '\x7F';
    const auto report = synth::listen_to(with_chunk(wav, "id3 ", broken), "x.wav");
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_audio);
  }
}

TEST(Tags, TheRootOfASmplChunkIsReadAndTheDefaultIsNot) {
  const std::string wav = synth::as_wav(note(57, 0.8));
  for (const int midi : {41, 60}) {
    std::string smpl(36, '\0');
    smpl[12] = static_cast<char>(midi);
    const auto report = synth::listen_to(with_chunk(wav, "smpl", smpl), "x.wav");
    ASSERT_TRUE(report);
    ASSERT_TRUE(report->effective_root());
    EXPECT_EQ(report->effective_root()->source, midi == 60 ? "heard" : "smpl");
    EXPECT_EQ(report->effective_root()->value.midi, midi == 60 ? 57 : 41);
  }
}

// Loops of known tempo as they are and as people find them. Labelled sound is measured by bench/ears; this only keeps what
// is there from getting lost.
TEST(Tempo, OfDamagedLoopsIsHeardAsWell) {
  int right = 0;
  int all = 0;
  for (const double bpm : {84.0, 92.5, 101.0, 118.0, 127.0, 140.0}) {
    const Sound loop = synth::beat({.bpm = bpm, .beats = 16});
    Sound early = loop;
    early.samples.resize(loop.samples.size() - 500);
    Sound behind = loop;
    behind.samples.resize(loop.samples.size() + 17000);
    Sound before = synth::silence(0.13);
    before.samples.insert(before.samples.end(), loop.samples.begin(), loop.samples.end());
    for (const Sound& sound : {loop, early, behind, before}) {
      const Report report = heard(sound);
      ++all;
      right += report.tempo && std::abs(report.tempo->bpm / bpm - 1) < 0.01 ? 1 : 0;
    }
  }
  EXPECT_GE(right, all - 1);
}

}  // namespace
}  // namespace cd
