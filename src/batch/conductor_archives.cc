#include <algorithm>

#include "base/crash_point.h"
#include "base/text.h"
#include "batch/conductor_core.h"
#include "batch/placement.h"

namespace cd {
namespace {

constexpr std::int64_t kTrouble = 2'000'000'000;
constexpr std::size_t kRefusalsTold = 5;
constexpr int kFoldersTried = 1'000;
constexpr const char* kUnpacked = "unpacked";
constexpr const char* kStoreIt = "; write `retry` to control to store the archive as it is";

std::string_view name_in(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string folder_in(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

std::string refusal_sentence(const Unpacked& unpacked) {
  std::string out = unpacked.files == 0 ? "nothing of it was unpacked: " : human_count(unpacked.files) + " files of it went in, ";
  out += human_count(unpacked.refused_total) + (unpacked.refused_total == 1 ? " was refused: " : " were refused: ");
  for (std::size_t i = 0; i < std::min(unpacked.refused.size(), kRefusalsTold); ++i) {
    out += (i > 0 ? ", " : "") + ("\"" + shorten(unpacked.refused[i].path, 80) + "\" " + unpacked.refused[i].reason);
  }
  if (unpacked.refused_total > kRefusalsTold) out += ", …";
  return out + kStoreIt;
}

}  // namespace

bool ConductorCore::is_to_unpack(const Item& item) const {
  return options_.unpack_archives && !item.opened && !item.as_it_is && item.stamp.bytes > 0 &&
         item.depth < options_.archive_depth && !archive_stem(name_in(item.path)).empty();
}

std::string ConductorCore::unpack_folder(const Drop& drop, std::uint32_t n) const {
  return std::string(kUnpackingPrefix) + drop.batch->head.id + "-" + std::to_string(n);
}

// One at a time: it is the disk that is busy.
void ConductorCore::dispatch_archives() {
  std::vector<DropPtr> open;
  for (const std::vector<DropPtr>& group : open_by_priority()) open.insert(open.end(), group.begin(), group.end());
  for (std::size_t at = 0; at < open.size() && !unpacking_; ++at) {
    Drop& drop = *open[at];
    const BatchState state = drop.batch->head.state;
    if (drop.batch->head.paused || (state != BatchState::queued && state != BatchState::uploading)) continue;
    while (!drop.archives.empty() && !unpacking_) {
      const std::uint32_t n = drop.archives.front();
      drop.archives.pop_front();
      if (drop.batch->item(n).step == Step::waiting) unpacking_ = unpack_one(drop, n);
    }
  }
}

bool ConductorCore::unpack_one(Drop& drop, std::uint32_t n) {
  const auto entry = in_inbox(drop, drop.batch->item(n));
  if (!entry) return skip(drop, n, "", "removed from the inbox"), false;
  auto staged = journal_.tree().staged(entry->record.staged);
  if (!staged) {
    fail_item(drop, n, "its bytes on the local disk cannot be read: " + staged.error().message);
    return false;
  }
  UnpackJob job;
  job.item = {drop.serial, n};
  job.job = drop.next_job++;
  job.file = std::move(*staged);
  job.folder = unpack_folder(drop, n);
  job.owner = {0644, entry->record.attr.uid, entry->record.attr.gid};
  job.cancel = drop.cancel.get_token();
  const std::uint64_t number = job.job;
  if (!unpacker_->try_submit(std::move(job))) return drop.archives.push_back(n), false;
  move(drop, n, Step::analysing);
  drop.jobs[n] = number;
  MutexLock lock(mutex_);
  drop.batch->unpacking = drop.batch->item(n).path;
  return true;
}

void ConductorCore::finish_unpack(const UnpackDone& done) {
  unpacking_ = false;
  const DropPtr found = find(done.item.batch);
  const std::uint32_t n = done.item.number;
  const auto job = found ? found->jobs.find(n) : std::unordered_map<std::uint32_t, std::uint64_t>::iterator{};
  if (!found || job == found->jobs.end() || job->second != done.job) {  // cancelled, or begun anew, meanwhile
    MutexLock lock(mutex_);
    if (found) found->batch->unpacking.clear();
    lock.unlock();
    return remove_inbox_folder(meta_, journal_.tree(), done.folder);
  }
  Drop& drop = *found;
  drop.jobs.erase(job);
  {
    MutexLock lock(mutex_);
    drop.batch->unpacking.clear();
  }
  if (done.changed) return move(drop, n, Step::waiting);
  if (!done.result) return fail_unpack(drop, n, done.result.error());
  const Unpacked& unpacked = *done.result;
  if (unpacked.files == 0) {
    remove_inbox_folder(meta_, journal_.tree(), done.folder);
    if (unpacked.refused_total == 0) return fail_unpack(drop, n, {Code::unsupported, "there is no sample in it"});
    {
      MutexLock lock(mutex_);
      drop.batch->item(n).opened = true;
    }
    return fail_item(drop, n, refusal_sentence(unpacked));
  }
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).reason = unpacked.refused_total == 0 ? "" : refusal_sentence(unpacked);
  }
  give_place(drop, n, done.folder);
}

void ConductorCore::fail_unpack(Drop& drop, std::uint32_t n, const Error& error) {
  if (error.code == Code::cancelled) return move(drop, n, Step::waiting);
  if (error.code == Code::no_space || error.code == Code::busy || is_transient(error.code)) {
    return fail_item(drop, n, "it could not be unpacked: " + error.message + "; make room, then write `retry` to control");
  }
  const bool no_archive = error.code == Code::unsupported;
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).opened = true;
    if (no_archive) drop.batch->item(n).reason = "stored as it is: " + error.message;
  }
  if (!no_archive) return fail_item(drop, n, "it was not unpacked: " + error.message + kStoreIt);
  move(drop, n, Step::waiting);
  log_item(drop, n);
}

// What was unpacked becomes a folder beside the archive, under the first name that is free.
void ConductorCore::give_place(Drop& drop, std::uint32_t n, const std::string& folder) {
  const std::string archive = drop.batch->item(n).path;
  const std::string stem = safe_part(archive_stem(name_in(archive)));
  const std::string top = drop.batch->head.folder.empty() ? "" : drop.batch->head.folder + "/";
  for (int number = 1; number <= kFoldersTried; ++number) {
    const std::string name = number == 1 ? stem : stem + " (" + std::to_string(number) + ")";
    const std::string root = folder_in(archive) + name;
    const auto there = meta_.resolve(inbox_path_ + "/" + top + root);
    if (there && *there) continue;
    {
      MutexLock lock(mutex_);
      drop.batch->item(n).destination = root;
    }
    const auto entry = in_inbox(drop, drop.batch->item(n));
    if (!entry) break;  // the archive was removed meanwhile
    // Logged first: so recovery knows that the folder is whole, and where it goes.
    if (!drop.log->append_item(n, drop.batch->item(n))) {
      filing_pause_ns_ = clock_.steady_ns() + kTrouble;
      break;
    }
    crash_point("batch.before_unpacked");
    Namespace& tree = journal_.tree();
    const Status moved = tree.rename(tree.inbox(), folder, entry->parent, name, RenameMode::no_replace);
    crash_point("batch.after_unpacked");
    if (moved) return hand_over(drop, n);
    if (moved.error().code != Code::exists) break;
  }
  remove_inbox_folder(meta_, journal_.tree(), folder);
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).destination.clear();
  }
  move(drop, n, Step::waiting);
}

// The files below the archive's folder become items; the archive is done with.
void ConductorCore::hand_over(Drop& drop, std::uint32_t n) {
  const std::string root = drop.batch->item(n).destination;
  const bool loose = drop.batch->head.folder.empty();
  const auto view = inbox_.look_below(loose ? root : drop.batch->head.folder + "/" + root);
  std::vector<std::uint32_t> added;
  if (view) {
    MutexLock lock(mutex_);
    const auto depth = static_cast<std::uint8_t>(std::min<int>(drop.batch->item(n).depth + 1, kDepthMax));
    for (const InboxFile& file : view->files) {
      const std::string path = root + "/" + file.path;
      const auto known = drop.batch->find(path);
      // One of that name that was stored before is another file.
      const bool has_item = known && drop.batch->item(*known).step != Step::done;
      if (!file.has_writer && !has_item) added.push_back(drop.batch->add(path, file.stamp, depth));
    }
  }
  if (loose) adopted_[root.substr(0, root.find('/'))] = drop.serial;
  if (!drop.log->append_items(added, drop.batch->items())) filing_pause_ns_ = clock_.steady_ns() + kTrouble;
  crash_point("batch.after_handover");
  const bool refused = !drop.batch->item(n).reason.empty();
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).opened = true;
    if (refused || options_.keep_archive) drop.batch->item(n).destination.clear();
  }
  if (refused) return fail_item(drop, n, std::string(drop.batch->item(n).reason));
  if (!options_.keep_archive) return drop_archive(drop, n);
  move(drop, n, Step::waiting);
  log_item(drop, n);
}

// All that was in it is in the inbox: the archive itself can go.
void ConductorCore::drop_archive(Drop& drop, std::uint32_t n) {
  if (const Status safe = journal_.sync(); !safe) {
    return fail_item(drop, n, "it was unpacked, but its files are not safe on the disk: " + safe.error().message);
  }
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).reason = kUnpacked;
  }
  if (drop.batch->item(n).step != Step::done) {
    move(drop, n, Step::done);
    log_item(drop, n);
    tell(drop, "item-done", &drop.batch->item(n));
  }
  crash_point("batch.before_archive_unlink");
  const auto entry = in_inbox(drop, drop.batch->item(n));
  const FileStamp stamp = drop.batch->item(n).stamp;
  const bool same = entry && stamp == FileStamp{entry->record.attr.size, entry->record.attr.mtime_ns} &&
                    !journal_.tree().has_writer(entry->record.ino);
  if (!same) return;  // another one was dropped in its place: it has its own turn
  const Status removed = journal_.tree().unlink(entry->parent, entry->name);
  (void)removed;  // it stays, is found by the next scan, and all that is in it is a duplicate
}

void ConductorCore::recover_archives(Drop& drop) {
  const auto count = static_cast<std::uint32_t>(drop.batch->items().size());
  for (std::uint32_t n = 0; n < count; ++n) {
    const Item& item = drop.batch->item(n);
    if (item.depth > 0 && drop.batch->head.folder.empty() && !is_final(item.step)) {
      adopted_[item.path.substr(0, item.path.find('/'))] = drop.serial;
    }
    if (item.step == Step::done && item.opened && !item.destination.empty() && item.reason == kUnpacked) drop_archive(drop, n);
    if (item.step != Step::waiting || item.opened || item.destination.empty()) continue;
    const auto whole = meta_.lookup(journal_.tree().inbox(), unpack_folder(drop, n));
    const std::string top = drop.batch->head.folder.empty() ? "" : drop.batch->head.folder + "/";
    const auto placed = meta_.resolve(inbox_path_ + "/" + top + item.destination);
    if (whole && *whole) {
      give_place(drop, n, unpack_folder(drop, n));
    } else if (placed && *placed && (*placed)->record.is_directory()) {
      hand_over(drop, n);
    } else {
      MutexLock lock(mutex_);
      drop.batch->item(n).destination.clear();
    }
  }
}

// Of archives that were half unpacked when the daemon died.
void ConductorCore::remove_unpack_leftovers() {
  std::vector<std::string> names;
  const Status listed = meta_.list(journal_.tree().inbox(), "", [&](std::string_view name, const MetaRecord& record) {
    if (record.is_directory() && name.starts_with(kUnpackingPrefix)) names.emplace_back(name);
    return true;
  });
  (void)listed;  // they are hidden from scans, and the next start looks again
  for (const std::string& name : names) remove_inbox_folder(meta_, journal_.tree(), name);
}

}  // namespace cd
