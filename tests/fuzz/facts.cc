// Labels of samples, as lines "name: value": anybody may have written them into the bucket. And what the cache keeps of them.
#include <cmath>

#include "cache/sample_facts.h"
#include "tests/fuzz/target.h"

namespace {

void can_be_kept(const cd::SampleFacts& facts) {
  const std::string bytes = encode(facts);
  const auto again = cd::decode_facts(bytes);
  cd::fuzz::must(again.has_value() && encode(*again) == bytes);
}

}  // namespace

void cd::fuzz::one(std::string_view input) {
  if (const auto kept = decode_facts(input)) (void)key_folder(kept->key);
  (void)camelot_number(input);
  MetaRecord record;
  for (const std::string& line : pieces(input)) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) record.metadata[line.substr(0, colon)] = line.substr(colon + 2);
  }
  const SampleFacts facts = facts_of(kRootInode, record);
  must(std::isfinite(facts.bpm) && std::isfinite(facts.duration_s) && std::isfinite(facts.lufs.value_or(0)));
  must(facts.key >= 0 && facts.key <= 24);
  // What names a folder stays one name.
  for (const std::string& name : {facts.kind, facts.sound, key_folder(facts.key)})
    must(name.find('/') == std::string::npos && name != "." && name != "..");
  can_be_kept(facts);
}
