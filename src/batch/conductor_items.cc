#include <algorithm>

#include "base/check.h"
#include "base/crash_point.h"
#include "batch/conductor_core.h"

namespace cd {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kBusyLook = 250 * kMillisecond;  // a file that is open for writing again
constexpr std::int64_t kTrouble = 2'000 * kMillisecond;  // disk full
constexpr const char* kInterrupted =
    "the copy was interrupted; copy it again, or write `retry` to control to store it as it is";

}  // namespace

std::optional<MetaEntry> ConductorCore::in_inbox(const Drop& drop, const Item& item) const {
  const auto entry = meta_.resolve(drop.batch->inbox_path(inbox_path_, item));
  if (!entry || !*entry || (*entry)->record.is_directory()) return std::nullopt;
  return **entry;
}

std::size_t ConductorCore::uploads_in_air() const {
  std::size_t out = 0;
  for (const DropPtr& drop : drops_) out += drop->in_air.size();
  return out;
}

void ConductorCore::log_item(Drop& drop, std::uint32_t number) {
  if (drop.log->append_item(number, drop.batch->item(number))) return;
  filing_pause_ns_ = clock_.steady_ns() + kTrouble;  // recovery looks and comes to the same end
}

void ConductorCore::move(Drop& drop, std::uint32_t number, Step to) {
  {
    MutexLock lock(mutex_);
    drop.batch->move(number, to, clock_.steady_ns());
  }
  if (to != Step::analysing) drop.jobs.erase(number);
  if (to != Step::filing) drop.in_air.erase(number);
  const bool gives_up = to == Step::failed || to == Step::held || to == Step::waiting || to == Step::skipped;
  if (gives_up) index_.release(drop.batch->item(number).content, {drop.serial, number});
  if (to == Step::waiting) settle_followers(drop, number);  // it may come back as another content
}

// ---- analysis

void ConductorCore::dispatch_analysis() {
  // One of each batch in turn, until the pool has enough or nobody has anything.
  for (const std::vector<DropPtr>& open : open_by_priority()) {
    std::size_t at = turn_behind(listened_last_, open);
    for (std::size_t idle = 0; idle < open.size() && pool_->room() > 0; ++at) {
      Drop& drop = *open[at % open.size()];
      const bool served = dispatch_one(drop);
      if (served) listened_last_ = drop.serial;
      idle = served ? 0 : idle + 1;
    }
  }
}

// True: a job was handed out, or an item was dealt with.
bool ConductorCore::dispatch_one(Drop& drop) {
  const BatchState state = drop.batch->head.state;
  if (drop.batch->head.paused || (state != BatchState::queued && state != BatchState::uploading)) return false;
  const auto next = drop.batch->take_waiting();
  if (!next) return false;
  const std::uint32_t n = *next;
  const Item& item = drop.batch->item(n);
  const auto entry = in_inbox(drop, item);
  if (!entry) return skip(drop, n, "", "removed from the inbox"), true;
  const MetaRecord& record = entry->record;
  if (record.attr.type == NodeType::symlink) {
    return fail_item(drop, n, "symbolic links in the inbox are not followed; drop the file itself"), true;
  }
  if (journal_.tree().has_writer(record.ino)) {
    drop.batch->put_back_waiting(n);
    wake_at(clock_.steady_ns() + kBusyLook);
    return false;
  }
  const FileStamp stamp{record.attr.size, record.attr.mtime_ns};
  const bool interrupted = journal_.tree().was_interrupted(record.ino);
  {
    MutexLock lock(mutex_);
    if (!(item.stamp == stamp)) drop.batch->set_stamp(n, stamp);
    drop.batch->item(n).interrupted = interrupted && !item.as_it_is;
  }
  if (item.interrupted) return fail_item(drop, n, kInterrupted), true;
  auto staged = journal_.tree().staged(record.staged);
  if (!staged) {
    return fail_item(drop, n, "its bytes on the local disk cannot be read: " + staged.error().message), true;
  }
  if (is_to_unpack(item)) {
    drop.archives.push_back(n);
    return true;
  }
  AnalysisJob job;
  job.item = {drop.serial, n};
  job.job = drop.next_job++;
  job.file = std::move(*staged);
  job.name = drop.batch->dropped_path(item);
  job.library_known = drop.batch->library_known;
  job.cancel = drop.cancel.get_token();
  if (!heard_early(drop, job, item, record.staged)) return drop.batch->put_back_waiting(n), false;
  const std::uint64_t number = job.job;
  if (!pool_->try_submit(std::move(job))) return drop.batch->put_back_waiting(n), false;
  move(drop, n, Step::analysing);
  drop.jobs[n] = number;
  return true;
}

void ConductorCore::finish_analysis(AnalysisDone done) {
  const DropPtr found = find(done.item.batch);
  if (!found) return;
  Drop& drop = *found;
  if (!done.early.empty()) return keep_early(drop, std::move(done));
  const std::uint32_t n = done.item.number;
  const auto job = drop.jobs.find(n);
  if (job == drop.jobs.end() || job->second != done.job) {  // cancelled, or begun anew, meanwhile
    const Step step = done.item.number < drop.batch->items().size() ? drop.batch->item(n).step : Step::cancelled;
    const bool stands = step == Step::analysing || step == Step::ready || step == Step::filing || step == Step::done;
    if (!stands) index_.release(done.content, done.item);
    return;
  }
  drop.jobs.erase(job);
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).content = done.content;
  }
  if (done.changed) return move(drop, n, Step::waiting);
  if (!in_inbox(drop, drop.batch->item(n))) return skip(drop, n, "", "removed from the inbox");  // meanwhile
  if (!done.result) {
    if (done.result.error().code == Code::cancelled) return move(drop, n, Step::waiting);
    note_failure(drop, done.result.error().message);
    return fail_item(drop, n, "it could not be read: " + done.result.error().message);
  }
  if (done.in_library) return skip(drop, n, *done.in_library, "");
  if (done.twin) return join_twin(drop, n, *done.twin, *done.result);
  accept_result(drop, n, *done.result);
}

void ConductorCore::accept_result(Drop& drop, std::uint32_t n, const ItemResult& result) {
  const auto extent = drop.log->append_result(result);
  if (!extent) {
    filing_pause_ns_ = clock_.steady_ns() + kTrouble;
    return move(drop, n, Step::waiting);
  }
  {
    MutexLock lock(mutex_);
    Item& item = drop.batch->item(n);
    item.result = *extent;
    item.warned = !result.warnings.empty();
  }
  const std::string why = result.warnings.empty() ? "" : ": " + result.warnings.front();
  const bool wanted = drop.batch->item(n).as_it_is || drop.batch->item(n).opened;
  if (options_.only_audio && !result.is_audio && !wanted) {
    return fail_item(drop, n, "not audio (" + result.type + "), and only audio is taken" + why);
  }
  if (options_.undecodable == Undecodable::hold && options_.analyze && !result.is_audio && !wanted) {
    return fail_item(drop, n, "held back (" + result.type + ")" + why, Step::held);
  }
  move(drop, n, Step::ready);
  log_item(drop, n);
  crash_point("batch.after_analysis");
}

// Another item stands for this content: what becomes of it decides.
void ConductorCore::join_twin(Drop& drop, std::uint32_t n, ItemRef owner, const ItemResult& content) {
  const DropPtr other = find(owner.batch);
  const bool open = other && other->log && owner.number < other->batch->items().size();
  const Step step = open ? other->batch->item(owner.number).step : Step::cancelled;
  // While it is listened to, only the index knows its content: its answer may come after this one.
  const bool there = open && (step == Step::analysing ||
                              other->batch->item(owner.number).content == content.content);
  if (there && step == Step::done) {
    const std::string twin = other->batch->item(owner.number).destination;
    if (library_.holds(twin, content)) return skip(drop, n, twin, "");
  }
  if (there && !is_final(step) && step != Step::twin) {
    move(drop, n, Step::twin);
    other->followers[owner.number].push_back({drop.serial, n});
    return;
  }
  index_.release(content.content, owner);  // it no longer stands for it: this one may
  move(drop, n, Step::waiting);
}

// The item that others waited for came to its end.
void ConductorCore::settle_followers(Drop& drop, std::uint32_t number) {
  const auto at = drop.followers.find(number);
  if (at == drop.followers.end()) return;
  const std::vector<ItemRef> followers = std::move(at->second);
  drop.followers.erase(at);
  const Item leader = drop.batch->item(number);
  const bool stored = leader.step == Step::done || (leader.step == Step::skipped && !leader.destination.empty() &&
                                                    !leader.stays);
  for (const ItemRef& ref : followers) {
    const DropPtr other = find(ref.batch);
    if (!other || !other->log || other->batch->item(ref.number).step != Step::twin) continue;
    if (stored) skip(*other, ref.number, leader.destination, "");
    else move(*other, ref.number, Step::waiting);
  }
}

// ---- ends

void ConductorCore::skip(Drop& drop, std::uint32_t n, const std::string& twin, const std::string& note) {
  const auto entry = in_inbox(drop, drop.batch->item(n));
  const bool leave = drop.batch->item(n).stays;
  if (entry && !leave && drop.batch->item(n).step != Step::filing) {
    const FileStamp stamp{entry->record.attr.size, entry->record.attr.mtime_ns};
    const bool changed = !(stamp == drop.batch->item(n).stamp) || journal_.tree().has_writer(entry->record.ino);
    if (changed) return move(drop, n, Step::waiting);  // it is no longer the file that has a twin
  }
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).destination = twin;
    drop.batch->item(n).reason = note;
  }
  move(drop, n, Step::skipped);
  log_item(drop, n);
  crash_point("batch.before_unlink");
  if (entry && !leave) {
    const Status removed = journal_.tree().unlink(entry->parent, entry->name);
    if (!removed && removed.error().code != Code::not_found) {
      move(drop, n, Step::waiting);
      return fail_item(drop, n, "it is stored as \"" + twin + "\", but cannot be removed from the inbox: " +
                                    removed.error().message);
    }
    const std::string& folder = drop.batch->head.folder;
    remove_emptied_parents(meta_, journal_.tree(), drop.batch->inbox_path(inbox_path_, drop.batch->item(n)),
                           folder.empty() ? inbox_path_ : inbox_path_ + "/" + folder);
  }
  tell(drop, "item-skipped", &drop.batch->item(n));
  settle_followers(drop, n);
}

void ConductorCore::fail_item(Drop& drop, std::uint32_t n, const std::string& reason, Step as) {
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).reason = reason;
  }
  move(drop, n, as);
  log_item(drop, n);
  tell(drop, "item-failed", &drop.batch->item(n));
  settle_followers(drop, n);
}

}  // namespace cd
