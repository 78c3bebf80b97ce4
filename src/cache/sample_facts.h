// SampleFacts: what the labels of a file say, as numbers: what smart folders sort by and searches ask for.
// The labels are object metadata (analyze/report.h has their names), so anybody may have written them: what cannot
// be read counts as not there. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/meta_record.h"

namespace cd {

struct SampleFacts {
  InodeId folder;                // that the file is in
  double bpm = 0;                // 0 = none
  bool bpm_sure = false;         // heard with confidence, or written by somebody
  int key = 0;                   // of the Camelot wheel: 1 to 12 = 1A to 12A, 13 to 24 = 1B to 12B; 0 = none
  bool key_sure = false;
  std::string kind;              // "loop"; "" = none
  std::string sound;             // what a one-shot is: "kick"; "" = not known
  std::optional<double> lufs;
  double duration_s = -1;        // < 0: not known
  std::int64_t arrived_ns = 0;   // when its batch began, else when the file last changed
  friend bool operator==(const SampleFacts&, const SampleFacts&) = default;
};

// Has it labels at all? Only such files are samples to the smart folders.
[[nodiscard]] bool has_facts(const MetaRecord& record);
[[nodiscard]] SampleFacts facts_of(InodeId folder, const MetaRecord& record);

[[nodiscard]] std::string encode(const SampleFacts& facts);
[[nodiscard]] Result<SampleFacts> decode_facts(std::string_view bytes);  // corrupt

// "8A" and its like to 1 … 24 and back; 0 and "" for what is none.
[[nodiscard]] int camelot_number(std::string_view text);
[[nodiscard]] std::string camelot_text(int number);
// "8A Am": how a folder of a key is called.
[[nodiscard]] std::string key_folder(int number);

}  // namespace cd
