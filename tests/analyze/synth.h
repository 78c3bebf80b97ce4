// Sounds of known tempo, key and loudness, as the bytes of a file: what the tests of the ears listen to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analyze/analyze_file.h"

namespace cd::synth {

struct Sound {
  int rate_hz = 44100;
  int channels = 1;
  std::vector<float> samples;  // interleaved

  [[nodiscard]] std::size_t frames() const { return samples.size() / static_cast<std::size_t>(channels); }
  [[nodiscard]] double duration_s() const { return static_cast<double>(frames()) / rate_hz; }
};

[[nodiscard]] Sound silence(double duration_s, int rate_hz = 44100, int channels = 1);
[[nodiscard]] Sound sine(double hz, double amplitude, double duration_s, int rate_hz = 44100,
                         int channels = 1);
[[nodiscard]] Sound noise(double amplitude, double duration_s, std::uint32_t seed = 1);

// Notes with eight harmonics, mixed into `sound`. MIDI numbers may be fractions.
struct Note {
  double midi = 69;
  double start_s = 0;
  double duration_s = 0.5;
};
void add_note(Sound& sound, const Note& note, double amplitude = 0.1);
// A burst of noise that dies away in `decay_s`.
void add_hit(Sound& sound, double start_s, double decay_s = 0.03, double amplitude = 0.7);

// Hits on every beat, weaker ones between: kick, hat, snare, hat.
struct Beat {
  double bpm = 120;
  int beats = 8;
};
[[nodiscard]] Sound beat(const Beat& beat, int rate_hz = 44100);
// Four triads, half a second each, twice over: roots above C4 in semitones, minor where said.
struct Chord {
  int root = 0;
  bool minor = false;
};
[[nodiscard]] Sound progression(const std::vector<Chord>& chords, double transpose_semitones);

// The whole file, as libsndfile writes it. `format` is of libsndfile: SF_FORMAT_WAV | SF_FORMAT_PCM_16.
[[nodiscard]] std::string as_file(const Sound& sound, int format);
[[nodiscard]] std::string as_wav(const Sound& sound);        // 16 bit
[[nodiscard]] std::string as_float_wav(const Sound& sound);  // 32 bit float, NaN and all

[[nodiscard]] Result<Report> listen_to(const std::string& file, std::string_view name = "sound.wav");

}  // namespace cd::synth
