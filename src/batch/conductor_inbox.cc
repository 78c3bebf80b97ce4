#include <algorithm>

#include "batch/conductor_core.h"
#include "base/text.h"

namespace cd {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kScanGap = 30 * kMillisecond;         // between two scans, at least
constexpr std::int64_t kScanGapMax = 10'000 * kMillisecond;  // … and at most, however long one takes
constexpr std::int64_t kScanShare = 10;                      // scanning takes at most a tenth of the time

// "20260131-120000-deep-kicks": sorts by time, and is a file name anywhere.
std::string make_id(std::int64_t wall_ns, std::string_view name) {
  std::string id;
  for (const char c : format_utc(wall_ns)) {
    if (c >= '0' && c <= '9') id += c;
    if (c == 'T') id += '-';
  }
  std::string slug;
  for (const char c : to_lower_ascii(name)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) slug += c;
    else if (!slug.empty() && slug.back() != '-') slug += '-';
    if (slug.size() == 40) break;
  }
  while (slug.ends_with('-')) slug.pop_back();
  return id + "-" + (slug.empty() ? "batch" : slug);
}

}  // namespace

void ConductorCore::scan(std::int64_t now_ns) {
  if (!scan_wanted_ && !(scan_timer_ns_ && *scan_timer_ns_ <= now_ns)) {
    if (scan_timer_ns_) wake_at(*scan_timer_ns_);
    return;
  }
  const std::int64_t gap = std::clamp(scan_cost_ns_ * kScanShare, kScanGap, kScanGapMax);
  if (scan_ended_ns_ != 0 && now_ns < scan_ended_ns_ + gap) return wake_at(scan_ended_ns_ + gap);
  scan_wanted_ = false;
  scan_timer_ns_.reset();
  auto folders = inbox_.drops();
  if (!folders) {
    scan_timer_ns_ = now_ns + 1'000 * kMillisecond;
    return wake_at(*scan_timer_ns_);
  }
  for (const DropPtr& drop : open_drops()) {  // those whose folder is gone have to be told too
    const std::string& folder = drop->batch->head.folder;
    if (std::find(folders->begin(), folders->end(), folder) == folders->end()) folders->push_back(folder);
  }
  for (const std::string& folder : *folders) look_at(folder, now_ns);
  scan_ended_ns_ = clock_.steady_ns();
  scan_cost_ns_ = scan_ended_ns_ - now_ns;
  if (scan_timer_ns_) wake_at(std::max(*scan_timer_ns_, scan_ended_ns_ + kScanGap));
}

void ConductorCore::look_at(const std::string& folder, std::int64_t now_ns) {
  if (adopted_.contains(folder)) return;
  auto view = inbox_.look(folder);
  if (!view) return;  // MetaStore could not be read: the next look will tell
  std::erase_if(view->files, [&](const InboxFile& file) { return is_owned(folder, file); });
  DropPtr drop;
  for (const DropPtr& open : open_drops()) {
    if (open->batch->head.folder == folder) drop = open;
  }
  if (!drop) {
    if (view->files.empty()) return;
    drop = open_batch(folder, view->files.front().path);
    if (!drop) return;
  }
  if (drop->batch->head.state == BatchState::receiving) receive(*drop, std::move(*view), now_ns);
  else merge(*drop, *view, now_ns);
}

// A file that a finished batch left behind is not dropped anew unless it changed.
bool ConductorCore::is_owned(const std::string& folder, const InboxFile& file) const {
  if (leftovers_.empty()) return false;
  const auto at = leftovers_.find(folder.empty() ? file.path : folder + "/" + file.path);
  return at != leftovers_.end() && at->second.stamp == file.stamp && !file.has_writer;
}

DropPtr ConductorCore::open_batch(const std::string& folder, const std::string& first_file) {
  BatchHead head;
  head.name = folder.empty() ? first_file : folder;
  head.folder = folder;
  head.created_at_ns = clock_.wall_ns();
  const std::string id = make_id(head.created_at_ns, head.name);
  head.id = id;
  for (int n = 2; find(head.id); ++n) head.id = id + "-" + std::to_string(n);
  ItemLog::Contents contents;
  auto log = ItemLog::open(disk_, options_.directory, head.id, contents);
  if (!log) return nullptr;  // the disk is in trouble: the files wait in the inbox, the next scan tries again
  auto drop = std::make_shared<Drop>(options_.settle);
  drop->serial = next_serial_++;
  drop->log = std::move(*log);
  drop->batch = std::make_unique<Batch>();
  drop->batch->head = std::move(head);
  {
    MutexLock lock(mutex_);
    drops_.push_back(drop);
  }
  log_head(*drop);
  tell(*drop, "batch-created", nullptr);
  tree_.load_tree(kRootInode, [](const Result<void>&) {});  // known by the time that it has settled
  return drop;
}

void ConductorCore::receive(Drop& drop, DropView view, std::int64_t now_ns) {
  const bool complete = drop.settle.observe(view.sight, now_ns);
  const bool waits = complete && options_.confirm && !drop.start_asked;
  {
    MutexLock lock(mutex_);
    Batch& batch = *drop.batch;
    const std::uint64_t bytes_before = batch.preview_bytes;
    batch.preview_files = view.files.size();
    batch.preview_bytes = 0;
    for (const InboxFile& file : view.files) batch.preview_bytes += file.stamp.bytes;
    if (batch.head.folder.empty() && view.files.size() > 1) batch.head.name = "loose files";
    batch.waits_for = view.sight.has_writer ? "a file is still being written"
                      : waits               ? "complete; waits for `start` in its control file"
                                            : "";
    if (batch.preview_bytes != bytes_before) batch.progressed_ns = now_ns;
  }
  drop.busy_writer = view.sight.has_writer;
  const bool gone = view.files.empty();
  drop.view = std::move(view);
  drop.early_next = 0;
  if (gone && complete) {
    {
      MutexLock lock(mutex_);
      drop.batch->head.note = "its files were removed from the inbox";
    }
    return finish(drop, BatchState::cancelled);
  }
  if ((complete && !waits) || drop.start_asked) return settle(drop);
  if (waits) return;
  const std::int64_t again = drop.settle.look_again_ns().value_or(now_ns + kScanGap);
  if (!scan_timer_ns_ || again < *scan_timer_ns_) scan_timer_ns_ = again;
}

// What is there now becomes the items; what comes later joins.
void ConductorCore::settle(Drop& drop) {
  std::vector<std::uint32_t> added;
  std::vector<std::uint32_t> links;
  {
    MutexLock lock(mutex_);
    for (const InboxFile& file : drop.view->files) {
      if (file.has_writer) continue;  // `start` came early: it joins when it is closed
      added.push_back(drop.batch->add(file.path, file.stamp));
    }
    drop.batch->head.state = BatchState::queued;
    drop.batch->waits_for.clear();
  }
  drop.view.reset();
  const Status logged = drop.log->append_items(added, drop.batch->items());
  if (!logged) filing_pause_ns_ = clock_.steady_ns() + 5'000 * kMillisecond;
  log_head(drop);
  scan_wanted_ = true;
  wake_at(0);
}

void ConductorCore::merge(Drop& drop, const DropView& view, std::int64_t now_ns) {
  std::vector<bool> seen(drop.batch->items().size(), false);
  std::vector<std::uint32_t> added;
  std::unordered_map<std::string, Drop::Newcomer> newcomers;
  newcomers.swap(drop.newcomers);  // those that are not seen again are forgotten
  for (const InboxFile& file : view.files) {
    const auto known = drop.batch->find(file.path);
    if (known && *known < seen.size()) seen[*known] = true;
    if (known && !is_final(drop.batch->item(*known).step)) continue;  // looked at when its turn comes
    if (known && take_up_again(drop, *known, file)) continue;
    const auto before = newcomers.find(file.path);
    if (before != newcomers.end()) drop.newcomers.insert(newcomers.extract(before));
    merge_file(drop, file, now_ns, added);
  }
  const Status logged = drop.log->append_items(added, drop.batch->items());
  if (!logged) filing_pause_ns_ = now_ns + 5'000 * kMillisecond;
  note_removed(drop, seen);
}

// A failed, held or cancelled item whose file is still there. True: nothing else is to be done about the file.
bool ConductorCore::take_up_again(Drop& drop, std::uint32_t number, const InboxFile& file) {
  const Item& item = drop.batch->item(number);
  if (item.step == Step::done || (item.step == Step::skipped && !item.stays)) return false;  // dropped once more
  const bool healed = item.interrupted && !journal_.tree().was_interrupted(file.ino);
  if (file.has_writer || (item.stamp == file.stamp && !healed)) return true;
  {
    MutexLock lock(mutex_);
    Item& changed = drop.batch->item(number);
    changed.interrupted = changed.stays = changed.opened = false;
    changed.reason.clear();
    changed.destination.clear();
    drop.batch->set_stamp(number, file.stamp);
  }
  move(drop, number, Step::waiting);
  log_item(drop, number);
  return true;
}

void ConductorCore::merge_file(Drop& drop, const InboxFile& file, std::int64_t now_ns,
                               std::vector<std::uint32_t>& added) {
  const std::int64_t settle_ns = std::chrono::nanoseconds(options_.settle).count();
  auto [at, fresh] = drop.newcomers.try_emplace(file.path, Drop::Newcomer{file.stamp, file.changed, now_ns});
  Drop::Newcomer& newcomer = at->second;
  if (!fresh && (newcomer.changed != file.changed || !(newcomer.stamp == file.stamp) || file.has_writer)) {
    newcomer = {file.stamp, file.changed, now_ns};
  }
  const std::int64_t due = newcomer.since_ns + settle_ns;
  if (file.has_writer || now_ns < due) {
    const std::int64_t again = std::max(due, now_ns + kScanGap);
    if (!scan_timer_ns_ || again < *scan_timer_ns_) scan_timer_ns_ = again;
    return;
  }
  drop.newcomers.erase(at);
  MutexLock lock(mutex_);
  added.push_back(drop.batch->add(file.path, file.stamp));
}

void ConductorCore::note_removed(Drop& drop, const std::vector<bool>& seen) {
  for (std::uint32_t n = 0; n < seen.size(); ++n) {
    if (seen[n]) continue;
    const Step step = drop.batch->item(n).step;
    if (step != Step::waiting && step != Step::ready && step != Step::twin) continue;
    if (!in_inbox(drop, drop.batch->item(n))) skip(drop, n, "", "removed from the inbox");
  }
}

}  // namespace cd
