// Lmdb: one LMDB environment with named tables. The only place that names LMDB
// (http://www.lmdb.tech/doc/, 0.9.24).
//
//  * read() gives a snapshot; it never waits for writers. Views that it hands out live as long as it does.
//  * write() runs a change in the one write transaction. An error of the change rolls everything back. When
//    the map is full it grows and the change runs again, so the change has no side effects of its own.
//  * Nothing is synced (MDB_NOSYNC): a crash of the process loses nothing that was committed, a crash of the
//    machine may lose or damage all of it. Who opens it decides whether to trust it (cache_format.h).
// Keys are 1 to 511 bytes. Thread-safe; a Snapshot or WriteTxn stays on the thread that it began on, and who
// holds a Snapshot must not write (growing the map waits for every snapshot to end).
// Must outlive its snapshots. Errors: no_space (map or disk), corrupt, io.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

struct MDB_env;
struct MDB_txn;

namespace cd {

struct LmdbOptions {
  std::string directory;             // must exist
  std::uint64_t map_bytes = 1u << 30;  // address space, not disk; doubles when full
  std::vector<std::string> tables;
  std::function<void()> on_damage;   // told when LMDB finds its pages damaged; must only note it
};

class Lmdb {
 public:
  using Table = unsigned;
  // Ascending keys and their values; false ends the scan. Views live until the transaction ends or writes.
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;

  [[nodiscard]] static Result<std::unique_ptr<Lmdb>> open(LmdbOptions options);
  ~Lmdb();
  Lmdb(const Lmdb&) = delete;
  Lmdb& operator=(const Lmdb&) = delete;

  // A table named in the options.
  [[nodiscard]] Table table(std::string_view name) const;

  class Txn {
   public:
    [[nodiscard]] Result<std::optional<std::string_view>> get(Table table, std::string_view key) const;
    // Keys that are >= from.
    [[nodiscard]] Status scan(Table table, std::string_view from, const Visit& visit) const;

   protected:
    Txn(Lmdb& lmdb, MDB_txn* txn) : lmdb_(&lmdb), txn_(txn) {}
    Lmdb* lmdb_;
    MDB_txn* txn_;
  };

  class Snapshot : public Txn {
   public:
    Snapshot(Snapshot&& other) noexcept : Txn(*other.lmdb_, std::exchange(other.txn_, nullptr)) {}
    Snapshot& operator=(Snapshot&&) = delete;
    ~Snapshot();

   private:
    friend class Lmdb;
    Snapshot(Lmdb& lmdb, MDB_txn* txn) : Txn(lmdb, txn) {}
  };

  class WriteTxn : public Txn {
   public:
    [[nodiscard]] Status put(Table table, std::string_view key, std::string_view value);
    // True if it was there.
    [[nodiscard]] Result<bool> erase(Table table, std::string_view key);

   private:
    friend class Lmdb;
    WriteTxn(Lmdb& lmdb, MDB_txn* txn) : Txn(lmdb, txn) {}
    Status note(int rc, const char* what);
    bool map_full_ = false;
  };

  [[nodiscard]] Result<Snapshot> read() const;
  [[nodiscard]] Status write(const std::function<Status(WriteTxn&)>& change);
  [[nodiscard]] Status sync();
  [[nodiscard]] std::uint64_t disk_bytes() const;
  // Gives the pages of the map back to the kernel's page cache, so that they do not count as ours. What is
  // read again is mapped again; nothing is lost. Happens by itself where much is looked at.
  void release_memory() const;

 private:
  explicit Lmdb(LmdbOptions options) : options_(std::move(options)) {}
  Status open_tables();
  Result<bool> try_write(const std::function<Status(WriteTxn&)>& change);  // false: the map was full
  Status grow();
  Error error_of(int rc, std::string_view what) const;
  void touched(std::uint64_t entries) const;  // the map does not move meanwhile
  void give_pages_back() const;               // the same
  MDB_txn* enter() const;                // null: none in the pool
  void leave(MDB_txn* txn) const;        // null: it could not begin

  // constant after open()
  const LmdbOptions options_;
  MDB_env* env_ = nullptr;
  std::vector<Table> tables_;

  mutable std::atomic<std::uint64_t> touched_{0};

  Mutex write_mutex_;  // one writer; taken before read_mutex_

  mutable Mutex read_mutex_;
  mutable CondVar read_changed_;
  mutable std::vector<MDB_txn*> pool_ CD_GUARDED_BY(read_mutex_);  // reset snapshots, ready to renew
  mutable int reading_ CD_GUARDED_BY(read_mutex_) = 0;             // snapshots alive
  // The map is about to move: LMDB wants no transaction alive then, so new snapshots wait, but for those of
  // a thread that holds one already (a visitor that looks something up).
  bool moving_ CD_GUARDED_BY(read_mutex_) = false;
};

}  // namespace cd
