#include "analyze/name_hint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/text.h"

namespace cd {

namespace {

constexpr double kLabelMin = 20;  // what an explicit "bpm" may say
constexpr double kLabelMax = 400;
constexpr double kBareMin = 60;  // what a bare number may say
constexpr double kBareMax = 200;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Words of letters, digits, '#' and '.' between digits; everything else separates.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  const auto in_word = [&](std::size_t i) {
    const char c = text[i];
    if (is_digit(c) || is_letter(c) || c == '#') return true;
    return c == '.' && i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1]);
  };
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && in_word(i)) continue;
    if (i > start) words.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return words;
}

std::optional<double> number(std::string_view word) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

std::optional<double> tempo_number(std::string_view word) {
  const auto value = number(word);
  return value && *value >= kLabelMin && *value <= kLabelMax ? value : std::nullopt;
}

// "120bpm", "bpm120", "120 bpm", "bpm 120".
std::optional<double> explicit_bpm(const std::vector<std::string_view>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string lower = to_lower_ascii(words[i]);
    if (lower == "bpm") {
      if (i > 0) {
        if (const auto before = tempo_number(words[i - 1])) return before;
      }
      if (i + 1 < words.size()) {
        if (const auto after = tempo_number(words[i + 1])) return after;
      }
    } else if (lower.ends_with("bpm")) {
      if (const auto value = tempo_number(std::string_view(lower).substr(0, lower.size() - 3))) return value;
    } else if (lower.starts_with("bpm")) {
      if (const auto value = tempo_number(std::string_view(lower).substr(3))) return value;
    }
  }
  return std::nullopt;
}

template <std::size_t N>
bool any_word(const std::vector<std::string_view>& words, const std::array<std::string_view, N>& wanted) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    const std::string lower = to_lower_ascii(word);
    return std::find(wanted.begin(), wanted.end(), lower) != wanted.end();
  });
}

constexpr std::array<std::string_view, 4> kLoopWords{"loop", "loops", "break", "breakbeat"};
constexpr std::array<std::string_view, 2> kShotWords{"oneshot", "oneshots"};
constexpr std::array<std::string_view, 22> kDrumWords{
    "kick", "kicks", "snare", "snares", "hat", "hats", "hihat", "clap", "tom", "toms", "rim",
    "ride", "crash", "perc",  "cymbal", "bd",  "sd",   "hh",    "oh",   "ch",  "drum", "shaker"};

std::optional<Kind> kind_word(const std::vector<std::string_view>& words) {
  if (any_word(words, kShotWords)) return Kind::one_shot;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string next = to_lower_ascii(words[i + 1]);
    if (to_lower_ascii(words[i]) == "one" && (next == "shot" || next == "shots")) return Kind::one_shot;
  }
  if (any_word(words, std::array<std::string_view, 2>{"loop", "loops"})) return Kind::loop;
  return std::nullopt;
}

struct ClassWord {
  std::string_view word;
  std::string_view sound_class;
};
constexpr auto kClassWords = std::to_array<ClassWord>({
    {"kick", "kick"},       {"bd", "kick"},           {"bassdrum", "kick"},   {"snare", "snare"},
    {"sd", "snare"},        {"clap", "clap"},         {"handclap", "clap"},   {"hat", "hat"},
    {"hihat", "hat"},       {"hh", "hat"},            {"cymbal", "cymbal"},   {"crash", "cymbal"},
    {"ride", "cymbal"},     {"splash", "cymbal"},     {"tom", "tom"},         {"perc", "percussion"},
    {"conga", "percussion"}, {"bongo", "percussion"}, {"shaker", "percussion"}, {"cowbell", "percussion"},
    {"rim", "percussion"},  {"rimshot", "percussion"}, {"clave", "percussion"}, {"tambourine", "percussion"},
    {"percussion", "percussion"}, {"bass", "bass"},   {"lead", "lead"},       {"pad", "pad"},
    {"keys", "keys"},       {"piano", "keys"},        {"rhodes", "keys"},     {"organ", "keys"},
    {"vocal", "vocal"},     {"vox", "vocal"},         {"acapella", "vocal"},  {"fx", "fx"},
    {"sfx", "fx"},          {"riser", "fx"},          {"impact", "fx"},
});

// The first word that names what is played: "kick", also as "kicks" and "Kick01".
std::string class_word(const std::vector<std::string_view>& words) {
  for (std::string_view word : words) {
    while (!word.empty() && is_digit(word.back())) word.remove_suffix(1);
    const std::string lower = to_lower_ascii(word);
    for (const ClassWord& known : kClassWords) {
      const bool plural = lower.size() == known.word.size() + 1 && lower.back() == 's' && known.word.size() > 2;
      if (lower == known.word || (plural && lower.starts_with(known.word))) return std::string(known.sound_class);
    }
  }
  return {};
}

bool is_mode_word(std::string_view lower) {
  return lower == "min" || lower == "minor" || lower == "maj" || lower == "major";
}

bool is_note_letter(char c) {
  return c >= 'A' && c <= 'G';
}

// A key with its mode said: "Am", "F#m", "Dmaj", "c#min", "A" + "minor". A bare "A" or "C#" is not enough,
// and neither is "am".
std::optional<Key> key_word(const std::vector<std::string_view>& words, std::size_t i) {
  const std::string_view word = words[i];
  const std::string lower = to_lower_ascii(word);
  if (i + 1 < words.size() && word.size() <= 2 && is_note_letter(word[0])) {
    const std::string next = to_lower_ascii(words[i + 1]);
    if (is_mode_word(next)) return parse_key(std::string(word) + next);
  }
  const bool mode_spelt = lower.size() >= 4 && (lower.ends_with("min") || lower.ends_with("maj") ||
                                                lower.ends_with("minor") || lower.ends_with("major"));
  if (mode_spelt) return parse_key(word);
  const bool short_minor =
      is_note_letter(word[0]) && word.back() == 'm' && (word.size() == 2 || word.size() == 3);
  if (short_minor) return parse_key(word);
  return std::nullopt;
}

std::optional<Key> camelot_word(std::string_view word) {
  const bool camelot = word.size() >= 2 && word.size() <= 3 && (word.back() == 'A' || word.back() == 'B') &&
                       std::all_of(word.begin(), word.end() - 1, is_digit) && word.front() != '0';
  return camelot ? parse_key(word) : std::nullopt;
}

// Open Key ("1m", "12d"): so short that it counts only beside a tempo.
std::optional<Key> open_key_word(std::string_view word) {
  const bool open_key = word.size() >= 2 && word.size() <= 3 && (word.back() == 'm' || word.back() == 'd') &&
                        std::all_of(word.begin(), word.end() - 1, is_digit) && word.front() != '0';
  return open_key ? parse_key(word) : std::nullopt;
}

struct Found {
  std::optional<double> bpm;
  std::optional<Key> key;
  std::optional<Kind> kind;
  std::string sound_class;
};

Found read_words(const std::vector<std::string_view>& words) {
  Found found;
  found.bpm = explicit_bpm(words);
  found.kind = kind_word(words);
  for (std::size_t i = 0; i < words.size() && !found.key; ++i) found.key = key_word(words, i);
  if (!found.key && (found.bpm || !any_word(words, kDrumWords))) {
    for (std::size_t i = 0; i < words.size() && !found.key; ++i) found.key = camelot_word(words[i]);
  }
  for (std::size_t i = 0; i < words.size() && found.bpm && !found.key; ++i) found.key = open_key_word(words[i]);
  found.sound_class = class_word(words);
  return found;
}

// One number between 60 and 200, in a name that speaks of a loop or a key, or behind a last " - ".
std::optional<double> bare_bpm(std::string_view stem, const std::vector<std::string_view>& words,
                               const Found& found) {
  std::optional<double> only;
  for (const std::string_view word : words) {
    const auto value = word.size() <= 6 && word.front() != '0' ? number(word) : std::nullopt;
    if (!value || *value < kBareMin || *value > kBareMax) continue;
    if (only) return std::nullopt;
    only = value;
  }
  if (!only || found.kind == Kind::one_shot) return std::nullopt;
  const std::size_t dash = stem.rfind(" - ");
  const bool behind_dash = dash != std::string_view::npos && number(stem.substr(dash + 3)) == only;
  return behind_dash || found.key || any_word(words, kLoopWords) ? only : std::nullopt;
}

void append(std::vector<Hint>& hints, const Found& found, HintSource source) {
  if (found.bpm) hints.push_back({HintField::bpm, source, bpm_text(*found.bpm)});
  if (found.key) hints.push_back({HintField::key, source, found.key->name()});
  if (found.kind) hints.push_back({HintField::kind, source, std::string(name_of(*found.kind))});
  if (!found.sound_class.empty()) hints.push_back({HintField::sound_class, source, found.sound_class});
}

}  // namespace

std::string bpm_text(double bpm) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", bpm);
  std::string out = text.data();
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out;
}

std::vector<Hint> hints_of_name(std::string_view path) {
  std::vector<Hint> hints;
  const std::size_t slash = path.find_last_of('/');
  std::string_view stem = slash == std::string_view::npos ? path : path.substr(slash + 1);
  std::string_view folders = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  const std::size_t dot = stem.find_last_of('.');
  if (dot != std::string_view::npos && dot > 0) stem = stem.substr(0, dot);

  const auto words = words_of(stem);
  Found in_name = read_words(words);
  if (!in_name.bpm) in_name.bpm = bare_bpm(stem, words, in_name);
  append(hints, in_name, HintSource::file_name);

  Found in_folders;
  while (!folders.empty()) {
    const std::size_t last = folders.find_last_of('/');
    const Found here =
        read_words(words_of(last == std::string_view::npos ? folders : folders.substr(last + 1)));
    if (!in_folders.bpm) in_folders.bpm = here.bpm;
    if (!in_folders.key) in_folders.key = here.key;
    if (!in_folders.kind) in_folders.kind = here.kind;
    if (in_folders.sound_class.empty()) in_folders.sound_class = here.sound_class;
    folders = last == std::string_view::npos ? std::string_view{} : folders.substr(0, last);
  }
  append(hints, in_folders, HintSource::folder_name);
  return hints;
}

}  // namespace cd
