// LocalBlocks: blocks on this disk, whole: BlockIndex and BlockStore together, checksums and age. Every read is
// verified; what does not hold is dropped and counts as not there. Errors never reach a reader: a disk that
// fails is remembered in trouble() and its blocks are fetched again.
// Thread-safe. Reads and drops on any thread; keep(), evict_to() and sweep_orphans() on thread `evict` only.
#pragma once

#include <atomic>
#include <set>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/mutex.h"
#include "cache/block_index.h"
#include "cache/block_store.h"

namespace cd {

struct BlockRange {  // inside one block
  std::uint32_t block_length = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

class LocalBlocks {
 public:
  LocalBlocks(Lmdb& lmdb, std::string directory, std::uint64_t bytes_max, Disk& disk, MetricRegistry& metrics);

  // False: not here (any more).
  [[nodiscard]] bool read(const BlockKey& key, BlockRange range, char* out);
  [[nodiscard]] bool has(const BlockKey& key, std::uint32_t block_length) const;
  void forget(const Hash128& id);
  void drop_all();
  [[nodiscard]] std::uint64_t bytes_of_version(const Hash128& id) const { return index_.bytes_of_version(id); }
  [[nodiscard]] std::uint64_t bytes() const { return index_.bytes(); }
  [[nodiscard]] std::uint64_t evicted() const { return evicted_.value(); }
  [[nodiscard]] std::uint64_t corrupt() const { return corrupt_.value(); }
  [[nodiscard]] std::string trouble() const;
  // Enough reads to be worth writing down.
  [[nodiscard]] bool has_touched() const;

  // Makes room first, so that the limit holds at every moment.
  void keep(const BlockKey& key, std::string_view bytes, bool small);
  void flush_touched();
  void sweep_orphans();

 private:
  enum class Answer : std::uint8_t { good, absent, bad };
  Answer read_small(const BlockEntry& entry, std::string_view bytes, BlockRange range, char* out) const;
  Answer read_file(const BlockKey& key, const BlockEntry& entry, BlockRange range, char* out);
  bool evict_to(std::uint64_t bytes);
  std::size_t drop(const std::vector<BlockKey>& keys);
  void note_trouble(const Status& status);

  const std::uint64_t bytes_max_;
  BlockIndex index_;
  BlockStore store_;
  Counter& evicted_;
  Counter& corrupt_;
  Gauge& bytes_gauge_;

  mutable Mutex mutex_;
  std::set<BlockKey> touched_ CD_GUARDED_BY(mutex_);  // bounded: beyond that, uses are not noted
  std::string trouble_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
