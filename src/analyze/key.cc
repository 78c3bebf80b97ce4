// Key and Root: their names. Camelot numbers: https://mixedinkey.com/camelot-wheel/; Open Key is the same wheel turned
// by 7.
#include <array>
#include <cctype>
#include <charconv>

#include "analyze/report.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::array<std::string_view, 12> kMajorNames{"C",  "Db", "D",  "Eb", "E",  "F",
                                                       "F#", "G",  "Ab", "A",  "Bb", "B"};
constexpr std::array<std::string_view, 12> kMinorNames{"Cm",  "C#m", "Dm",  "Ebm", "Em",  "Fm",
                                                       "F#m", "Gm",  "Abm", "Am",  "Bbm", "Bm"};

// Position on the wheel, 1 to 12: up a fifth is one further. 8 is C major and A minor.
int wheel(const Key& key) {
  const int major = key.minor ? key.tonic + 3 : key.tonic;
  return (7 * major + 7) % 12 + 1;
}

Key from_wheel(int number, bool minor) {
  const int major = 7 * (number + 4) % 12;  // 7 is its own inverse modulo 12
  return {.tonic = minor ? (major + 9) % 12 : major, .minor = minor, .confidence = 1};
}

std::optional<Key> parse_wheel(std::string_view text) {
  if (text.size() < 2 || text.size() > 3) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (number < 1 || number > 12) return std::nullopt;
  const char letter = text.back();
  if (letter == 'a' || letter == 'b') return from_wheel(number, letter == 'a');
  if (letter == 'm' || letter == 'd') return from_wheel((number + 6) % 12 + 1, letter == 'm');
  return std::nullopt;
}

}  // namespace

std::string Key::name() const {
  const auto& names = minor ? kMinorNames : kMajorNames;
  return std::string(names[static_cast<std::size_t>(((tonic % 12) + 12) % 12)]);
}

std::string Key::camelot() const {
  return std::to_string(wheel(*this)) + (minor ? 'A' : 'B');
}

std::optional<Key> parse_key(std::string_view given) {
  std::string text;
  for (const char c : to_lower_ascii(given)) {
    if (c != ' ' && c != '_' && c != '-') text.push_back(c);
  }
  if (const auto key = parse_wheel(text)) return key;
  if (text.empty() || text[0] < 'a' || text[0] > 'g') return std::nullopt;
  constexpr std::array<int, 7> kTonics{9, 11, 0, 2, 4, 5, 7};  // A to G
  Key key{.tonic = kTonics[static_cast<std::size_t>(text[0] - 'a')], .minor = false, .confidence = 1};
  std::string_view rest = std::string_view(text).substr(1);
  if (rest.starts_with("#") || rest.starts_with("sharp")) {
    key.tonic += 1;
    rest.remove_prefix(rest[0] == '#' ? 1 : 5);
  } else if (rest.starts_with("b") || rest.starts_with("flat")) {
    key.tonic += 11;
    rest.remove_prefix(rest[0] == 'b' ? 1 : 4);
  }
  key.tonic %= 12;
  if (rest == "m" || rest == "min" || rest == "minor") {
    key.minor = true;
  } else if (!rest.empty() && rest != "maj" && rest != "major") {
    return std::nullopt;
  }
  return key;
}

std::string Root::name() const {
  constexpr std::array<std::string_view, 12> kNotes{"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
  return std::string(kNotes[static_cast<std::size_t>(midi % 12)]) + std::to_string(midi / 12 - 1);
}

std::optional<Root> parse_root(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  constexpr std::string_view kLetters = "CDEFGAB";
  constexpr std::array<int, 7> kSemitones{0, 2, 4, 5, 7, 9, 11};
  const std::size_t letter = kLetters.find(text[0]);
  if (letter == std::string_view::npos) return std::nullopt;
  int note = kSemitones[letter];
  std::string_view rest = text.substr(1);
  if (rest[0] == '#' || rest[0] == 'b') {
    note += rest[0] == '#' ? 1 : -1;
    rest.remove_prefix(1);
  }
  int octave = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), octave);
  if (error != std::errc{} || end != rest.data() + rest.size() || octave < -1 || octave > 9) return std::nullopt;
  const int midi = 12 * (octave + 1) + note;
  if (midi < 0 || midi > 127) return std::nullopt;
  return Root{.midi = midi};
}

}  // namespace cd
