// ReportWriter: the report of a finished batch as one JSON object, written a piece at a time so that a batch of
// 100,000 files does not hold up the others. Field names are stable; a reader checks `version`:
//   version 1, id, name, state, created_at, started_at, finished_at (UTC), files_total, files_done, files_failed,
//   files_skipped, files_warned, bytes_total, bytes_done,
//   items[{path, state, bytes, type, destination, twin, xxh128, etags[], labels{}, warnings[], error, note, enriched{}, enrich_errors{}}]
// One item a line, so that a reader needs not hold it whole. `etags`: what the content has for an ETag, stored by one
// PUT or in parts of part_size. What is empty is left out of an item. Batch thread only; batch and log outlive it and do not change meanwhile.
#pragma once

#include <string>

#include "batch/batch.h"
#include "batch/item_log.h"

namespace cd {

class ReportWriter {
 public:
  ReportWriter(const Batch& batch, const ItemLog& log, std::int64_t finished_at_ns);
  // True: finished.
  bool write_some(std::size_t items);
  [[nodiscard]] std::string take() { return std::move(text_); }
  [[nodiscard]] std::int64_t finished_at_ns() const { return finished_at_ns_; }

 private:
  const Batch& batch_;
  const ItemLog& log_;
  const std::int64_t finished_at_ns_;
  std::uint32_t next_ = 0;
  std::string text_;
};

// The same object about files that lay in the library already, under the ETags that they have there.
struct LibraryFile {
  std::string path;
  std::string etag;
  ItemResult result;
};
[[nodiscard]] std::string library_report(const BatchProgress& head, const std::vector<LibraryFile>& files);

// One line of items.csv, result included.
[[nodiscard]] ItemRow row_of(const Item& item, const std::vector<EnrichRecord>& answers, const ItemLog& log);

}  // namespace cd
