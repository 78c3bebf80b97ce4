// Report: what listening to one file found out. Values only: no file, no library handle behind it.
//
// Two kinds of knowledge stand side by side and are never mixed: what was heard (`tempo`, `key`, `kind`) and
// what somebody wrote into the file or its name (`hints`). A written label outranks the ear for the value
// that people see: effective_bpm(), effective_key() and effective_kind() apply that rule and name the source.
//
// Reports are persisted as JSON (to_json, report_from_json; field names below are stable) and travel as flat
// ASCII labels (labels_of) in object metadata and extended attributes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cd {

inline constexpr std::size_t kWaveformColumnsMax = 200;
inline constexpr std::size_t kOnsetsMax = 1000;
inline constexpr std::size_t kSlicesMax = 256;

enum class Kind { unknown, one_shot, loop, track };

[[nodiscard]] std::string_view name_of(Kind kind);         // "unknown", "one-shot", "loop", "track"
[[nodiscard]] Kind kind_from_name(std::string_view name);  // Kind::unknown for any other word

struct Tempo {
  double bpm = 0;         // quarter notes a minute
  double confidence = 0;  // 0 to 1
  friend bool operator==(const Tempo&, const Tempo&) = default;
};

struct Key {
  int tonic = 0;  // 0 is C, 11 is B
  bool minor = false;
  double confidence = 0;  // 0 to 1

  [[nodiscard]] std::string name() const;     // "Am", "F#", "Bbm": the spelling of the Camelot wheel
  [[nodiscard]] std::string camelot() const;  // "8A"
  friend bool operator==(const Key&, const Key&) = default;
};

// "Am", "A min", "A minor", "a_min", "Dmaj", "F#m", "Bb", "8A" (Camelot), "1m" and "6d" (Open Key).
// Confidence 1. Empty: not a key.
[[nodiscard]] std::optional<Key> parse_key(std::string_view text);

// The note of a one-shot: 60 is C4.
struct Root {
  int midi = 60;
  double cents = 0;  // above the note at A4 = 440 Hz, -50 to 50

  [[nodiscard]] std::string name() const;  // "F#3"
  friend bool operator==(const Root&, const Root&) = default;
};

// "C3", "F#2", "Bb-1": 60 is C4. Empty: not a note.
[[nodiscard]] std::optional<Root> parse_root(std::string_view text);

// The beats of a loop.
struct Grid {
  int beats = 0;
  int beats_a_bar = 4;
  double bars = 0;          // half a bar is 0.5
  double first_beat_s = 0;  // behind leading silence
  friend bool operator==(const Grid&, const Grid&) = default;
};

struct Slice {
  double from_s = 0;
  double to_s = 0;
  friend bool operator==(const Slice&, const Slice&) = default;
};

// Always finite: a file that is silent, or all below the gate of -70 LUFS, has none.
struct Loudness {
  double integrated_lufs = 0;      // EBU R 128
  bool gated = true;               // false: shorter than one gating block (0.4 s); integrated_lufs is then
                                   // the plain K-weighted mean
  double true_peak_dbtp = 0;       // may be above 0
  std::optional<double> range_lu;  // EBU Tech 3342; only of files of 10 s and longer
  friend bool operator==(const Loudness&, const Loudness&) = default;
};

struct AudioFormat {
  std::string container;  // "wav", "aiff", "flac", "ogg", "mp3", "caf", "au", "w64", …
  std::string codec;      // "pcm_16", "pcm_24", "pcm_u8", "float", "vorbis", "opus", "flac", "mp3", …
  int sample_rate_hz = 0;
  int channels = 0;
  std::uint64_t frames = 0;  // that could be decoded, whatever the header says
  double duration_s = 0;     // frames / sample_rate_hz
  friend bool operator==(const AudioFormat&, const AudioFormat&) = default;
};

enum class HintField { bpm, key, kind, sound_class, root };
// Best first: where two labels disagree, the earlier source counts.
enum class HintSource { acid_chunk, smpl_chunk, tag, file_name, folder_name };

[[nodiscard]] std::string_view name_of(HintField field);    // "bpm", "key", "kind", "class", "root"
[[nodiscard]] std::string_view name_of(HintSource source);  // "acid", "smpl", "tag", "name", "folder"

// A label that somebody wrote. `value` is in the canonical form: "120", "92.5", "Am", "loop".
struct Hint {
  HintField field = HintField::bpm;
  HintSource source = HintSource::file_name;
  std::string value;
  friend bool operator==(const Hint&, const Hint&) = default;
};

// A value and where it comes from: "heard", or the name of a HintSource.
template <class T>
struct Sourced {
  T value{};
  std::string source;
};

struct Report {
  std::string type;       // content type by content: "audio/wav", "image/png", "text/plain", …
  bool is_audio = false;  // it was decoded, at least one frame of it

  // Absent: not audio, or not to be told from what is there.
  std::optional<AudioFormat> format;
  std::optional<Tempo> tempo;  // never of a one-shot
  std::optional<Key> key;      // never of drums and noise
  std::optional<Loudness> loudness;
  Kind kind = Kind::unknown;
  std::string sound_class;   // of one-shots: "kick", "snare", "clap", "hat", "cymbal", "tom", "percussion", "bass",
                             // "fx", "other"; else empty
  std::optional<Root> root;  // of one-shots with one note
  std::optional<Grid> grid;  // of loops that are a whole number of beats
  std::vector<Slice> slices;  // of loops; kSlicesMax at most

  std::vector<double> onsets_s;  // ascending; of the first excerpt_s (AnalyzeOptions), kOnsetsMax at most
  std::vector<float>
      waveform;  // min, max, min, max, … per column in [-1, 1]; 2 × kWaveformColumnsMax at most
  std::vector<Hint> hints;
  std::vector<std::string> warnings;  // one plain sentence each: undecodable, truncated, silent, clipped, …

  [[nodiscard]] std::optional<Sourced<Tempo>> effective_bpm() const;
  [[nodiscard]] std::optional<Sourced<Key>> effective_key() const;
  [[nodiscard]] Sourced<Kind> effective_kind() const;
  [[nodiscard]] std::optional<Sourced<std::string>> effective_class() const;
  [[nodiscard]] std::optional<Sourced<Root>> effective_root() const;
  // One plain sentence for each field where a label and the ear, or two labels, say different things. Tempi within 4 %
  // agree, and so do keys that mix (the same, a fifth apart, relative).
  [[nodiscard]] std::vector<std::string> disagreements() const;

  friend bool operator==(const Report&, const Report&) = default;
};

// One JSON object, UTF-8, no line breaks:
//   type, audio, kind, format{container, codec, sample_rate, channels, frames, duration},
//   tempo{bpm, confidence}, key{name, camelot, confidence}, loudness{lufs, gated, true_peak, range},
//   class, root{note, midi, cents}, grid{beats, bars, beats_a_bar, first_beat}, slices[[from, to]],
//   effective{bpm, bpm_source, key, camelot, key_source, kind, kind_source, class, class_source, root, root_source},
//   disagreements[],
//   onsets[], waveform[], hints[{field, value, source}], warnings[]
// What is absent in the report is absent in the object. `effective` and
// `disagreements` are for readers; report_from_json derives them anew. Numbers are rounded as analyze() rounds them, so a report read back is equal to the one written.
[[nodiscard]] std::string to_json(const Report& report);

// corrupt: not JSON, or not a report. Unknown fields are skipped; values out of range are dropped.
[[nodiscard]] Result<Report> report_from_json(std::string_view json);

// Flat labels in printable ASCII; only what is known:
//   bpm "120" or "92.5", bpm-confidence "0.93", bpm-source, key "Am", camelot "8A", key-confidence,
//   key-source, lufs "-14.3", peak "-0.2", kind, duration "1.846", rate "44100", channels "2", format "wav",
//   codec "pcm_16", class "kick", class-source, root "F#3", root-source, beats "8", bars "2", and bpm-heard, key-heard
//   where the ear and a label that outranks it disagree
[[nodiscard]] std::map<std::string, std::string> labels_of(const Report& report);

}  // namespace cd
