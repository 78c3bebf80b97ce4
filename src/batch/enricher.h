// Enricher: a program of the user's that is asked about a stored file: a transcriber, a tagger, a classifier, a maker of
// previews. The configuration says which files it is for and how hard it may be worked.
//   argv      no shell; fields {path} (the file), {output} (where it may leave a file of its own), {name}; without {path} the
//             file is its stdin
//   answer    exit status 0 and one JSON object, or nothing, on stdout: each member becomes a label
// EnricherChain: which of them a file meets, in the order of the configuration. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cache/meta_record.h"

namespace cd {

// Labels of enrichers are extended attributes of the file: "user.label.tagger.mood".
inline constexpr const char* kLabelXattr = "user.label.";

struct Enricher {
  std::string name;                     // a-z 0-9 - _; begins the names of its labels
  std::vector<std::string> argv;
  std::vector<std::string> kinds;       // "audio", "image", "loop", "one-shot", …: one fits; empty = every file
  std::vector<std::string> extensions;  // without the dot, lower case; empty = every one
  std::string produces;                 // extension of what it leaves at {output}; "" = nothing
  Millis timeout{60'000};
  int tries = 3;
  Millis retry_first{1'000};            // doubled with each try
  int concurrency = 1;
  double per_second = 0;                // begun at most so often; 0 = no limit
  std::uint64_t output_max = 64u << 10;

  [[nodiscard]] Status validate() const;
};

struct EnrichFile {  // what decides which enrichers it meets
  std::string path;  // in the library
  std::string type;  // "audio/wav"
  std::string kind;  // "loop"; "" = unknown
};

[[nodiscard]] bool is_for(const Enricher& enricher, const EnrichFile& file);

// The members of a JSON object as labels "<enricher>.<member>": texts, numbers and truth values as they are, others as JSON.
// invalid: not one object, or more than 32 members; nothing at all is an object without members.
[[nodiscard]] Result<Metadata> labels_of_answer(const Enricher& enricher, std::string_view answer);

}  // namespace cd
