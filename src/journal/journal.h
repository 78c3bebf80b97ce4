// Journal: what the bucket does not have yet. Owns the log of intents, the staged files, the upload queue and
// the uploader; lends the Namespace.
//
// The log is state, not history: per path at most one Intent (the newest wins), so replay is idempotent and
// recovery is the same function as the live path: apply each live intent to MetaStore, queue it again.
// An intent says what the bucket should come to hold under a key: put (from a staged file), remove, copy
// (rename, or new attributes), marker (folder). A key whose old content somebody still has to copy waits for it.
// docs/ON_DISK_FORMAT.md has the bytes.
// On a conflict (the condition did not hold) both versions survive: the bucket's keeps the name, ours is stored
// as "name (conflict <host> <time>).ext".
// Start: open() replays (no network); start() begins to upload. The destructor stops without draining.
// Thread-safe. MetaStore, TreeCache, BlockCache, ObjectStore, Disk, Clock, MetricRegistry outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "cache/block_cache.h"
#include "cache/tree_cache.h"
#include "journal/namespace.h"
#include "remote/object_store.h"
#include "remote/store_health.h"

namespace cd {

struct JournalOptions {
  std::string boot_id;                       // which start of the machine; "" = asked for
  std::string directory;                     // <state>/<drive>; made if absent, locked against a second daemon
  std::string inbox_name = "inbox";
  std::vector<std::string> reserved{".cratedrive"};  // names at the root that are nobody's
  std::string host;                          // for conflict names
  std::uint32_t default_uid = 0;
  std::uint32_t default_gid = 0;
  std::uint64_t staging_bytes_max = 0;       // 0 = 80 % of what is free on the disk at start
  std::uint64_t multipart_bytes = 16u << 20; // files of this size and above go up in parts
  std::uint64_t part_bytes = 8u << 20;
  int uploads_parallel = 32;
  std::uint64_t memory_bytes = 64u << 20;    // bodies in flight
  Millis upload_delay{500};                  // after close: the chmod, utimens, rename that follow travel along
  Millis sync_interval{1'000};
  Millis retry_first{500};
  Millis retry_max{60'000};
  int tries_max = 12;                        // then `failed`, until retry; transient "unreachable" does not count
  std::uint64_t rename_entries_max = 100'000;

  [[nodiscard]] Status validate() const;
};

struct UploadOutcome {
  std::string path;
  std::string tag;                           // of the Filing; "" otherwise
  std::string etag;
  std::uint64_t bytes = 0;
  std::optional<std::string> conflict_path;  // set: stored under this name instead
  std::optional<Error> error;                // set: `failed`, tries are used up; retry() starts again
};

// Called with no lock held, on the thread that noticed; must be quick (push into a queue).
class JournalObserver {
 public:
  virtual ~JournalObserver() = default;
  virtual void inbox_changed() = 0;                                // something below inbox/ is not as it was
  virtual void upload_finished(const UploadOutcome& outcome) = 0;  // a put: stored, conflicted or failed
  // The tree changed by itself (filed, conflict copy, foreign version kept): the kernel has to be told.
  virtual void name_changed(InodeId parent, const std::string& name, InodeId gone) = 0;
};

struct UploadView {  // one line of `uploads`
  std::string path;
  std::string verb;    // "put", "remove", "copy", "marker"
  std::string state;   // "waiting", "delayed", "uploading", "backing off", "failed", "paused", "open"
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;
  int tries = 0;
  std::int64_t since_wall_ns = 0;
  std::int64_t next_try_wall_ns = 0;  // 0 = not waiting for a time
  std::string last_error;
};

struct UploadTotals {
  std::uint64_t pending_uploads = 0;  // puts, copies, removes, markers that the bucket does not have yet; inbox not counted
  std::uint64_t pending_bytes = 0;
  std::uint64_t failed = 0;           // of them
  std::uint64_t uploading = 0;        // of them
  std::uint64_t stored_total = 0;     // since this mount
  std::uint64_t stored_bytes_total = 0;
  std::uint64_t conflicts_total = 0;
  std::uint64_t staged_bytes = 0;     // on local disk, inbox included
  std::uint64_t staged_bytes_max = 0;
  std::uint64_t inbox_files = 0;
  double bytes_per_second = 0;        // over the last ~10 s
  std::string last_error;
  bool paused = false;
};

class Journal {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Journal>> open(const JournalOptions& options, MetaStore& meta,
                                                             TreeCache& tree, BlockCache& blocks, ObjectStore& store,
                                                             StoreHealth& health, Disk& disk, const Clock& clock,
                                                             MetricRegistry& metrics);
  virtual ~Journal() = default;

  virtual void add_observer(JournalObserver* observer) = 0;  // before start(); must outlive the journal
  virtual void start() = 0;
  // No upload begins after this; those under way are given `grace`, then cut (they resume at the next mount).
  virtual void stop(Millis grace) = 0;

  [[nodiscard]] virtual Namespace& tree() = 0;

  [[nodiscard]] virtual UploadTotals totals() const = 0;
  [[nodiscard]] virtual std::vector<UploadView> uploads(std::size_t at_most) const = 0;  // uploading first, then by age
  // `local`, `uploading 42%`, `stored`, `failed: <why>`: the receipt (xattr user.cratedrive.state).
  [[nodiscard]] virtual std::string state_of(const MetaRecord& record) const = 0;

  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual std::size_t retry(const std::string& path) = 0;  // "" = all failed ones; how many were taken up again
  virtual void store_came_back() = 0;                      // back-offs end now
  // `done` when everything pending under this path ("" = all) is stored, or with the error of the first failed one.
  virtual void when_stored(const std::string& path, Done<void> done) = 0;
  // An object that is no file of the tree: `path` is below a reserved name (".cratedrive/batches/x.json"). Durable
  // like a close()d file when it returns; replaces what is there; MetaStore does not know it.
  [[nodiscard]] virtual Status put_object(const std::string& path, std::string bytes, const std::string& content_type,
                                          const std::string& tag) = 0;
  // Log and staged bytes are on the device.
  [[nodiscard]] virtual Status sync() = 0;

  // What recovery found, for status and health.
  struct Recovery {
    std::uint64_t intents = 0;
    std::uint64_t torn_bytes = 0;
    std::uint64_t orphans = 0;       // staged files without a record, set aside in orphans/
    std::uint64_t missing = 0;       // records whose staged bytes are gone (disk damage); named in problems
    std::vector<std::string> problems;
  };
  [[nodiscard]] virtual Recovery recovery() const = 0;
};

}  // namespace cd
