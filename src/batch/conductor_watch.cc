#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/crash_point.h"
#include "base/text.h"
#include "batch/conductor_core.h"

namespace cd {
namespace {

constexpr std::size_t kUploadsLookedAt = 1'000;

// Two reasons are alike if they differ only in numbers and in what they quote.
std::string gist_of(std::string_view reason) {
  std::string out;
  bool quoted = false;
  for (const char c : reason) {
    if (c == '"') quoted = !quoted;
    else if (!quoted && (c < '0' || c > '9')) out += c;
  }
  return out;
}

}  // namespace

// Everything fails the same way: better to stop and say so than to fail 100,000 times. Not counted is what the
// configuration refuses.
void ConductorCore::note_failure(Drop& drop, const std::string& reason) {
  const std::string gist = gist_of(reason);
  drop.failures_alike = gist == drop.failure_gist ? drop.failures_alike + 1 : 1;
  drop.failure_gist = gist;
  if (options_.pause_after_failures == 0 || drop.failures_alike < options_.pause_after_failures) return;
  if (drop.batch->head.paused) return;
  {
    MutexLock lock(mutex_);
    drop.batch->head.paused = true;
    drop.batch->head.note = human_count(static_cast<std::uint64_t>(drop.failures_alike)) +
                            " files in a row failed alike: " + reason +
                            "; remove the cause, then write resume and retry to control";
  }
  log_head(drop);
  tell(drop, "batch-paused", nullptr);
}

void ConductorCore::forget_failures(Drop& drop) {
  drop.failures_alike = 0;
  drop.failure_gist.clear();
}

// A batch in which nothing moved for a time is named in `health`. Bytes of a large upload that go out are a move too.
void ConductorCore::look_for_stuck(std::int64_t now_ns) {
  const std::int64_t patience = std::chrono::nanoseconds(options_.stuck_after).count();
  for (const DropPtr& drop : open_drops()) {
    Batch& batch = *drop->batch;
    const bool waits_for_people = batch.head.paused || (batch.head.state == BatchState::receiving && !drop->busy_writer) ||
                                  !drop->enriching.empty();  // programs have a time limit of their own
    if (batch.progressed_ns == 0 || waits_for_people) {
      MutexLock lock(mutex_);
      batch.progressed_ns = now_ns;
      batch.stuck = false;
    }
    const std::int64_t due = batch.progressed_ns + patience;
    if (now_ns < due) {
      wake_at(due);
      if (!batch.stuck) continue;
      MutexLock lock(mutex_);
      batch.stuck = false;
      continue;
    }
    wake_at(now_ns + patience);
    std::uint64_t sent = 0;
    for (const UploadView& upload : journal_.uploads(kUploadsLookedAt)) sent += upload.bytes_done;
    const bool moves = sent != drop->bytes_sent && sent > 0 && !drop->in_air.empty();
    drop->bytes_sent = sent;
    if (moves || batch.stuck) {
      MutexLock lock(mutex_);
      if (moves) batch.progressed_ns = now_ns;
      batch.stuck = !moves;
      continue;
    }
    {
      MutexLock lock(mutex_);
      batch.stuck = true;
    }
    tell(*drop, "batch-stuck", nullptr);
  }
}

// The end of a batch is logged as not yet told; then it is told, once more after a crash in between. The user's
// command is noted before it begins, so that it never begins twice.
void ConductorCore::tell_the_end(Drop& drop) {
  tell(drop, "batch-finished", nullptr);
  {
    MutexLock lock(mutex_);
    drop.batch->head.told = true;
  }
  crash_point("batch.before_told");
  if (drop.log && !drop.log->append_head(drop.batch->head)) return;  // the disk is broken: told again after a restart
  crash_point("batch.after_told");
  if (!done_command_) return;
  const BatchHead& head = drop.batch->head;
  const FinishedBatch finished{head.id, head.name, std::string(name_of(head.state)),
                               options_.directory + "/" + head.id + ".report.json"};
  if (!done_command_->try_submit(finished)) command_ended(finished, fail(Code::busy, "too many wait already"));
}

void ConductorCore::command_ended(const FinishedBatch& batch, const Status& outcome) const {
  if (!events_) return;
  nlohmann::ordered_json out;
  out["time"] = format_utc_ms(clock_.wall_ns());
  out["event"] = outcome ? "batch-command" : "batch-command-failed";
  out["batch"] = batch.id;
  if (!outcome) out["error"] = printable(outcome.error().message);
  events_(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// After a start: batches that ended, and the daemon before it could say so.
void ConductorCore::tell_untold() {
  for (const DropPtr& drop : untold_) {
    if (!reopen(*drop)) continue;
    tell_the_end(*drop);
    MutexLock lock(mutex_);
    drop->log.reset();
    drop->batch->forget_items();
  }
  untold_.clear();
}

}  // namespace cd
