#include "tests/analyze/synth.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <random>

#include "base/check.h"

namespace cd::synth {

namespace {

std::size_t frames_of(double duration_s, int rate_hz) {
  return static_cast<std::size_t>(std::llround(duration_s * rate_hz));
}

void mix(Sound& sound, std::size_t frame, double value) {
  const auto channels = static_cast<std::size_t>(sound.channels);
  for (std::size_t c = 0; c < channels; ++c) sound.samples[frame * channels + c] += static_cast<float>(value);
}

struct MemoryFile {
  std::string bytes;
  sf_count_t position = 0;
};

MemoryFile& file_of(void* data) {
  return *static_cast<MemoryFile*>(data);
}

sf_count_t length_of(void* data) {
  return static_cast<sf_count_t>(file_of(data).bytes.size());
}

sf_count_t seek_to(sf_count_t offset, int whence, void* data) {
  MemoryFile& file = file_of(data);
  file.position = offset + (whence == SEEK_CUR ? file.position : whence == SEEK_END ? length_of(data) : 0);
  return file.position;
}

sf_count_t read_from(void* out, sf_count_t count, void* data) {
  MemoryFile& file = file_of(data);
  const sf_count_t n = std::clamp<sf_count_t>(length_of(data) - file.position, 0, count);
  std::memcpy(out, file.bytes.data() + file.position, static_cast<std::size_t>(n));
  file.position += n;
  return n;
}

sf_count_t write_to(const void* in, sf_count_t count, void* data) {
  MemoryFile& file = file_of(data);
  const auto end = static_cast<std::size_t>(file.position + count);
  if (file.bytes.size() < end) file.bytes.resize(end);
  std::memcpy(file.bytes.data() + file.position, in, static_cast<std::size_t>(count));
  file.position += count;
  return count;
}

sf_count_t tell_of(void* data) {
  return file_of(data).position;
}

}  // namespace

Sound silence(double duration_s, int rate_hz, int channels) {
  Sound sound{.rate_hz = rate_hz, .channels = channels, .samples = {}};
  sound.samples.assign(frames_of(duration_s, rate_hz) * static_cast<std::size_t>(channels), 0.0F);
  return sound;
}

Sound sine(double hz, double amplitude, double duration_s, int rate_hz, int channels) {
  Sound sound = silence(duration_s, rate_hz, channels);
  for (std::size_t i = 0; i < sound.frames(); ++i) {
    mix(sound, i, amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz));
  }
  return sound;
}

Sound noise(double amplitude, double duration_s, std::uint32_t seed) {
  Sound sound = silence(duration_s);
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> swing(-amplitude, amplitude);
  for (std::size_t i = 0; i < sound.frames(); ++i) mix(sound, i, swing(random));
  return sound;
}

void add_note(Sound& sound, const Note& note, double amplitude) {
  const double hz = 440 * std::pow(2, (note.midi - 69) / 12);
  const std::size_t first = frames_of(note.start_s, sound.rate_hz);
  const std::size_t count =
      std::min(frames_of(note.duration_s, sound.rate_hz), sound.frames() - std::min(first, sound.frames()));
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) / sound.rate_hz;
    const double envelope = std::min(1.0, t / 0.005) * std::exp(-2 * t);
    double value = 0;
    for (int harmonic = 1; harmonic <= 8; ++harmonic) {
      value += std::sin(2 * std::numbers::pi * hz * harmonic * t) / (harmonic * harmonic);
    }
    mix(sound, first + i, amplitude * envelope * value);
  }
}

void add_hit(Sound& sound, double start_s, double decay_s, double amplitude) {
  std::mt19937 random(static_cast<std::uint32_t>(start_s * 1000) + 7);
  std::uniform_real_distribution<double> swing(-1, 1);
  const std::size_t first = frames_of(start_s, sound.rate_hz);
  const std::size_t count = frames_of(6 * decay_s, sound.rate_hz);
  for (std::size_t i = 0; i < count && first + i < sound.frames(); ++i) {
    const double t = static_cast<double>(i) / sound.rate_hz;
    mix(sound, first + i, amplitude * std::exp(-t / decay_s) * swing(random));
  }
}

Sound beat(const Beat& beat, int rate_hz) {
  const double beat_s = 60 / beat.bpm;
  Sound sound = silence(beat.beats * beat_s, rate_hz);
  for (int i = 0; i < beat.beats; ++i) {
    add_hit(sound, i * beat_s, 0.05, i % 2 == 0 ? 0.7 : 0.5);
    add_hit(sound, (i + 0.5) * beat_s, 0.01, 0.2);
    if (i % 2 == 0) add_note(sound, {.midi = 30, .start_s = i * beat_s, .duration_s = 0.2}, 0.3);
  }
  return sound;
}

Sound progression(const std::vector<Chord>& chords, double transpose_semitones) {
  const double chord_s = 0.5;
  Sound sound = silence(static_cast<double>(2 * chords.size()) * chord_s);
  for (std::size_t i = 0; i < 2 * chords.size(); ++i) {
    const Chord& chord = chords[i % chords.size()];
    const double start_s = static_cast<double>(i) * chord_s;
    const double root = 60 + chord.root + transpose_semitones;
    for (const double above : {-12.0, 0.0, chord.minor ? 3.0 : 4.0, 7.0}) {
      add_note(sound, {.midi = root + above, .start_s = start_s, .duration_s = chord_s});
    }
  }
  return sound;
}

std::string as_file(const Sound& sound, int format) {
  MemoryFile memory;
  SF_VIRTUAL_IO io{length_of, seek_to, read_from, write_to, tell_of};
  SF_INFO info{};
  info.samplerate = sound.rate_hz;
  info.channels = sound.channels;
  info.format = format;
  SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
  CD_CHECK(file != nullptr);
  sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
  constexpr std::size_t kStep = 4096;  // libvorbis does not take a minute in one call
  for (std::size_t i = 0; i < sound.frames(); i += kStep) {
    const std::size_t n = std::min(kStep, sound.frames() - i);
    const float* from = sound.samples.data() + i * static_cast<std::size_t>(sound.channels);
    CD_CHECK(sf_writef_float(file, from, static_cast<sf_count_t>(n)) == static_cast<sf_count_t>(n));
  }
  sf_close(file);
  return memory.bytes;
}

std::string as_wav(const Sound& sound) {
  return as_file(sound, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
}
std::string as_float_wav(const Sound& sound) {
  return as_file(sound, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
}

Result<Report> listen_to(const std::string& file, std::string_view name) {
  MemorySource source(file);
  return analyze(source, name);
}

}  // namespace cd::synth
