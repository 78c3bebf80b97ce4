#include "app/drive_events.h"

#include <spdlog/spdlog.h>

#include "base/text.h"

namespace cd {

void DriveEvents::store_changed(StoreState before, StoreState now, const std::string& last_error) {
  const bool bad = now == StoreState::unreachable || now == StoreState::denied;
  std::vector<EventLog::Field> fields{{"before", std::string(name_of(before))}, {"now", std::string(name_of(now))}};
  if (bad) fields.emplace_back("reason", last_error);
  log_.add("store", fields);
  spdlog::log(bad ? spdlog::level::warn : spdlog::level::info, "store: {} -> {}{}{}", name_of(before), name_of(now),
              bad ? ": " : "", bad ? printable(last_error) : "");
}

void DriveEvents::upload_finished(const UploadOutcome& outcome) {
  if (outcome.error) {
    log_.add("upload-failed", {{"path", outcome.path}, {"reason", outcome.error->message}});
    spdlog::warn("upload failed: {}: {}", printable(outcome.path), printable(outcome.error->message));
  } else if (outcome.conflict_path) {
    log_.add("conflict", {{"path", outcome.path}, {"kept_as", *outcome.conflict_path}});
    spdlog::warn("conflict: {}: ours is kept as {}", printable(outcome.path), printable(*outcome.conflict_path));
  }
}

}  // namespace cd
