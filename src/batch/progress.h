// What can be said of a batch at one moment. Values; rendered by app/status_report, served as status.json.
// Counts add up (done + failed + skipped + waiting = total) and, but for a retry, never go back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cd {

enum class BatchState : std::uint8_t {
  receiving,         // files are still arriving
  queued,            // complete, waits for its turn
  uploading,         // phase 1: hash, skip, analyse, upload, verify
  processing,        // phase 2: enrichment, report
  done,
  done_with_errors,
  failed,            // nothing of it could be stored
  cancelled,
};
[[nodiscard]] std::string_view name_of(BatchState state);  // "done-with-errors" as users see it
[[nodiscard]] bool is_final(BatchState state);
[[nodiscard]] bool is_final_name(std::string_view name);   // as name_of says it

enum class ItemState : std::uint8_t {
  waiting, analysing, uploading, done, skipped, failed, held, cancelled
};
[[nodiscard]] std::string_view name_of(ItemState state);

struct ItemError {
  std::string path;    // below the batch's folder
  std::string reason;
};

struct BatchProgress {
  std::string id;      // "20260131-120000-kicks": sorts by time, safe as a file name
  std::string name;    // of the dropped folder or file, as it was
  BatchState state = BatchState::receiving;
  bool paused = false;
  int priority = 0;                  // higher ones are served first
  std::uint64_t enriched = 0;        // answers of enrichers, failed ones too
  std::uint64_t enrich_failed = 0;
  std::int64_t stuck_seconds = 0;    // no progress for so long; 0 = it moves
  std::uint64_t files_total = 0;
  std::uint64_t files_done = 0;
  std::uint64_t files_failed = 0;
  std::uint64_t files_skipped = 0;
  std::uint64_t files_warned = 0;    // of those done: stored with a warning
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_done = 0;      // of files done and skipped
  std::string current;               // "analysing kick.wav", "" when nothing is under way
  std::int64_t created_at_ns = 0;    // wall clock; 0 = not yet
  std::int64_t started_at_ns = 0;
  std::int64_t finished_at_ns = 0;
  double files_per_second = 0;       // over the last ~10 s
  double eta_seconds = -1;           // -1 = not known
  std::vector<ItemError> errors;     // the first 100
  std::string note;                  // why it waits, is paused or failed as a whole; "" = nothing to say
};

struct ItemRow {  // one line of items.csv
  std::string path;          // in the batch
  ItemState state = ItemState::waiting;
  std::uint64_t bytes = 0;
  std::string type;          // "audio/wav"
  std::string destination;   // in the library, once known
  std::string twin;          // skipped: where the same content is
  std::string xxh128;
  std::string warning;
  std::string error;
  std::string enrich_error;  // "tagger: exit status 3: no model"; "" = nothing failed
  std::string labels_json;   // Report as JSON; "" until analysed
};

}  // namespace cd
