// Unpacker: the thread `unpack`, which turns one staged archive at a time into a folder of staged files in the inbox.
// The folder has a name of its own (kUnpackingPrefix) that no scan looks into, so what is half unpacked is nobody's
// drop: the conductor renames it, in one step, when it is whole. After a crash such a folder is garbage.
// A job that fails leaves no folder behind. A job ends as one UnpackDone, given to the sink on this thread. The destructor
// lets the job under way end (request its stop_token first). What it is given outlives it.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/queue.h"
#include "base/thread.h"
#include "batch/content_index.h"
#include "batch/unpack.h"
#include "cache/meta_store.h"
#include "journal/namespace.h"

namespace cd {

inline constexpr std::string_view kUnpackingPrefix = ".unpacking-";

struct UnpackJob {
  ItemRef item;
  std::uint64_t job = 0;  // tells a late answer from the one waited for
  std::shared_ptr<StagedFile> file;
  std::string folder;     // in the inbox: kUnpackingPrefix and more
  NewNode owner;          // whose the files will be
  std::stop_token cancel;
};

struct UnpackDone {
  ItemRef item;
  std::uint64_t job = 0;
  std::string folder;
  bool changed = false;   // the archive was written meanwhile: nothing here counts
  Result<Unpacked> result;
};

class Unpacker {
 public:
  using Sink = std::function<void(UnpackDone)>;
  Unpacker(const UnpackLimits& limits, const MetaStore& meta, Namespace& tree, Sink sink);
  ~Unpacker();

  // False: it has one already.
  bool try_submit(UnpackJob job);

 private:
  void work();
  [[nodiscard]] Result<Unpacked> run(const UnpackJob& job) const;

  const UnpackLimits limits_;
  const MetaStore& meta_;
  Namespace& tree_;
  const Sink sink_;
  BoundedQueue<UnpackJob> jobs_{1};
  Thread thread_;  // last: joined first
};

// Takes a folder of the inbox away with all that is in it; fine if it is not there.
void remove_inbox_folder(const MetaStore& meta, Namespace& tree, const std::string& name);

}  // namespace cd
