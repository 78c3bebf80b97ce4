#include "app/status_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace cd {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFinishedWithErrors = 20;  // older finished batches: their errors are in their own file only
constexpr int kIndent = 2;

std::string dump(const Json& json) { return json.dump(kIndent, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json time_or_null(std::int64_t wall_ns) { return wall_ns == 0 ? Json() : Json(format_utc_ms(wall_ns)); }
Json seconds_or_null(double seconds) { return seconds < 0 ? Json() : Json(std::round(seconds * 10) / 10); }

Json errors_of(const BatchProgress& b) {
  Json errors = Json::array();
  for (const ItemError& e : b.errors) errors.push_back({{"path", e.path}, {"reason", e.reason}});
  return errors;
}

Json object_of(const BatchProgress& b, bool with_errors) {
  return {{"id", b.id},
          {"name", b.name},
          {"state", name_of(b.state)},
          {"paused", b.paused},
          {"priority", b.priority},
          {"stuck_seconds", b.stuck_seconds},
          {"enriched", b.enriched},
          {"enrich_failed", b.enrich_failed},
          {"files_total", b.files_total},
          {"files_done", b.files_done},
          {"files_failed", b.files_failed},
          {"files_skipped", b.files_skipped},
          {"files_warned", b.files_warned},
          {"bytes_total", b.bytes_total},
          {"bytes_done", b.bytes_done},
          {"current", b.current},
          {"created_at", time_or_null(b.created_at_ns)},
          {"started_at", time_or_null(b.started_at_ns)},
          {"finished_at", time_or_null(b.finished_at_ns)},
          {"files_per_second", std::round(b.files_per_second * 10) / 10},
          {"eta_seconds", seconds_or_null(b.eta_seconds)},
          {"note", b.note},
          {"errors", with_errors ? errors_of(b) : Json::array()}};
}

Json store_of(const DriveStatus& s) {
  return {{"state", name_of(s.store.state)},
          {"url", s.url},
          {"description", s.traits.description},
          {"since", time_or_null(s.store.since_wall_ns)},
          {"last_ok", time_or_null(s.store.last_ok_wall_ns)},
          {"last_error", s.store.last_error},
          {"requests", s.store.requests},
          {"failures", s.store.failures}};
}

Json cache_of(const BlockCache::Stats& c) {
  return {{"bytes", c.bytes},     {"bytes_max", c.bytes_max}, {"hits", c.hits},
          {"misses", c.misses},   {"fetches", c.fetches},     {"evicted", c.evicted},
          {"corrupt", c.corrupt}, {"waiting", c.waiting}};
}

Json uploads_of(const UploadTotals& u) {
  return {{"failed", u.failed},
          {"uploading", u.uploading},
          {"paused", u.paused},
          {"stored", u.stored_total},
          {"stored_bytes", u.stored_bytes_total},
          {"conflicts", u.conflicts_total},
          {"bytes_per_second", std::round(u.bytes_per_second)},
          {"eta_seconds", seconds_or_null(upload_eta_seconds(u))},
          {"staged_bytes", u.staged_bytes},
          {"staged_bytes_max", u.staged_bytes_max},
          {"inbox_files", u.inbox_files},
          {"last_error", u.last_error}};
}

}  // namespace

std::string batch_json(const BatchProgress& batch) { return dump(object_of(batch, true)); }

std::string status_json(const DriveStatus& s) {
  Json batches = Json::array();
  std::size_t finished = 0;
  for (const BatchProgress& b : s.batches) {
    if (is_final(b.state)) ++finished;
    batches.push_back(object_of(b, finished <= kFinishedWithErrors));
  }
  return dump({{"version", CD_VERSION},
               {"time", format_utc_ms(s.now_ns)},
               {"state", drive_state(s)},
               {"mount_point", s.mount_point},
               {"mounted_at", time_or_null(s.mounted_at_ns)},
               {"store", store_of(s)},
               {"pending_uploads", s.uploads.pending_uploads},
               {"pending_bytes", s.uploads.pending_bytes},
               {"uploads", uploads_of(s.uploads)},
               {"cache", cache_of(s.cache)},
               {"library", {{"entries", s.library.entries}, {"bytes", s.library.bytes}}},
               {"batches", std::move(batches)}});
}

}  // namespace cd
