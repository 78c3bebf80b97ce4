// ReportReader: labels that other mounts of the bucket, or this one before it lost its cache, found out. It reads the
// report objects of finished batches (batch/report_writer.h has their fields) and gives each file of the library that
// lies there with the reported content its labels, so that catalogue and smart folders are the same on every mount
// and no sample is touched. A file is known by its ETag: one that was renamed since is found by it too.
//
// It asks the bucket only when somebody looks (bring_up_to_date), once in `ttl` at most: one LIST, and a GET for each
// report that was not read yet; before the first of them the whole tree is listed. Which reports were read is noted
// in the cache. A report is read piece by piece: memory is bounded, however many files it names.
// Thread `reports`, which may wait for the network. Thread-safe; everything it is given outlives it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/report_items.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "cache/meta_store.h"
#include "cache/tree_cache.h"
#include "remote/object_store.h"

namespace cd {

class ReportReader {
 public:
  struct Options {
    std::string prefix;  // of the report objects; "" = there are none
    Millis ttl{60'000};
  };
  ReportReader(MetaStore& meta, TreeCache& tree, ObjectStore& store, const Clock& clock, Options options);
  ~ReportReader();

  // False: it is time to ask, and asking has not taken long yet.
  [[nodiscard]] bool is_current() const;
  // `done` when all reports have been read, with the error if the bucket could not be asked.
  void bring_up_to_date(std::function<void(Status)> done);
  // The next look asks, whatever was read before.
  void expire();

 private:
  void run(const std::stop_token& stop);
  Status read_all(const std::stop_token& stop);
  Status read_report(const ObjectInfo& report, const std::stop_token& stop);
  Status apply(std::span<const ReportItem> items, const std::string& batch);
  [[nodiscard]] CallOptions call(const std::stop_token& stop) const;

  MetaStore& meta_;
  TreeCache& tree_;
  ObjectStore& store_;
  const Clock& clock_;
  const Options options_;

  mutable Mutex mutex_;
  CondVar wake_;
  std::vector<std::function<void(Status)>> waiting_ CD_GUARDED_BY(mutex_);
  std::int64_t current_until_ns_ CD_GUARDED_BY(mutex_) = 0;  // steady
  std::int64_t asking_since_ns_ CD_GUARDED_BY(mutex_) = 0;   // 0 = it does not
  bool stopping_ CD_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace cd
