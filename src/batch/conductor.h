// Conductor: turns what is dropped into inbox/ into batches and sees each of their files into the library.
// One thread (`batch`) decides; `analyze-N` threads hash and listen; the journal uploads. What is in the inbox
// and in the batches' logs decides what happens next, events only wake: so every crash resumes where it was.
//
// An item is done when the journal says that it is stored. It never leaves the inbox before its place in
// the library is in the journal's log (Namespace::file_away, one frame), and a skipped one not before its twin
// is stored.
// Batches survive restarts in <state>/<drive>/batches/<id>.log. Thread-safe. All it is given outlives it;
// the destructor stops its threads without waiting for uploads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "batch/enricher.h"
#include "batch/progress.h"
#include "cache/meta_store.h"
#include "cache/tree_cache.h"
#include "journal/journal.h"

namespace cd {

enum class IfPresent : std::uint8_t { keep_both, skip, replace };
enum class Undecodable : std::uint8_t { store, hold };

struct BatchOptions {
  std::string directory;               // <state>/<drive>/batches
  Millis settle{2'000};
  std::string destination = "{path}";  // fields {path} {batch} {folder} {name} {ext} {date} {bpm} {key} {kind}
  IfPresent if_present = IfPresent::keep_both;
  Undecodable undecodable = Undecodable::store;
  bool only_audio = false;
  bool skip_duplicates = true;
  bool unpack_archives = true;
  bool keep_archive = false;           // true: what was unpacked is stored too
  std::uint64_t archive_bytes_max = 64ull << 30;
  std::uint64_t archive_files_max = 90'000;
  std::uint64_t archive_ratio_max = 200;
  int archive_depth = 1;               // archives in archives: 1 = stored as they are
  bool analyze = true;
  int analysis_threads = 2;
  int uploads_ahead = 64;              // filed and not yet stored, at most
  bool confirm = false;                // a complete batch waits for `start`
  Millis stuck_after{600'000};         // without any progress
  int pause_after_failures = 20;       // in a row and alike; 0 = never
  std::vector<std::string> on_batch_done;  // argv; empty = nothing is run
  Millis on_batch_done_timeout{60'000};
  std::vector<Enricher> enrichers;     // asked about what was stored, in this order
  std::string library_root;            // where programs find the library: the mount point
  std::string processed_prefix = ".cratedrive/processed/";  // what enrichers made; "" = is not kept
  std::string report_prefix = ".cratedrive/batches/";  // "" = no report objects
  std::uint64_t multipart_bytes = 16u << 20;  // as the journal uploads: for the ETag of content
  std::uint64_t part_bytes = 8u << 20;

  [[nodiscard]] Status validate() const;
};

// Told of each event, with no lock held; must be quick. `json`: one object without a line end.
using EventSink = std::function<void(std::string json)>;

class Conductor {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Conductor>> open(const BatchOptions& options, MetaStore& meta,
                                                               TreeCache& tree, Journal& journal, Disk& disk,
                                                               const Clock& clock, MetricRegistry& metrics,
                                                               EventSink events);
  virtual ~Conductor() = default;

  virtual void start() = 0;
  virtual void stop() = 0;

  // Open ones first, then finished ones, newest first; all that are remembered (the last 1,000).
  [[nodiscard]] virtual std::vector<BatchProgress> batches() const = 0;
  [[nodiscard]] virtual Result<BatchProgress> batch(std::string_view id) const = 0;  // not_found
  [[nodiscard]] virtual Status items(std::string_view id, const std::function<void(const ItemRow&)>& visit) const = 0;
  [[nodiscard]] virtual Result<std::string> report_json(std::string_view id) const = 0;  // not_found until it is written

  // "start", "pause", "resume", "cancel", "retry"; the last four with a path behind them for one item; "priority N",
  // -9 to 9; "enrich", with or without a path: what enrichers failed at is tried again. invalid lists the verbs; it is accepted when it returns and carried out at once.
  [[nodiscard]] virtual Status command(std::string_view id, std::string_view text) = 0;
};

}  // namespace cd
