// BlockFetcher: blocks in memory and on their way from the store.
//
// A block is in the table while it is fetched, while thread `evict` writes it to disk, and after that for as
// long as nobody else needs the memory. A read that lacks blocks joins the fetches under way; for the others
// it starts fetches (neighbours in one request), or is parked until memory allows, in order of arrival.
// Blocks in the table count against memory_bytes; one read alone may exceed it when nothing else is fetched.
// Thread-safe. Never calls out with its lock held; reads and their stop_callbacks die outside it too.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "cache/block_cache.h"
#include "cache/local_blocks.h"
#include "cache/pending_calls.h"

template <>
struct std::hash<cd::BlockKey> {
  std::size_t operator()(const cd::BlockKey& key) const noexcept {
    return std::hash<cd::Hash128>()(key.id) ^ (key.number * 0x9E3779B97F4A7C15ULL);
  }
};

namespace cd {

// How the bytes of a version are cut.
struct BlockLayout {
  std::uint32_t block_bytes = 0;
  std::uint64_t small_bytes = 0;

  [[nodiscard]] std::uint32_t length(const RemoteVersion& v, std::uint64_t number) const {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(block_bytes, v.size - number * block_bytes));
  }
  [[nodiscard]] bool is_small(const RemoteVersion& v) const { return v.size <= small_bytes; }
};

class BlockFetcher {
 public:
  BlockFetcher(ObjectStore& store, LocalBlocks& local, const Clock& clock, const BlockCacheOptions& options,
               Counter& fetches, std::function<void()> wake_evictor);

  // offset < version.size, length > 0 and inside it.
  void read(const RemoteVersion& version, std::uint64_t offset, std::size_t length, const ReadOptions& options,
            Done<SharedBytes> done);
  // How far it got; everything before that is here or on its way.
  std::uint64_t fetch_ahead(const RemoteVersion& version, std::uint64_t from, std::uint64_t to);
  // A block that is in memory, whole; null if it is not.
  [[nodiscard]] SharedBytes resident(const BlockKey& key);
  // A whole block that came from elsewhere.
  void offer(const BlockKey& key, SharedBytes bytes, bool small);
  void forget(const Hash128& id);  // empty: everything
  [[nodiscard]] std::uint64_t waiting() const;                       // reads that are not over
  [[nodiscard]] std::uint64_t unkept_bytes(const Hash128& id) const;  // on their way to the disk
  [[nodiscard]] std::uint64_t memory_used() const;

  // ---- for thread `evict`
  struct ToKeep {
    BlockKey key;
    SharedBytes bytes;
    bool small = false;
  };
  [[nodiscard]] std::optional<ToKeep> next_to_keep();
  void kept(const BlockKey& key);
  void end_late_reads();

  void on_head(BlockCache::HeadObserver observer) { head_observer_ = std::move(observer); }
  void stop();  // cancels every fetch and read, and waits

 private:
  struct Fetch {
    RemoteVersion version;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    bool background = false;
    std::stop_source cancel;
  };
  using FetchPtr = std::shared_ptr<Fetch>;

  struct Piece {
    SharedBytes bytes;  // null: not yet
    std::size_t skip = 0;
    std::size_t length = 0;
    bool joined = false;
    bool pinned = false;  // its block stays in the table until the read ends
  };
  struct Read {
    RemoteVersion version;
    std::uint64_t first = 0;  // block of pieces[0]
    Priority priority{};
    std::int64_t deadline_ns = 0;
    Done<SharedBytes> done;
    std::vector<Piece> pieces;
    bool parked = false;
    bool over = false;
    std::multimap<std::int64_t, std::shared_ptr<Read>>::iterator at;  // in by_deadline_, until it is over
    std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  };
  using ReadPtr = std::shared_ptr<Read>;

  struct Block {
    std::uint32_t length = 0;
    bool small = false;
    FetchPtr fetch;               // while it is on its way
    SharedBytes bytes;            // afterwards
    bool ahead = false;           // on its way for nobody yet
    bool offered = false;         // just uploaded: nobody is likely to read it soon
    bool keeping = false;         // waits for thread `evict`, or is with it
    int pins = 0;                 // unfinished reads that hold it
    std::vector<ReadPtr> joined;  // reads that wait for it
    std::list<BlockKey>::iterator idle_at;
    bool idle = false;            // in idle_: may leave memory
  };
  // What a change under the lock wants done after it.
  struct After {
    std::vector<FetchPtr> launch;
    std::vector<FetchPtr> cancel;
    std::vector<std::pair<ReadPtr, Result<SharedBytes>>> answer;
    std::vector<ReadPtr> drop;
    bool wake = false;
    bool admit = false;
  };

  [[nodiscard]] BlockKey key_of(const Read& read, std::size_t piece) const {
    return {read.version.cache_id, read.first + piece};
  }
  void take_local(Read& read);
  void proceed(const ReadPtr& read, bool from_queue, After& after) CD_REQUIRES(mutex_);
  void join(const ReadPtr& read, std::size_t piece, Block& block) CD_REQUIRES(mutex_);
  void start(const RemoteVersion& version, const std::vector<std::uint64_t>& numbers, std::uint64_t run_bytes,
             bool background, After& after) CD_REQUIRES(mutex_);
  bool make_room(std::uint64_t bytes) CD_REQUIRES(mutex_);
  void settle(const BlockKey& key, Block& block) CD_REQUIRES(mutex_);
  void no_longer_ahead(Block& block) CD_REQUIRES(mutex_);
  void take_out(const BlockKey& key) CD_REQUIRES(mutex_);
  bool want_kept(const BlockKey& key, Block& block) CD_REQUIRES(mutex_);
  void finish(const ReadPtr& read, Result<SharedBytes> answer, After& after) CD_REQUIRES(mutex_);
  void leave_fetches(const ReadPtr& read, After& after) CD_REQUIRES(mutex_);
  void arrive(const FetchPtr& fetch, std::uint64_t number, SharedBytes bytes, After& after) CD_REQUIRES(mutex_);
  static bool complete(const Read& read);
  static Result<SharedBytes> assemble(const Read& read);

  void launch(const FetchPtr& fetch);
  void take_reply(const FetchPtr& fetch, Result<GetReply> reply);
  void give_up(const ReadPtr& read, Error error);
  void perform(After after);
  void admit();

  // constant
  ObjectStore& store_;
  LocalBlocks& local_;
  const Clock& clock_;
  const BlockCacheOptions& options_;
  const BlockLayout layout_;
  Counter& fetches_;
  const std::function<void()> wake_evictor_;
  BlockCache::HeadObserver head_observer_;  // set before the first fetch

  mutable Mutex mutex_;
  std::unordered_map<BlockKey, Block> blocks_ CD_GUARDED_BY(mutex_);
  std::list<BlockKey> idle_ CD_GUARDED_BY(mutex_);  // least recently used first
  std::deque<ReadPtr> queue_ CD_GUARDED_BY(mutex_);
  std::multimap<std::int64_t, ReadPtr> by_deadline_ CD_GUARDED_BY(mutex_);  // every read that is not over
  std::deque<BlockKey> to_keep_ CD_GUARDED_BY(mutex_);
  std::uint64_t used_ CD_GUARDED_BY(mutex_) = 0;       // bytes of all blocks in the table
  std::uint64_t fetching_ CD_GUARDED_BY(mutex_) = 0;   // of those on their way
  std::uint64_t ahead_ CD_GUARDED_BY(mutex_) = 0;      // of those, for nobody yet
  std::uint64_t keeping_ CD_GUARDED_BY(mutex_) = 0;
  bool stopped_ CD_GUARDED_BY(mutex_) = false;

  // Shared with the stop_callbacks of reads, which may outlive this by a moment.
  const std::shared_ptr<PendingCalls> calls_ = std::make_shared<PendingCalls>();
};

}  // namespace cd
