// EnrichPool: threads `enrich-N` that run the enrichers of stored files. A job is one file with the enrichers that it
// still has to meet, one after another; each ends as one EnrichDone, given to the sink on the pool's thread.
// An enricher is tried again after a failure, with back-off; it never runs more often side by side, nor begins more
// often a second, than it says. Its processes are killed with their children when they take too long or it is
// stopped. The destructor stops all that runs. Touches neither journal nor tree.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/queue.h"
#include "base/thread.h"
#include "batch/content_index.h"
#include "batch/enricher.h"

namespace cd {

struct EnrichJob {
  ItemRef item;
  std::uint64_t job = 0;
  std::string file;                  // path on this machine
  std::string name;                  // path in the library
  std::string labels;                // JSON: what is known already, for CRATEDRIVE_LABELS
  std::vector<std::size_t> chain;    // by number among the enrichers
  std::stop_token cancel;
};

struct EnrichDone {
  ItemRef item;
  std::uint64_t job = 0;
  std::size_t enricher = 0;
  int tries = 0;
  Result<Metadata> labels;           // or why it failed, after its last try; cancelled: it did not get to an end
  std::string product;               // path of the file that it left; "" = none. The receiver removes it
  bool last = false;                 // of the job
};

class EnrichPool {
 public:
  using Sink = std::function<void(EnrichDone)>;
  // `directory`: for the files that enrichers leave.
  EnrichPool(const std::vector<Enricher>& enrichers, std::string directory, Sink sink);
  ~EnrichPool();

  [[nodiscard]] bool try_submit(EnrichJob job) { return jobs_.try_push(std::move(job)); }
  [[nodiscard]] std::size_t room() const { return capacity_ - std::min(capacity_, jobs_.size()); }

 private:
  struct Gate {  // how many run, and when the next may begin
    Mutex mutex;
    CondVar changed;
    int running CD_GUARDED_BY(mutex) = 0;
    std::int64_t next_ns CD_GUARDED_BY(mutex) = 0;
  };
  void work();
  void run(const EnrichJob& job);
  [[nodiscard]] EnrichDone run_one(const EnrichJob& job, std::size_t number);
  [[nodiscard]] Result<Metadata> try_once(const EnrichJob& job, const Enricher& enricher, const std::string& product);
  // False: the job was cancelled while it waited.
  bool enter(std::size_t number, const std::stop_token& cancel);
  void leave(std::size_t number);
  // False: cancelled meanwhile.
  bool rest(Millis time, const std::stop_token& cancel);

  const std::vector<Enricher> enrichers_;
  const std::string directory_;
  const std::size_t threads_wanted_;
  const std::size_t capacity_;
  const Sink sink_;
  std::vector<std::unique_ptr<Gate>> gates_;
  std::stop_source stop_;
  BoundedQueue<EnrichJob> jobs_;
  std::vector<Thread> threads_;  // last: joined first
};

}  // namespace cd
