// What a drive looks like at one moment, as values, and as text for people: `status`, `inbox/STATUS.txt`,
// `batches/<id>/status`, `uploads`. The virtual files and the command print the same text.
//
// Pure: no clock, no I/O. No line is wider than 80 columns, and every name from outside goes through printable(): a
// file name cannot move the cursor or fake a line. status_json.h has the same for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/sample_card.h"
#include "batch/progress.h"
#include "cache/block_cache.h"
#include "cache/meta_store.h"
#include "journal/journal.h"
#include "remote/limited_store.h"
#include "remote/store_health.h"

namespace cd {

struct DriveStatus {
  std::string url;
  std::string mount_point;
  std::int64_t now_ns = 0;         // wall clock
  std::int64_t mounted_at_ns = 0;
  StoreHealth::Snapshot store;
  StoreTraits traits;
  RateLimits limits;
  UploadTotals uploads;
  BlockCache::Stats cache;
  MetaStore::Totals library;
  std::string cost;                // a line; "" = not counted
  std::vector<SampleCard> samples;     // the newest
  std::vector<BatchProgress> batches;  // open ones first, then finished ones, newest first
};

// One word for the whole drive: "offline" (the store cannot be asked), "paused", "busy" (uploads or batches are
// under way), "attention" (something has failed and waits for retry), "ok".
[[nodiscard]] std::string_view drive_state(const DriveStatus& status);
// Seconds until all is uploaded at the present rate; -1 = not known.
[[nodiscard]] double upload_eta_seconds(const UploadTotals& uploads);

// "up 2.0 MiB/s, 50 requests/s"; "" without any.
[[nodiscard]] std::string limits_text(const RateLimits& limits);

[[nodiscard]] std::string render_status(const DriveStatus& status);
[[nodiscard]] std::string render_inbox(const DriveStatus& status, const std::string& control_name);
[[nodiscard]] std::string render_batch(const BatchProgress& batch, std::int64_t now_ns);
[[nodiscard]] std::string render_uploads(const std::vector<UploadView>& uploads, const UploadTotals& totals,
                                         std::int64_t now_ns);

// "2 min ago", "just now", "never" for 0.
[[nodiscard]] std::string ago(std::int64_t then_ns, std::int64_t now_ns);

}  // namespace cd
