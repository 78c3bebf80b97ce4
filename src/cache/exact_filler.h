// ExactFiller: HEADs under way that make attributes exact. One a file; who asks meanwhile joins it. What the
// HEAD shows is merged only if the entry did not change in between; another version, or a type that was not
// known before (a symlink), gets a new inode, as with LIST. A symlink's target is the object's bytes, so it
// takes a GET more.
// Thread-safe. Part of TreeCache, which stops it before anything that it uses goes away.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "base/mutex.h"
#include "cache/pending_calls.h"
#include "cache/tree_cache.h"

namespace cd {

class ExactFiller {
 public:
  ExactFiller(MetaStore& meta, ObjectStore& store, const TreeCacheOptions& options, Counter& heads)
      : meta_(meta), store_(store), options_(options), heads_(heads) {}

  void set_observer(TreeObserver* observer) { observer_ = observer; }
  void fill(InodeId file, Done<MetaRecord> done);
  // What a GET of this version said of it.
  void learn(const RemoteVersion& version, const ObjectHead& head);
  void stop() { calls_.stop(); }
  [[nodiscard]] std::uint64_t heads() const { return asked_.load(); }

 private:
  using Waiters = std::vector<Done<MetaRecord>>;
  struct Change {
    bool name_changed = false;
    bool attributes_changed = false;
    MetaEntry before;
  };

  void ask_head(const MetaEntry& entry);
  void take_head(const MetaEntry& asked, Result<ObjectHead> head);
  void ask_again(const MetaEntry& asked);
  void ask_target(const MetaEntry& asked, ObjectHead head);
  [[nodiscard]] Result<std::optional<MetaEntry>> find(const std::string& key) const;
  void tell(const Change& change, InodeId file) const;
  void finish(const MetaEntry& asked, const ObjectHead& head, std::string target);
  void remove(const MetaEntry& asked, const Error& error);
  Result<MetaRecord> merge(const MetaEntry& asked, const ObjectHead& head, const std::string& target, Change& change);
  void end(InodeId file, const Result<MetaRecord>& answer);

  MetaStore& meta_;
  ObjectStore& store_;
  const TreeCacheOptions& options_;
  Counter& heads_;
  TreeObserver* observer_ = nullptr;  // constant after the first call
  std::atomic<std::uint64_t> asked_{0};

  Mutex mutex_;
  std::map<InodeId, Waiters> waiting_ CD_GUARDED_BY(mutex_);
  PendingCalls calls_;
};

}  // namespace cd
