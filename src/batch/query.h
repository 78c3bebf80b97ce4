// Query: what people type behind search/: words that a path has to hold, and conditions on labels.
//
//   kick 808            both words in the path, in any case
//   bpm:90-100          a tempo in this range (also bpm:120, bpm:>120, bpm:<90)
//   key:8A  key:Am      this key and its harmonic neighbours; key:=8A only this one
//   kind:loop           loop, one-shot, track, or what a one-shot is: kick, snare, ...
//   dur:1-4  dur:<0.5   seconds
//   lufs:-14..-9        loudness
//   -word  -kind:loop   not that
//
// All terms have to hold. A file without a label meets no condition on it, and so every negated one. Pure values.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/sample_facts.h"

namespace cd {

class Query {
 public:
  // invalid: names the term that is not understood and what it may be.
  [[nodiscard]] static Result<Query> parse(std::string_view text);

  // The conditions alone, which need no path.
  [[nodiscard]] bool facts_match(const SampleFacts& facts) const;
  // The words alone. `path` in lower case.
  [[nodiscard]] bool path_matches(std::string_view lower_path) const;
  // True if the words are decided by the file's name alone, also in lower case; false: ask for the path.
  [[nodiscard]] bool needs_path(std::string_view lower_name) const;
  [[nodiscard]] bool name_excludes(std::string_view lower_name) const;

 private:
  struct Word {
    std::string text;  // lower case
    bool negated = false;
  };
  using Condition = std::function<bool(const SampleFacts&)>;
  std::vector<Word> words_;
  std::vector<Condition> conditions_;
};

// Lower case as far as names are told apart by it: ASCII, Latin-1, Greek and Cyrillic letters.
[[nodiscard]] std::string fold_case(std::string_view text);

// What search/README.txt says.
[[nodiscard]] std::string query_help();

}  // namespace cd
