// A labelled set: a folder with truth.csv, whose columns are path, bpm, key, kind, content, note, onsets (others are
// ignored; what is empty is not known). `onsets` names a file with one time in seconds a line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analyze/analyze_file.h"

namespace cd::bench {

struct Truth {
  std::string path;  // absolute
  std::string kind;  // "loop", "track", "oneshot", "fx", "wave"
  std::string content;
  std::string note;
  double bpm = 0;   // 0: not known
  std::string key;  // "" or "A minor"
  std::string onsets_path;
  std::string sound_class;  // of one-shots, by the words of their names; or empty
  std::string origin;  // song, groove or drum kit
  bool second_half = false;
};

// The halves are drawn by song, groove or drum kit, never by file: what is tuned on one half has not heard the other.
[[nodiscard]] Result<std::vector<Truth>> read_truth(const std::string& folder);
// Of all these folders; none, after a sentence on stderr, where one cannot be read.
[[nodiscard]] std::optional<std::vector<Truth>> read_truths(const std::vector<std::string>& folders);

[[nodiscard]] std::vector<double> read_onsets(const std::string& path);

// The file as people find it: cut up to 12 ms early or late, silence before or behind, a tail that rings out, the
// padding of an MP3 encoder. Which one is drawn by the file's name.
[[nodiscard]] std::string damaged(const Truth& truth);

}  // namespace cd::bench
