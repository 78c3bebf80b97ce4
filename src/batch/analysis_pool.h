// AnalysisPool: threads `analyze-N` that hash a staged file, ask whether its content is known, and if not listen to
// it. They read the staged bytes by descriptor, never through the mount, and share nothing but the ContentIndex.
// A job ends as one AnalysisDone, given to the sink on the pool's thread. The destructor lets the jobs under way end
// (request their stop_token first) and drops those that wait. What it is given outlives it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "base/queue.h"
#include "base/thread.h"
#include "batch/content_index.h"
#include "journal/staging.h"

namespace cd {

struct AnalysisOptions {
  int threads = 2;
  bool analyze = true;
  bool skip_duplicates = true;
  std::uint64_t part_bytes = 8u << 20;
};

struct AnalysisJob {
  ItemRef item;
  std::uint64_t job = 0;           // tells a late answer from the one waited for
  std::shared_ptr<StagedFile> file;
  std::string name;                // path in the batch: hints are taken from it
  bool library_known = false;
  std::stop_token cancel;
  std::string early;               // path of a file whose batch still settles: it is heard, and stands for nothing yet
  std::optional<ItemResult> heard; // what was found out early of these very bytes
};

struct AnalysisDone {
  ItemRef item;
  std::uint64_t job = 0;
  Hash128 content;                      // known even if `result` is an error; empty: not hashed to the end.
                                        // Where it is set, the item may stand for it in the ContentIndex
  bool changed = false;                 // the file was written meanwhile: nothing here counts
  std::optional<std::string> in_library;  // skip: it is there already
  std::optional<ItemRef> twin;           // another item stands for this content
  Result<ItemResult> result;             // only hashes if one of the two is set
  std::string early;                     // the job's
  std::uint64_t generation = 0;          // of the file that was heard
};

class AnalysisPool {
 public:
  using Sink = std::function<void(AnalysisDone)>;
  AnalysisPool(const AnalysisOptions& options, const Library& library, ContentIndex& index, Sink sink);
  ~AnalysisPool();

  // False: enough is waiting already.
  bool try_submit(AnalysisJob job);
  [[nodiscard]] std::size_t room() const;

 private:
  void work();
  void run(const AnalysisJob& job, AnalysisDone& done) const;
  [[nodiscard]] Result<ItemResult> hash(const AnalysisJob& job) const;
  [[nodiscard]] Status listen(const AnalysisJob& job, ItemResult& result) const;

  const AnalysisOptions options_;
  const std::size_t capacity_;
  const Library& library_;
  ContentIndex& index_;
  const Sink sink_;
  BoundedQueue<AnalysisJob> jobs_;
  std::vector<Thread> threads_;  // last: joined first
};

}  // namespace cd
