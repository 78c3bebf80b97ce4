#include "cache/walk_ahead.h"

#include <algorithm>

namespace cd {
namespace {

constexpr std::size_t kWalks = 8;
constexpr std::size_t kWindowFirst = 4;
constexpr std::size_t kWindowMax = 96;       // more than a store's connections; what lies between is the round trip
constexpr std::size_t kWindowToLeave = 8;    // hits enough to go on into other folders
constexpr std::size_t kLooksMax = 512;       // names looked at for one window
constexpr std::int64_t kRestNs = 2'000'000'000;  // after so long a miss inside a walk begins it anew

bool worth_fetching(const MetaRecord& record) {
  return record.attr.type == NodeType::file && record.remote && record.remote->size > 0 && !record.staged &&
         !record.local_only;
}

}  // namespace

WalkAhead::WalkAhead(const MetaStore& meta, const Clock& clock, MetricRegistry& metrics, Fetch fetch)
    : meta_(meta), clock_(clock), fetch_(std::move(fetch)),
      fetched_(metrics.counter("cratedrive_foreseen_files_total", "Files whose beginning was fetched before it was opened")),
      used_(metrics.counter("cratedrive_foreseen_files_used_total", "Of them: opened after that")) {}

void WalkAhead::opened(InodeId file) {
  if (foreseen_count_.load(std::memory_order_relaxed) == 0) return;
  WalkPtr walk;
  {
    MutexLock lock(mutex_);
    const auto at = foreseen_.find(file);
    if (at == foreseen_.end()) return;
    walk = at->second.walk;
    if (walk->folder != at->second.folder) walk->from.clear();
    walk->folder = at->second.folder;
    walk->moved_ns = clock_.steady_ns();
    walk->window = std::min(kWindowMax, walk->window * 2);
    --walk->ahead;
    foreseen_.erase(at);
    foreseen_count_ = foreseen_.size();
    if (walks_.front() != walk) {
      std::erase(walks_, walk);
      walks_.push_front(walk);
    }
    if (walk->busy || walk->ahead > walk->window / 2) walk.reset();
    else walk->busy = true;
  }
  used_.add();
  if (walk) look_further(walk);
}

void WalkAhead::missed(InodeId file) {
  const auto entry = meta_.entry(file);
  if (!entry || !*entry) return;
  WalkPtr walk;
  {
    MutexLock lock(mutex_);
    walk = walk_in((*entry)->parent);
    if (!walk) return void(begin(**entry));
    if (walk->busy || covers(*walk, **entry)) return;
    const std::size_t window = std::max(kWindowFirst, walk->window / 2);
    forget(walk);
    walk = begin(**entry);
    walk->window = window;
    walk->busy = true;
  }
  look_further(walk);
}

WalkAhead::WalkPtr WalkAhead::walk_in(InodeId folder) const {
  const auto at = std::find_if(walks_.begin(), walks_.end(), [&](const WalkPtr& w) { return w->folder == folder; });
  return at == walks_.end() ? nullptr : *at;
}

// Several readers take the files of a folder side by side: one that comes a little late is no jump.
bool WalkAhead::covers(const Walk& walk, const MetaEntry& file) const {
  if (walk.window == 0 || clock_.steady_ns() - walk.moved_ns > kRestNs) return false;
  return file.name >= walk.from && (walk.end.folder != file.parent || file.name <= walk.end.name);
}

WalkAhead::WalkPtr WalkAhead::begin(const MetaEntry& file) {
  auto walk = std::make_shared<Walk>();
  walk->folder = file.parent;
  walk->from = file.name;
  walk->end = {file.parent, file.name};
  walk->moved_ns = clock_.steady_ns();
  walks_.push_front(walk);
  if (walks_.size() > kWalks) forget(WalkPtr(walks_.back()));
  return walk;
}

void WalkAhead::forget(const WalkPtr& walk) {
  std::erase(walks_, walk);
  std::erase_if(foreseen_, [&](const auto& item) { return item.second.walk == walk; });
  foreseen_count_ = foreseen_.size();
}

// `busy` is ours: nobody else moves the walk's end meanwhile.
void WalkAhead::look_further(const WalkPtr& walk) {
  Place place;
  std::size_t wanted = 0;
  bool may_leave = false;
  {
    MutexLock lock(mutex_);
    place = walk->end;
    wanted = walk->window - std::min(walk->window, walk->ahead);
    may_leave = walk->window >= kWindowToLeave;
  }
  std::vector<MetaEntry> started;
  bool refused = false;
  Place end = place;
  for (const MetaEntry& file : next_files(place, wanted, may_leave)) {
    const Fetched fetched = fetch_(*file.record.remote);
    refused = fetched == Fetched::refused;
    if (refused) break;
    end = {file.parent, file.name};
    if (fetched == Fetched::started) started.push_back(file);
  }
  fetched_.add(started.size());
  MutexLock lock(mutex_);
  walk->end = refused ? end : place;
  walk->busy = false;
  if (std::find(walks_.begin(), walks_.end(), walk) == walks_.end()) return;  // forgotten meanwhile
  for (const MetaEntry& file : started)
    if (foreseen_.try_emplace(file.record.ino, Foreseen{walk, file.parent}).second) ++walk->ahead;
  foreseen_count_ = foreseen_.size();
}

// In the order of a walk through the tree. `place` ends up behind the last name looked at.
std::vector<MetaEntry> WalkAhead::next_files(Place& place, std::size_t count, bool may_leave) const {
  std::vector<MetaEntry> files;
  std::size_t looks = 0;
  while (files.size() < count && looks < kLooksMax) {
    InodeId below;
    const Status listed = meta_.list(place.folder, place.name, [&](std::string_view name, const MetaRecord& record) {
      place.name = name;
      ++looks;
      if (worth_fetching(record)) files.push_back({place.folder, place.name, record});
      if (record.is_directory() && !record.local_only && may_leave) below = record.ino;
      return !below && files.size() < count && looks < kLooksMax;
    });
    if (!listed) break;
    if (below) {
      place = {below, ""};
    } else if (files.size() < count && looks < kLooksMax) {  // the end of this folder
      if (!may_leave || place.folder == kRootInode) break;
      ++looks;
      const auto folder = meta_.entry(place.folder);
      if (!folder || !*folder) break;
      place = {(*folder)->parent, (*folder)->name};
    }
  }
  return files;
}

}  // namespace cd
