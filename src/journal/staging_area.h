// StagingArea: the folder of staged files: makes them, finds them by id, counts their bytes, syncs what was
// written, removes what was dropped. Ids are never used twice within a state directory.
// Thread-safe; its lock is a leaf under the journal's. Disk, Clock and Log outlive it, it outlives its files.
#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "journal/log.h"
#include "journal/record.h"
#include "journal/staged_file.h"

namespace cd {

class StagingArea {
 public:
  StagingArea(Disk& disk, const Clock& clock, std::string directory, std::uint64_t bytes_max);

  // Before anything else is called. `log` takes the ranges; `moving` says whether uploads make room.
  void attach(Log& log, std::function<bool()> moving);

  [[nodiscard]] Result<std::shared_ptr<StagedFile>> create(std::optional<StagedBase> base);
  [[nodiscard]] Result<std::shared_ptr<StagedFile>> open(StagedId id);  // not_found
  // The file goes when its last user has let go; `its record` is in the log already.
  void drop(StagedId id);

  // What the base shows through, out of `body`, which is the file from its beginning as it was at `generation`: written
  // to the local file, so that the base is not needed any more. Nothing if the file has changed since.
  [[nodiscard]] Status fill(StagedId id, std::string_view body, std::uint64_t generation);
  // The base is now this version, which has the same bytes where the base shows through.
  void rebase(StagedId id, const RemoteVersion& version);

  // ---- recovery, before attach()
  // Does the local file hold exactly these bytes?
  [[nodiscard]] bool holds(StagedId id, const StagedFile::Content& content) const;
  // After a power loss: cuts the file to these bytes if it is longer.
  [[nodiscard]] Status cut(StagedId id, std::uint64_t size);
  // Takes up a file that the log speaks of. not_found: its bytes are gone.
  [[nodiscard]] Status restore(StagedId id, std::optional<StagedBase> base, const RangeSet& logged);
  // Everything in the folder that was not restored: doomed if `dropped`, else moved to `orphans`. How many moved.
  [[nodiscard]] Result<std::uint64_t> clear_rest(const std::unordered_set<std::uint64_t>& dropped,
                                                 const std::string& orphans);
  void use_ids_above(StagedId id);

  // Where the bytes of a file lie, and which one lies here (anything for a path that is none of ours).
  [[nodiscard]] std::string path_of(StagedId id) const;
  [[nodiscard]] static StagedId id_of(const std::string& path);

  // ---- state
  struct Summary {
    std::uint64_t size = 0;
    bool untouched = false;  // the base as it was: nothing written, nothing cut
    bool complete = true;    // nothing shows through from the base
  };
  [[nodiscard]] std::optional<Summary> summary(StagedId id) const;
  [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(); }
  [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_; }
  // The records that a rewritten log needs beside the intents.
  [[nodiscard]] Status emit_live(const Log::Record& emit) const;
  // Everything written so far is on the device, names included. Gives what is new about how much of which file is.
  [[nodiscard]] Status sync_written(std::vector<SyncedRecord>& synced);
  // Files of which a drop is in the log, and nobody reads them: to be removed when the log is on the device. Were they
  // removed before, a power loss could bring back the intent without its bytes.
  [[nodiscard]] std::vector<std::string> take_doomed();
  void remove_doomed(const std::vector<std::string>& paths);
  void keep_doomed(std::vector<std::string> paths);  // the log could not be synced

  // ---- for StagedBytes
  [[nodiscard]] Status reserve(std::uint64_t bytes);  // busy, no_space
  void charge(std::uint64_t bytes) { bytes_ += bytes; }
  void release(std::uint64_t bytes) { bytes_ -= bytes; }
  [[nodiscard]] Status log_range(StagedId id, Range range);
  [[nodiscard]] Status log_limit(StagedId id, std::uint64_t limit);
  [[nodiscard]] std::int64_t now_ns() const { return clock_.wall_ns(); }
  void note_unsynced(const std::shared_ptr<StagedBytes>& bytes);
  void remove_file(const StagedBytes& bytes);

 private:
  [[nodiscard]] bool sync_all_at_once(const std::vector<std::shared_ptr<StagedBytes>>& todo);
  [[nodiscard]] Status sync_names();
  [[nodiscard]] std::shared_ptr<StagedBytes> find(StagedId id) const;

  // Constant after attach().
  Disk& disk_;
  const Clock& clock_;
  const std::string directory_;
  const std::uint64_t bytes_max_;
  Log* log_ = nullptr;
  std::function<bool()> moving_;

  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> names_unsynced_{false};

  mutable Mutex mutex_;
  std::uint64_t last_id_ CD_GUARDED_BY(mutex_) = 0;
  std::unordered_map<StagedId, std::shared_ptr<StagedBytes>> files_ CD_GUARDED_BY(mutex_);
  std::unordered_set<std::uint64_t> dropping_ CD_GUARDED_BY(mutex_);  // dropped, file still there
  std::vector<std::shared_ptr<StagedBytes>> unsynced_ CD_GUARDED_BY(mutex_);
  std::vector<std::string> doomed_ CD_GUARDED_BY(mutex_);  // paths
};

}  // namespace cd
