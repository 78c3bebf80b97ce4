#include <algorithm>

#include "base/crash_point.h"
#include "batch/conductor_core.h"

namespace cd {
namespace {
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kRemembered = 1'000;   // finished batches
constexpr std::size_t kReportChunk = 500;    // items of a report a turn
constexpr const char* kReportTag = "/report";
}  // namespace

void ConductorCore::log_head(Drop& drop) {
  crash_point("batch.before_state");
  if (drop.log->append_head(drop.batch->head)) return crash_point("batch.after_state");
  // The disk is full or broken. The state in memory stays right; after a crash the one before holds and is
  // worked out anew. Nothing new is filed for a while.
  filing_pause_ns_ = clock_.steady_ns() + 5'000 * kMillisecond;
}

std::string ConductorCore::report_path(const Drop& drop) const {
  return options_.report_prefix + drop.batch->head.id + ".json";
}

// One batch, as far as it goes without waiting.
void ConductorCore::advance(Drop& drop) {
  for (;;) {
    const BatchState state = drop.batch->head.state;
    if (state == BatchState::receiving || is_final(state)) return;
    if (state == BatchState::processing && drop.batch->all_final() && !drop.batch->report_stored) {
      if (!enrich(drop)) return;
      write_report(drop);
    }
    const BatchState next = next_state(drop.batch->facts(true));
    if (next == state) return;
    if (is_final(next)) return finish(drop, next);
    {
      MutexLock lock(mutex_);
      drop.batch->head.state = next;
      drop.batch->waits_for.clear();
      if (next == BatchState::uploading && drop.batch->head.started_at_ns == 0) {
        drop.batch->head.started_at_ns = clock_.wall_ns();
      }
      drop.batch->report_asked = drop.batch->report_stored = false;
    }
    drop.enrich_next = 0;
    drop.report.reset();
    log_head(drop);
    if (state == BatchState::queued) tell(drop, "batch-started", nullptr);
  }
}

// Duplicates can only be told when all of the library is known.
void ConductorCore::ask_for_library(std::int64_t now_ns) {
  const std::vector<DropPtr> open = open_drops();
  const bool needed = std::any_of(open.begin(), open.end(), [](const DropPtr& drop) {
    return drop->batch->head.state != BatchState::receiving && !drop->batch->library_known;
  });
  if (!needed || library_asked_) return;
  if (now_ns < library_retry_ns_) return wake_at(library_retry_ns_);
  library_asked_ = true;
  tree_.load_tree(kRootInode, [mail = mailbox_](Result<void> loaded) { mail->library_loaded(std::move(loaded)); });
}

void ConductorCore::library_answered(const Status& status) {
  library_asked_ = false;
  if (!status) {
    library_backoff_ns_ = std::clamp(library_backoff_ns_ * 2, 500 * kMillisecond, 30'000 * kMillisecond);
    library_retry_ns_ = clock_.steady_ns() + library_backoff_ns_;
    wake_at(library_retry_ns_);
  } else {
    library_backoff_ns_ = library_retry_ns_ = 0;
  }
  for (const DropPtr& drop : open_drops()) {
    if (drop->batch->head.state == BatchState::receiving || drop->batch->library_known) continue;
    {
      MutexLock lock(mutex_);
      drop->batch->library_known = status.has_value();
      drop->batch->waits_for = status ? "" : "waits for the store: " + status.error().message;
    }
    if (!status) continue;
    std::vector<std::uint32_t> filed;
    for (const auto& [number, ino] : drop->in_air) filed.push_back(number);
    for (const std::uint32_t number : filed) look_at_upload(*drop, number);
  }
}

void ConductorCore::write_report(Drop& drop) {
  if (drop.batch->report_asked) return;
  if (!drop.report) {
    drop.report = std::make_unique<ReportWriter>(*drop.batch, *drop.log, clock_.wall_ns());
    crash_point("batch.before_report");
  }
  if (!drop.report->write_some(kReportChunk)) return wake_at(0);
  std::string text = drop.report->take();
  drop.report.reset();
  const std::string& id = drop.batch->head.id;
  Status kept = write_file_atomically(disk_, options_.directory + "/" + id + ".report.json", text);
  const bool wanted = !options_.report_prefix.empty();
  if (kept && wanted) kept = journal_.put_object(report_path(drop), std::move(text), "application/json", id + kReportTag);
  crash_point("batch.after_report");
  MutexLock lock(mutex_);
  drop.batch->report_asked = true;
  drop.batch->report_stored = !wanted || !kept;
  // The samples are safe; a report that cannot be kept does not make them less so.
  if (!kept) drop.batch->head.note = "the report could not be stored: " + kept.error().message;
}

void ConductorCore::report_answered(Drop& drop, const UploadOutcome& outcome) {
  if (drop.batch->head.state != BatchState::processing || !drop.batch->report_asked) return;
  MutexLock lock(mutex_);
  drop.batch->report_stored = true;
  if (outcome.error) drop.batch->head.note = "the report could not be stored: " + outcome.error->message;
}

void ConductorCore::finish(Drop& drop, BatchState state) {
  const BatchHead& head = drop.batch->head;
  if (state != BatchState::cancelled && !head.folder.empty()) {
    sweep_folder(meta_, journal_.tree(), inbox_path_ + "/" + head.folder, false);
  }
  {
    MutexLock lock(mutex_);
    drop.batch->head.state = state;
    drop.batch->head.paused = false;
    drop.batch->head.told = false;
    drop.batch->stuck = false;
    drop.batch->head.finished_at_ns = clock_.wall_ns();
    drop.batch->waits_for.clear();
    drop.batch->unpacking.clear();
  }
  log_head(drop);
  const Status tidied = drop.log->tidy(head, drop.batch->items(), drop.batch->enriched);
  const Status synced = drop.log->sync();
  (void)tidied;  // a longer log only costs room
  (void)synced;  // what power loss takes from it is worked out again
  tell_the_end(drop);
  index_.release_batch(drop.serial);
  keep_leftovers(drop);
  std::erase_if(adopted_, [&](const auto& folder) { return folder.second == drop.serial; });
  drop.archives.clear();
  drop.enriching.clear();
  drop.newcomers.clear();
  drop.early.clear();
  drop.last_number.clear();
  drop.followers.clear();
  drop.in_air.clear();
  drop.jobs.clear();
  {
    MutexLock lock(mutex_);
    drop.log.reset();
    drop.batch->forget_items();
  }
  forget_old_batches();
  scan_wanted_ = true;  // what came while it ended opens a batch of its own
  wake_at(0);
}

void ConductorCore::keep_leftovers(Drop& drop) {
  for (const Item& item : drop.batch->items()) {
    const bool stays = item.step == Step::failed || item.step == Step::held || item.step == Step::cancelled ||
                       (item.step == Step::skipped && item.stays);
    if (stays) leftovers_[drop.batch->dropped_path(item)] = {drop.serial, item.stamp};
  }
}

void ConductorCore::forget_old_batches() {
  std::size_t finished = drops_.size() - open_drops().size();
  while (finished-- > kRemembered) {
    const auto oldest = std::find_if(drops_.begin(), drops_.end(),
                                     [](const DropPtr& drop) { return is_final(drop->batch->head.state); });
    const std::string id = (*oldest)->batch->head.id;
    {
      MutexLock lock(mutex_);
      drops_.erase(oldest);
    }
    ItemLog::remove(disk_, options_.directory, id);
  }
}

}  // namespace cd
