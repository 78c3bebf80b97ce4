// While a batch settles, the analysers listen to what lies there already; when it has settled only what changed since is
// left to do. A result is kept in the batch's log, where no item speaks of it yet, and is good for as long as the bytes are
// the same.
#include "batch/conductor_core.h"

namespace cd {
namespace {

constexpr std::size_t kEarlyMax = 20'000;  // files a batch: so much work ahead of the rest is enough

}  // namespace

void ConductorCore::listen_early() {
  for (const DropPtr& drop : open_drops()) {
    while (drop->batch->head.state == BatchState::receiving && drop->view && pool_->room() > 0 && listen_early(*drop)) {
    }
  }
}

// The next file of the view that nobody has listened to; false: there is none.
bool ConductorCore::listen_early(Drop& drop) {
  if (drop.batch->head.paused) return false;
  const std::vector<InboxFile>& files = drop.view->files;
  for (; drop.early_next < files.size() && drop.early.size() < kEarlyMax; ++drop.early_next) {
    const InboxFile& file = files[drop.early_next];
    if (file.has_writer || file.is_symlink) continue;
    // Each scan begins anew: what it finds as it was is not looked at again. heard_early() compares the bytes themselves.
    const auto known = drop.early.find(file.path);
    if (known != drop.early.end() && (known->second.job != 0 || known->second.stamp == file.stamp)) continue;
    const auto entry = meta_.entry(file.ino);
    if (!entry || !*entry || !(*entry)->record.staged) continue;
    const StagedId staged = (*entry)->record.staged;
    auto bytes = journal_.tree().staged(staged);
    if (!bytes) continue;
    AnalysisJob job;
    job.item = {drop.serial, 0};
    job.job = drop.next_job++;
    job.file = std::move(*bytes);
    job.name = drop.batch->head.folder.empty() ? file.path : drop.batch->head.folder + "/" + file.path;
    job.cancel = drop.cancel.get_token();
    job.early = file.path;
    const std::uint64_t number = job.job;
    if (!pool_->try_submit(std::move(job))) return false;
    drop.early[file.path] = {staged, file.stamp, number, 0, {}};
    ++drop.early_next;
    return true;
  }
  return false;
}

void ConductorCore::keep_early(Drop& drop, AnalysisDone done) {
  const auto at = drop.early.find(done.early);
  if (at == drop.early.end() || at->second.job != done.job) return;
  if (done.changed || !done.result) return void(drop.early.erase(at));  // heard again when its turn comes
  const auto kept = drop.log->append_result(*done.result);
  if (!kept) return void(drop.early.erase(at));
  at->second.job = 0;
  at->second.generation = done.generation;
  at->second.result = *kept;
  metrics_.counter("cratedrive_batch_heard_early_total", "Files that were listened to while their folder settled").add();
}

// False: somebody listens to these bytes right now; their answer comes as mail.
bool ConductorCore::heard_early(Drop& drop, AnalysisJob& job, const Item& item, StagedId staged) {
  const auto at = drop.early.find(item.path);
  if (at == drop.early.end()) return true;
  if (at->second.staged == staged && at->second.job != 0) return false;
  if (at->second.staged == staged && at->second.generation == job.file->generation()) {
    if (auto heard = drop.log->read_result(at->second.result)) job.heard = std::move(*heard);
  }
  drop.early.erase(at);
  return true;
}

}  // namespace cd
