// health: what is well with a drive and what is not, each trouble with its cure. Pure rendering; the daemon gathers
// the facts.
#pragma once

#include <string>
#include <vector>

#include "app/status_report.h"
#include "base/disk.h"
#include "cache/tree_cache.h"

namespace cd {

struct HealthFacts {
  DriveStatus drive;
  TreeCache::Stats tree;
  Journal::Recovery recovery;
  Disk::Space cache_disk;
  Disk::Space state_disk;
  std::string cache_dir;
  std::string state_dir;
  std::vector<std::string> missing_programs;  // of enrichers and on_batch_done
  bool writes_probed = true;  // false: the bucket could not be written to when it was probed
};

enum class HealthLevel : std::uint8_t { ok, note, warning, error };  // in order of gravity
[[nodiscard]] std::string_view name_of(HealthLevel level);

struct HealthItem {
  std::string subject;  // "store", "credentials", "clock", "conditions", …
  HealthLevel level = HealthLevel::ok;
  std::string text;
  std::string cure;     // "" = nothing to do
};

[[nodiscard]] std::vector<HealthItem> examine(const HealthFacts& facts);
[[nodiscard]] std::string render_health(const std::vector<HealthItem>& items);
// {"state": worst level, "checks": [{"subject", "state", "text", "cure"}]}
[[nodiscard]] std::string health_json(const std::vector<HealthItem>& items);

// What a store honours, one item each: also `cratedrive check`.
[[nodiscard]] std::vector<HealthItem> examine_traits(const StoreTraits& traits);

}  // namespace cd
