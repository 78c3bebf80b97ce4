// Replay: from the log and the staged files to a Ledger that is as it was. Reads no network.
//
// The log gives the live intents and what is known of staged files; each live intent is applied to MetaStore, which may
// be empty, or warm and right, or warm with leftovers of changes that never reached the log. Leftovers are what claims to
// be pending without an intent: made clean or erased.
// A request may have been under way when the daemon died: every intent counts as attempted once.
#pragma once

#include "journal/ledger.h"

namespace cd {

class Replay {
 public:
  // Same boot: the machine has not lost anything since the log was written.
  Replay(Ledger& ledger, bool same_boot) : ledger_(ledger), same_boot_(same_boot) {}

  // For LogFile::open after a power loss. Believed are the frames before the first that speaks of a file whose bytes
  // are not those that were closed, so that what remains is the tree as it was at one moment.
  [[nodiscard]] Result<std::size_t> believe(const std::vector<LogFile::Frame>& unproven);
  [[nodiscard]] Status read(std::string_view record);     // for Log::open
  // After the log is read. `warm`: MetaStore was there before; `clean`: and was left by an orderly stop.
  [[nodiscard]] Result<Journal::Recovery> finish(const std::string& orphans, bool clean);

 private:
  struct StagedFacts {
    RangeSet ranges;
    std::optional<std::uint64_t> limit;
    std::uint64_t synced = 0;  // so many bytes are on the device
    bool doubtful = false;     // what an intent says of its size is not proven
  };

  [[nodiscard]] Status cut_unproven(const Intent& intent, const StagedFacts& facts);

  [[nodiscard]] Status restore_staged(Change& fixes, Journal::Recovery& found);
  void release_links(Change& fixes, Journal::Recovery& found) const;
  [[nodiscard]] Status apply_intents();
  [[nodiscard]] Status clean_tree();
  [[nodiscard]] bool hides_a_twin(const std::string& path) const;

  Ledger& ledger_;
  const bool same_boot_;
  std::unordered_map<StagedId, StagedFacts> facts_;
  std::unordered_set<std::uint64_t> dropped_;
};

}  // namespace cd
