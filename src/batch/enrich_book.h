// EnrichBook: what became of which enricher for which item of a batch: the newest record of each wins. The words
// themselves (labels, error) are in the batch's result file; a record is a few bytes.
// Values; the conductor's mutex guards it, like the batch that it belongs to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "batch/item.h"

namespace cd {

struct EnrichRecord {
  std::uint32_t item = 0;
  std::uint64_t enricher = 0;  // enricher_id() of its name
  bool ok = false;
  ResultExtent extent;         // an EnrichResult
};

struct EnrichResult {
  std::string enricher;
  Metadata labels;
  std::string error;  // "" = it did its work
};

[[nodiscard]] inline std::uint64_t enricher_id(std::string_view name) { return xxh3_64(name); }
[[nodiscard]] std::string encode(const EnrichResult& result);
[[nodiscard]] Result<EnrichResult> decode_enrich_result(std::string_view bytes);  // corrupt

class EnrichBook {
 public:
  void add(const EnrichRecord& record);
  [[nodiscard]] bool has(std::uint32_t item, std::uint64_t enricher) const;
  [[nodiscard]] std::vector<EnrichRecord> of(std::uint32_t item) const;
  [[nodiscard]] const std::vector<EnrichRecord>& all() const { return records_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  // Failures are due again; of one item, or of all. How many.
  std::uint64_t forget_failed(std::optional<std::uint32_t> item);
  void clear_records();  // the counters stay

 private:
  std::vector<EnrichRecord> records_;
  std::unordered_multimap<std::uint32_t, std::size_t> by_item_;
  std::uint64_t failed_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace cd
