// ListRunner: LISTs under way. One run per folder and kind; who asks for the same folder meanwhile joins it.
// A run asks for one page after another and merges each (list_merge.h). It begins flat: if the first page is
// the last, everything below the folder is known. Else a run for the folder alone goes on with a delimiter
// behind that page, so that nothing is listed twice. In a walk (list_ahead.h) a run's pages go on into what follows the
// folder; who asks for a folder that follows waits for that page as long as these pages are worth it.
// Thread-safe. Part of TreeCache, which stops it before anything that it uses goes away.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "cache/list_ahead.h"
#include "cache/list_merge.h"
#include "cache/pending_calls.h"
#include "cache/tree_cache.h"

namespace cd {

class ListRunner {
 public:
  ListRunner(MetaStore& meta, ObjectStore& store, const Clock& clock, const TreeCacheOptions& options, Counter& lists)
      : meta_(meta), store_(store), clock_(clock), options_(options), lists_(lists) {}

  void set_observer(TreeObserver* observer) { observer_ = observer; }
  // `wall_ns`: when this LIST counts as begun, should it be the one that answers.
  void run(InodeId folder, bool deep, std::int64_t wall_ns, Done<void> done);
  void forget_ahead();  // what was listed so far counts as old
  [[nodiscard]] std::uint64_t pages(InodeId folder) const;  // of the run under way
  void stop() { calls_.stop(); }
  void add_stats(TreeCache::Stats& stats) const;

 private:
  struct Follower {  // waits for a run that may show its folder as well
    InodeId folder;
    std::int64_t wall_ns;
    Done<void> done;
  };
  struct Run {
    InodeId folder;
    std::int64_t wall_ns = 0;
    bool deep = false;
    bool delimited = false;
    bool over = false;                 // of its own keys nothing is missing
    std::atomic<int> pages{0};
    int moves = 0;
    std::string token;
    std::string after;
    ListAhead::Plan plan;
    std::unique_ptr<ListMerge> merge;  // of its own keys
    std::unique_ptr<ListMerge> ahead;  // of those that follow, in a walk
    std::vector<Done<void>> waiters;   // guarded by ListRunner::mutex_
    std::vector<Follower> followers;   // guarded by ListRunner::mutex_
  };
  using RunPtr = std::shared_ptr<Run>;

  [[nodiscard]] bool may_go_ahead(InodeId folder, bool deep) const;
  [[nodiscard]] bool join(InodeId folder, bool deep, std::int64_t wall_ns, const std::string& prefix, Done<void>& done)
      CD_REQUIRES(mutex_);
  void start(const RunPtr& run);
  void begin_ahead(Run& run);
  void ask(const RunPtr& run);
  void take_page(const RunPtr& run, Result<ListReply> page);
  Status merge_page(Run& run, const ListReply& page);
  Status merge_flat(Run& run, const ListReply& page);
  void choose_next(Run& run, ListReply page);
  void not_merged(const RunPtr& run, const Status& why);
  void end(const RunPtr& run, const Status& status);
  void let_followers_go(const RunPtr& run, const Status& status);
  void tell_observer(Run& run);

  MetaStore& meta_;
  ObjectStore& store_;
  const Clock& clock_;
  const TreeCacheOptions& options_;
  Counter& lists_;
  TreeObserver* observer_ = nullptr;  // constant after the first run
  std::atomic<std::uint64_t> asked_{0};

  mutable Mutex mutex_;
  std::map<std::pair<InodeId, bool>, RunPtr> runs_ CD_GUARDED_BY(mutex_);
  ListAhead ahead_ CD_GUARDED_BY(mutex_);
  RunPtr walking_ CD_GUARDED_BY(mutex_);          // the newest run that goes ahead; empty: none
  bool ahead_pays_ CD_GUARDED_BY(mutex_) = true;  // the last page of one showed other folders whole
  std::map<InodeId, OddKeys> odd_keys_ CD_GUARDED_BY(mutex_);  // of the newest LIST of a folder; none if none
  std::string last_odd_key_ CD_GUARDED_BY(mutex_);
  PendingCalls calls_;
};

}  // namespace cd
