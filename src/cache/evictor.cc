#include "cache/evictor.h"

namespace cd {
namespace {

constexpr Millis kIdle{5'000};
constexpr Millis kWhileSomebodyWaits{50};  // how late a read may learn that its deadline has passed

}  // namespace

void Evictor::start(BlockFetcher& fetcher) {
  thread_ = Thread("evict", [this, &fetcher](std::stop_token stop) { run(fetcher, stop); });
}

void Evictor::wake() {
  MutexLock lock(mutex_);
  work_ = true;
  changed_.notify_all();
}

void Evictor::stop() {
  thread_.request_stop();
  wake();
  thread_.join();
}

void Evictor::run(BlockFetcher& fetcher, std::stop_token stop) {
  local_.sweep_orphans();
  while (!stop.stop_requested()) {
    while (!stop.stop_requested()) {
      const auto block = fetcher.next_to_keep();
      if (!block) break;
      local_.keep(block->key, *block->bytes, block->small);
      fetcher.kept(block->key);
    }
    if (local_.has_touched()) local_.flush_touched();
    fetcher.end_late_reads();
    wait(fetcher.waiting() > 0, stop);
  }
  local_.flush_touched();
}

void Evictor::wait(bool somebody_waits, std::stop_token stop) {
  MutexLock lock(mutex_);
  if (!work_ && !stop.stop_requested()) changed_.wait_for(mutex_, somebody_waits ? kWhileSomebodyWaits : kIdle);
  work_ = false;
}

}  // namespace cd
