// Evictor: thread `evict`. Writes fetched blocks to the disk, makes room for them first, notes which were
// used, removes files that no index entry knows (once, at start), and ends reads whose deadline has passed.
// Holds no lock while it touches the disk. Needs LocalBlocks and BlockFetcher to outlive it.
#pragma once

#include "base/mutex.h"
#include "base/thread.h"
#include "cache/block_fetcher.h"
#include "cache/local_blocks.h"

namespace cd {

class Evictor {
 public:
  explicit Evictor(LocalBlocks& local) : local_(local) {}
  ~Evictor() { stop(); }

  void start(BlockFetcher& fetcher);
  void wake();  // there is something to do
  void stop();  // what waits to be written is let go

 private:
  void run(BlockFetcher& fetcher, std::stop_token stop);
  void wait(bool somebody_waits, std::stop_token stop);

  LocalBlocks& local_;
  Mutex mutex_;
  CondVar changed_;
  bool work_ CD_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace cd
