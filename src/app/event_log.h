// EventLog: what happened to a drive, one JSON object a line, in <state>/<drive>/events.jsonl: mounts, changes of
// the store's state, batches and their items, conflicts, failed uploads, commands that were not understood.
//
// Append-only, so `tail -f` works. Bounded: at bytes_max the file becomes events.jsonl.1 (replacing the last one)
// and a new one begins, which `tail` notices as a truncation. An event is for people and dashboards, not for recovery:
// nothing reads it back, and a disk that cannot take it costs the event only.
// Thread-safe; an append is one write(2) into the page cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/mutex.h"
#include "base/result.h"

namespace cd {

class EventLog {
 public:
  // A torn last line (power loss) is ended, so that every later line is whole.
  [[nodiscard]] static Result<std::unique_ptr<EventLog>> open(Disk& disk, std::string path, const Clock& clock,
                                                              std::uint64_t bytes_max = 16u << 20);

  using Field = std::pair<std::string_view, std::string>;
  // {"time": …, "event": kind, fields…}. Any bytes are fine; what is not UTF-8 is replaced.
  void add(std::string_view kind, const std::vector<Field>& fields = {});
  // One object made elsewhere, without a line end; gets "time" in front if it has none.
  void add_json(const std::string& json);

  [[nodiscard]] std::uint64_t size() const;
  // Up to `length` bytes at `offset`; empty at or behind the end.
  [[nodiscard]] Result<std::string> read_at(std::uint64_t offset, std::size_t length) const;

 private:
  EventLog(Disk& disk, std::string path, const Clock& clock, std::uint64_t bytes_max)
      : disk_(disk), path_(std::move(path)), clock_(clock), bytes_max_(bytes_max) {}
  void append(std::string line);
  void rotate() CD_REQUIRES(mutex_);

  Disk& disk_;
  const std::string path_;
  const Clock& clock_;
  const std::uint64_t bytes_max_;

  mutable Mutex mutex_;
  std::shared_ptr<DiskFile> file_ CD_GUARDED_BY(mutex_);
  std::uint64_t size_ CD_GUARDED_BY(mutex_) = 0;
};

}  // namespace cd
