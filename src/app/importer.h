// Importer: brings a folder of this machine into the inbox without the way through the mount: `import` of the control
// file. Each file is hashed first; what the library holds already, or what lies in the inbox already, is only counted.
// The rest is staged like any dropped file, so all that the inbox promises holds, and a killed import is taken up by
// asking for it again. Batches that it opens are started at once: with a staging area smaller than the folder the
// uploads make room while it goes on.
// One import at a time; thread `import`, which waits for room and reads local files. Thread-safe; `parts` outlive it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "batch/conductor.h"
#include "cache/meta_store.h"
#include "journal/journal.h"

namespace cd {

struct ImportState {
  std::string directory;        // "" = there was none since the mount
  std::string name;             // of the folder in the inbox, and of its batches
  std::string inbox;            // path of what is copied, on the drive
  std::string state;            // "reading", "done", "failed", "cancelled"
  std::uint64_t files = 0;      // seen so far
  std::uint64_t bytes = 0;
  std::uint64_t copied = 0;     // into the inbox
  std::uint64_t copied_bytes = 0;
  std::uint64_t there = 0;      // in the library or the inbox already
  std::uint64_t left_out = 0;   // junk, links, what is no file
  std::uint64_t failed = 0;     // could not be read
  std::string current;
  std::string error;            // of the last that failed, or of the whole

  [[nodiscard]] std::string to_json() const;
};

class Importer {
 public:
  Importer(MetaStore& meta, TreeCache& tree, Journal& journal, Conductor& conductor, std::uint64_t part_bytes);
  ~Importer();  // stops; what is staged stays

  // invalid: no folder of this machine; busy: another import is under way.
  [[nodiscard]] Status begin(const std::string& directory);
  void cancel();
  [[nodiscard]] ImportState state() const;

 private:
  void run(const std::stop_token& stop, const std::string& directory, const std::string& name);
  Status take_folder(const std::stop_token& stop, const std::string& directory, const std::string& name);
  Status take_file(const std::stop_token& stop, const std::string& path, const std::string& below_inbox);
  Status stage(const std::stop_token& stop, int fd, const std::string& below_inbox);
  Status write_all(const std::stop_token& stop, int fd, StagedFile& into);
  Result<bool> is_there(const std::stop_token& stop, int fd, std::uint64_t bytes) const;
  Result<InodeId> inbox_folder(const std::string& below_inbox);
  void start_batches(const std::string& name);
  template <class Change>
  void note(Change&& change);

  MetaStore& meta_;
  TreeCache& tree_;
  Journal& journal_;
  Conductor& conductor_;
  const std::uint64_t part_bytes_;

  mutable Mutex mutex_;
  CondVar wake_;
  ImportState state_ CD_GUARDED_BY(mutex_);
  bool running_ CD_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace cd
