// BlockCache: bytes of stored objects on local disk, in blocks with checksums. Losing any of it costs time,
// never data: a block that fails its checksum is dropped and fetched again; a full or broken cache disk never
// fails a read (bytes are then handed through and not kept).
//
//  * one fetch for many readers: everybody who wants a block joins the request under way;
//  * a version is pinned by its ETag (If-Match): if the object was replaced, Code::stale;
//  * small objects (≤ small_bytes) lie in LMDB, larger ones in block files indexed there;
//  * bytes in flight are bounded by memory_bytes; who comes later waits in order, without a thread;
//  * the disk use stays below bytes_max: least recently used blocks go first, on thread `evict`.
// Thread-safe. read() never blocks; `done` comes on a store thread, or inline when the bytes are local.
// Needs MetaStore (for its LMDB), ObjectStore and Disk to outlive it; the destructor cancels and waits.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/disk.h"
#include "base/metrics.h"
#include "cache/meta_store.h"
#include "remote/object_store.h"

namespace cd {

struct BlockCacheOptions {
  std::string directory;                       // <cache>/<drive>/blocks
  std::uint64_t bytes_max = 10ull << 30;
  std::uint64_t small_bytes = 64u << 10;
  std::uint32_t block_bytes = 1u << 20;        // also the unit of a fetch
  std::uint64_t memory_bytes = 48u << 20;      // fetched or read, not yet handed out
  std::uint64_t read_ahead_bytes_max = 16u << 20;
  Millis fetch_deadline{60'000};

  [[nodiscard]] Status validate() const;
};

// What one reader does, so that reading ahead follows it. One a file handle; any thread, one at a time.
struct ReadStream {
  std::uint64_t next_offset = 0;
  std::uint64_t window_bytes = 0;  // grows while reading is sequential, 0 after a jump
  std::uint64_t ahead_until = 0;   // fetched ahead up to here
};

struct ReadOptions {
  std::stop_token cancel;               // gives up waiting; the fetch goes on if others want it
  Millis deadline{0};                   // 0 = fetch_deadline
  Priority priority = Priority::interactive;
  InodeId file;                         // whose beginning this is, for opened(); none = of no interest
};

class BlockCache {
 public:
  BlockCache(MetaStore& meta, ObjectStore& store, Disk& disk, const Clock& clock, MetricRegistry& metrics,
             BlockCacheOptions options);
  ~BlockCache();

  // Who opens the files of a folder one after another finds the beginnings of the next ones here (walk_ahead.h).
  // Tell of each file that is opened for reading.
  void opened(InodeId file);
  // Told of the head that came with every answer of the store, on its thread, before any reader gets the bytes.
  // Set before the first read.
  using HeadObserver = std::function<void(const RemoteVersion& version, const ObjectHead& head)>;
  void on_head(HeadObserver observer);

  // Local disk (or memory) only. Bytes read (short only at the end of the object), or empty: not all of it is
  // here. Give `stream`, if there is one: reading ahead must see the reads that were answered here, too.
  [[nodiscard]] std::optional<std::size_t> read_local(const RemoteVersion& version, std::uint64_t offset, char* out,
                                                      std::size_t length, ReadStream* stream = nullptr);
  // From disk or store. Gives up to `length` bytes, short only at the end. `stream` may be null; it must stay
  // alive only during the call. Errors: stale, not_found, timeout, unreachable, cancelled, permission, io.
  void read(const RemoteVersion& version, std::uint64_t offset, std::size_t length, const ReadOptions& options,
            ReadStream* stream, Done<SharedBytes> done);

  // Fetches what is missing of this range in the background, as memory allows; best effort, tells nobody.
  void prefetch(const RemoteVersion& version, std::uint64_t offset, std::uint64_t length);

  // Bytes that we have anyway (just uploaded, or fetched with the metadata). Best effort.
  void insert(const RemoteVersion& version, std::uint64_t offset, std::string_view bytes);
  void forget(const Hash128& cache_id);
  // Bytes of this version that are here, at most version.size.
  [[nodiscard]] std::uint64_t cached_bytes(const RemoteVersion& version) const;
  // Drops everything (`drop-cache`). Readers under way are served.
  void drop_all();

  struct Stats {
    std::uint64_t bytes = 0;
    std::uint64_t bytes_max = 0;
    std::uint64_t hits = 0;        // reads answered locally
    std::uint64_t misses = 0;
    std::uint64_t fetches = 0;     // requests to the store
    std::uint64_t evicted = 0;     // blocks
    std::uint64_t corrupt = 0;     // blocks dropped for their checksum
    std::uint64_t waiting = 0;     // readers parked now
    std::string disk_trouble;      // last error of the cache disk, "" = none
  };
  [[nodiscard]] Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cd
