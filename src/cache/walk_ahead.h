// WalkAhead: somebody opens the small files of a folder one after another (an audition, a sampler that loads a kit,
// `cp -r`): the beginnings of the next ones are fetched before they are asked for, in the order in which folders show
// their names, and on into the folders that follow.
//
// Two misses in one folder begin a walk; each file that was foreseen and then opened doubles its window, a jump halves it.
// So what nobody wants is at most one window of files, kBeginning of each, and BlockFetcher's bounds hold besides. Files
// that are here already cost nothing and are not counted.
// Thread-safe; never waits. MetaStore outlives it; `fetch` is called with no lock held.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "cache/meta_store.h"

namespace cd {

class WalkAhead {
 public:
  enum class Fetched : std::uint8_t { started, here, refused };
  using Fetch = std::function<Fetched(const RemoteVersion&)>;

  WalkAhead(const MetaStore& meta, const Clock& clock, MetricRegistry& metrics, Fetch fetch);

  void opened(InodeId file);  // for reading; cheap when no walk is on
  void missed(InodeId file);  // its beginning was not here

 private:
  struct Place {  // behind this name of this folder
    InodeId folder;
    std::string name;
  };
  struct Walk {
    InodeId folder;         // of the file opened last
    std::string from;       // where the walk entered it
    Place end;              // behind the last file that was foreseen
    std::size_t window = 0;
    std::size_t ahead = 0;  // foreseen and not opened yet
    std::int64_t moved_ns = 0;
    bool busy = false;      // somebody is looking further
  };
  using WalkPtr = std::shared_ptr<Walk>;
  struct Foreseen {
    WalkPtr walk;
    InodeId folder;
  };

  [[nodiscard]] WalkPtr walk_in(InodeId folder) const CD_REQUIRES(mutex_);
  [[nodiscard]] bool covers(const Walk& walk, const MetaEntry& file) const CD_REQUIRES(mutex_);
  WalkPtr begin(const MetaEntry& file) CD_REQUIRES(mutex_);
  void forget(const WalkPtr& walk) CD_REQUIRES(mutex_);
  void look_further(const WalkPtr& walk);
  std::vector<MetaEntry> next_files(Place& place, std::size_t count, bool may_leave) const;

  const MetaStore& meta_;
  const Clock& clock_;
  const Fetch fetch_;
  Counter& fetched_;
  Counter& used_;
  std::atomic<std::size_t> foreseen_count_{0};

  Mutex mutex_;
  std::deque<WalkPtr> walks_ CD_GUARDED_BY(mutex_);  // the one that moved last in front
  std::unordered_map<InodeId, Foreseen> foreseen_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
