// ListRunner: LISTs under way. One run per folder and kind; who asks for the same folder meanwhile joins it.
// A run asks for one page after another and merges each (list_merge.h). It begins flat: if the first page is
// the last, everything below the folder is known. Else a run for the folder alone goes on with a delimiter
// behind that page, so that nothing is listed twice.
// Thread-safe. Part of TreeCache, which stops it before anything that it uses goes away.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cache/list_merge.h"
#include "cache/pending_calls.h"
#include "cache/tree_cache.h"

namespace cd {

class ListRunner {
 public:
  ListRunner(MetaStore& meta, ObjectStore& store, const TreeCacheOptions& options, Counter& lists)
      : meta_(meta), store_(store), options_(options), lists_(lists) {}

  void set_observer(TreeObserver* observer) { observer_ = observer; }
  // `wall_ns`: when this LIST counts as begun, should it be the one that answers.
  void run(InodeId folder, bool deep, std::int64_t wall_ns, Done<void> done);
  void stop() { calls_.stop(); }
  void add_stats(TreeCache::Stats& stats) const;

 private:
  struct Run {
    InodeId folder;
    bool deep = false;
    bool delimited = false;
    int pages = 0;
    int moves = 0;
    std::string token;
    std::string after;
    std::unique_ptr<ListMerge> merge;
    std::vector<Done<void>> waiters;  // guarded by ListRunner::mutex_
  };
  using RunPtr = std::shared_ptr<Run>;

  void start(const RunPtr& run, std::int64_t wall_ns);
  void ask(const RunPtr& run);
  void take_page(const RunPtr& run, Result<ListReply> page);
  Status merge_page(Run& run, const ListReply& page);
  void not_merged(const RunPtr& run, const Status& why);
  void end(const RunPtr& run, const Status& status);
  void tell_observer(ListMerge& merge);

  MetaStore& meta_;
  ObjectStore& store_;
  const TreeCacheOptions& options_;
  Counter& lists_;
  TreeObserver* observer_ = nullptr;  // constant after the first run
  std::atomic<std::uint64_t> asked_{0};

  mutable Mutex mutex_;
  std::map<std::pair<InodeId, bool>, RunPtr> runs_ CD_GUARDED_BY(mutex_);
  std::map<InodeId, OddKeys> odd_keys_ CD_GUARDED_BY(mutex_);  // of the newest LIST of a folder; none if none
  std::string last_odd_key_ CD_GUARDED_BY(mutex_);
  PendingCalls calls_;
};

}  // namespace cd
