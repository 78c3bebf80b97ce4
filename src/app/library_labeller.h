// LibraryLabeller: listens to what lies in a bucket already and was never listened to: files that other tools put there.
//
// What it finds out goes where batches leave it: into report objects (batch/report_writer.h), which every mount of the
// bucket reads. No object of the library is written. Each content (ETag and size) that a report tells of is known; so what
// was killed goes on where the last report ended. The reports grow, so that little is lost by a kill and not many are made.
// An object that carries labels of its own (filed without reports) is only read in part, and these are taken.
//
// Blocking, for commands. run() has threads of its own; everything given outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/queue.h"
#include "batch/report_writer.h"
#include "remote/object_store.h"

namespace cd {

struct LabelProgress {
  std::uint64_t objects = 0;     // in the bucket, but for those of the drive itself
  std::uint64_t others = 0;      // of them: no audio, by their names
  std::uint64_t known = 0;       // … were listened to before
  std::uint64_t to_do = 0;       // … are left to listen to
  std::uint64_t bytes_to_do = 0;
  std::uint64_t done = 0;        // of those to do: labelled
  std::uint64_t silent = 0;      // … that is no audio after all, or broken: noted with the reason
  std::uint64_t failed = 0;      // … could not be read, or changed meanwhile; another run takes them up
  std::uint64_t bytes_done = 0;
  std::string error;             // of the last that failed
};

class LibraryLabeller {
 public:
  struct Options {
    std::string report_prefix;          // not ""
    std::vector<std::string> reserved;  // prefixes of keys that are not the library's
    std::string folder;                 // of this machine, for the object that is listened to
    int threads = 2;
  };
  using VisitObject = std::function<void(const ObjectInfo& object)>;
  using Observer = std::function<void(const LabelProgress& progress)>;

  LibraryLabeller(ObjectStore& store, const Clock& clock, Options options);

  // What is to be done; `visit` is told of each object. Nothing is changed.
  [[nodiscard]] Result<LabelProgress> look(const VisitObject& visit, const std::stop_token& stop);
  // After look(): does it. `observer` is called on this thread. cancelled: stopped, and what was found out is kept.
  [[nodiscard]] Result<LabelProgress> run(const Observer& observer, const std::stop_token& stop);

 private:
  struct Heard {
    ObjectInfo object;
    Result<ItemResult> result;
  };
  [[nodiscard]] CallOptions call(const std::stop_token& stop) const;
  [[nodiscard]] Status read_reports(const std::stop_token& stop);
  [[nodiscard]] Status each_to_do(const std::function<bool(const ObjectInfo&)>& visit, LabelProgress* counts, const std::stop_token& stop);
  [[nodiscard]] Status list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit, const std::stop_token& stop);
  [[nodiscard]] Result<ItemResult> listen(const ObjectInfo& object, const std::stop_token& stop) const;
  void work(BoundedQueue<ObjectInfo>& jobs, BoundedQueue<Heard>& heard, const std::stop_token& stop) const;
  [[nodiscard]] Status take(Heard heard);
  [[nodiscard]] Status store_report();

  ObjectStore& store_;
  const Clock& clock_;
  const Options options_;

  std::unordered_set<std::uint64_t> known_;  // hashes of ETag and size; constant after look()

  // Only on the caller's thread.
  LabelProgress progress_;
  std::vector<LibraryFile> files_;           // of the next report
  std::size_t files_a_report_;
  int reports_ = 0;
  std::int64_t begun_ns_ = 0;
};

// By its name: what the ears can decode, and no junk.
[[nodiscard]] bool is_audio_name(std::string_view name);

}  // namespace cd
