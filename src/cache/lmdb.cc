#include "cache/lmdb.h"

#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/crash_point.h"

namespace cd {
namespace {

constexpr unsigned kReadersMax = 1024;
constexpr std::size_t kPoolMax = 64;
constexpr std::uint64_t kLookEvery = 4'096;        // entries read or written; each may bring a page of 4 KiB
constexpr std::uint64_t kMappedMax = 48u << 20;    // of files, program and libraries included

// Snapshots that this thread holds, of any environment.
thread_local int held_here = 0;

MDB_val val_of(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }
std::string_view view_of(const MDB_val& v) { return {static_cast<const char*>(v.mv_data), v.mv_size}; }

// Memory of this process that is a file's; 0 = not known.
std::uint64_t mapped_bytes() {
  struct Close { void operator()(FILE* f) const { std::fclose(f); } };
  const std::unique_ptr<FILE, Close> statm(std::fopen("/proc/self/statm", "re"));
  std::uint64_t pages = 0;
  if (!statm || std::fscanf(statm.get(), "%*u %*u %" SCNu64, &pages) != 1) return 0;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

bool is_damage(int rc) {
  return rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID || rc == MDB_PANIC ||
         rc == MDB_VERSION_MISMATCH || rc == MDB_CURSOR_FULL || rc == MDB_INCOMPATIBLE;
}

}  // namespace

Result<std::unique_ptr<Lmdb>> Lmdb::open(LmdbOptions options) {
  std::unique_ptr<Lmdb> lmdb(new Lmdb(std::move(options)));
  const LmdbOptions& o = lmdb->options_;
  int rc = mdb_env_create(&lmdb->env_);
  if (rc == 0) rc = mdb_env_set_mapsize(lmdb->env_, o.map_bytes);
  if (rc == 0) rc = mdb_env_set_maxdbs(lmdb->env_, static_cast<MDB_dbi>(o.tables.size()));
  if (rc == 0) rc = mdb_env_set_maxreaders(lmdb->env_, kReadersMax);
  if (rc == 0)
    rc = mdb_env_open(lmdb->env_, o.directory.c_str(), MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (rc != 0) return fail(lmdb->error_of(rc, "open " + o.directory));
  // A failed assertion inside LMDB means damaged pages: note it, so that the next start begins afresh.
  mdb_env_set_userctx(lmdb->env_, lmdb.get());
  mdb_env_set_assert(lmdb->env_, [](MDB_env* env, const char* message) {
    const auto* self = static_cast<const Lmdb*>(mdb_env_get_userctx(env));
    if (self != nullptr && self->options_.on_damage) self->options_.on_damage();
    check_failed(message, "lmdb", 0);
  });
  CD_TRY_VOID(lmdb->open_tables());
  return lmdb;
}

Lmdb::~Lmdb() {
  for (MDB_txn* txn : pool_) mdb_txn_abort(txn);
  if (env_ != nullptr) mdb_env_close(env_);
}

Status Lmdb::open_tables() {
  return write([this](WriteTxn& txn) -> Status {
    tables_.clear();
    for (const std::string& name : options_.tables) {
      MDB_dbi dbi = 0;
      const int rc = mdb_dbi_open(txn.txn_, name.c_str(), MDB_CREATE, &dbi);
      if (rc != 0) return txn.note(rc, "open table");
      tables_.push_back(dbi);
    }
    return {};
  });
}

Lmdb::Table Lmdb::table(std::string_view name) const {
  const auto at = std::find(options_.tables.begin(), options_.tables.end(), name);
  CD_CHECK(at != options_.tables.end());
  return tables_[static_cast<std::size_t>(at - options_.tables.begin())];
}

Error Lmdb::error_of(int rc, std::string_view what) const {
  if (is_damage(rc)) {
    if (options_.on_damage) options_.on_damage();
    return {Code::corrupt, "the cache is damaged (" + std::string(what) + ": " + mdb_strerror(rc) + ")"};
  }
  if (rc == MDB_MAP_FULL) return {Code::no_space, "the cache's map is full"};
  if (rc > 0) return error_from_errno(rc, std::string(what) + " in the cache");
  return {Code::io, std::string(what) + " in the cache: " + mdb_strerror(rc)};
}

// ---- snapshots

MDB_txn* Lmdb::enter() const {
  MutexLock lock(read_mutex_);
  while (moving_ && held_here == 0) read_changed_.wait(read_mutex_);
  ++reading_;
  ++held_here;
  if (pool_.empty()) return nullptr;
  MDB_txn* txn = pool_.back();
  pool_.pop_back();
  return txn;
}

void Lmdb::leave(MDB_txn* txn) const {
  if (txn != nullptr) mdb_txn_reset(txn);
  MutexLock lock(read_mutex_);
  --held_here;
  if (--reading_ == 0 && moving_) read_changed_.notify_all();
  if (txn == nullptr) return;
  if (pool_.size() < kPoolMax)
    pool_.push_back(txn);
  else
    mdb_txn_abort(txn);
}

Result<Lmdb::Snapshot> Lmdb::read() const {
  MDB_txn* txn = enter();
  int rc = 0;
  if (txn != nullptr) {
    rc = mdb_txn_renew(txn);
    if (rc != 0) mdb_txn_abort(txn);
  } else {
    rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (rc != 0) {
    leave(nullptr);
    return fail(error_of(rc, "begin reading"));
  }
  return Snapshot(const_cast<Lmdb&>(*this), txn);
}

Lmdb::Snapshot::~Snapshot() {
  if (txn_ != nullptr) lmdb_->leave(txn_);
}

Result<std::optional<std::string_view>> Lmdb::Txn::get(Table table, std::string_view key) const {
  lmdb_->touched(1);
  MDB_val k = val_of(key);
  MDB_val v{};
  const int rc = mdb_get(txn_, table, &k, &v);
  if (rc == MDB_NOTFOUND) return std::optional<std::string_view>{};
  if (rc != 0) return fail(lmdb_->error_of(rc, "read"));
  return std::optional<std::string_view>(view_of(v));
}

Status Lmdb::Txn::scan(Table table, std::string_view from, const Visit& visit) const {
  MDB_cursor* raw = nullptr;
  int rc = mdb_cursor_open(txn_, table, &raw);
  if (rc != 0) return fail(lmdb_->error_of(rc, "scan"));
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> cursor(raw, &mdb_cursor_close);
  MDB_val k = val_of(from);
  MDB_val v{};
  rc = mdb_cursor_get(raw, &k, &v, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
  std::uint64_t seen = 0;
  while (rc == 0 && visit(view_of(k), view_of(v))) {
    if (++seen % kLookEvery == 0) lmdb_->touched(kLookEvery);
    rc = mdb_cursor_get(raw, &k, &v, MDB_NEXT);
  }
  lmdb_->touched(seen % kLookEvery);
  if (rc != 0 && rc != MDB_NOTFOUND) return fail(lmdb_->error_of(rc, "scan"));
  return {};
}

// ---- writing

Status Lmdb::WriteTxn::note(int rc, const char* what) {
  if (rc == 0) return {};
  if (rc == MDB_MAP_FULL) map_full_ = true;
  return fail(lmdb_->error_of(rc, what));
}

Status Lmdb::WriteTxn::put(Table table, std::string_view key, std::string_view value) {
  lmdb_->touched(1);
  MDB_val k = val_of(key);
  MDB_val v = val_of(value);
  return note(mdb_put(txn_, table, &k, &v, 0), "write");
}

Result<bool> Lmdb::WriteTxn::erase(Table table, std::string_view key) {
  MDB_val k = val_of(key);
  const int rc = mdb_del(txn_, table, &k, nullptr);
  if (rc == MDB_NOTFOUND) return false;
  CD_TRY_VOID(note(rc, "erase"));
  return true;
}

Status Lmdb::write(const std::function<Status(WriteTxn&)>& change) {
  MutexLock lock(write_mutex_);
  while (true) {
    CD_TRY(const bool fitted, try_write(change));
    if (fitted) return {};
    CD_TRY_VOID(grow());
  }
}

Result<bool> Lmdb::try_write(const std::function<Status(WriteTxn&)>& change) {
  MDB_txn* raw = nullptr;
  int rc = mdb_txn_begin(env_, nullptr, 0, &raw);
  if (rc != 0) return fail(error_of(rc, "begin writing"));
  WriteTxn txn(*this, raw);
  const Status status = change(txn);
  if (!status || txn.map_full_) {
    mdb_txn_abort(raw);
    if (txn.map_full_) return false;
    return fail(status.error());
  }
  crash_point("cache.before_commit");
  rc = mdb_txn_commit(raw);  // frees the transaction, whatever it says
  if (rc == MDB_MAP_FULL) return false;
  if (rc != 0) return fail(error_of(rc, "commit"));
  crash_point("cache.after_commit");
  return true;
}

Status Lmdb::grow() {
  // It would wait for itself.
  if (held_here > 0) return fail(Code::no_space, "the cache's map is full, and its writer is reading it");
  MutexLock lock(read_mutex_);
  moving_ = true;
  while (reading_ > 0) read_changed_.wait(read_mutex_);
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  const int rc = mdb_env_set_mapsize(env_, info.me_mapsize * 2);
  moving_ = false;
  read_changed_.notify_all();
  if (rc != 0) return fail(Code::no_space, "the cache's map cannot grow: " + std::string(mdb_strerror(rc)));
  return {};
}

Status Lmdb::sync() {
  const int rc = mdb_env_sync(env_, 1);
  if (rc != 0) return fail(error_of(rc, "sync"));
  return {};
}

std::uint64_t Lmdb::disk_bytes() const {
  mdb_filehandle_t fd = -1;
  struct stat st{};
  if (mdb_env_get_fd(env_, &fd) != 0 || ::fstat(fd, &st) != 0) return 0;
  return static_cast<std::uint64_t>(st.st_size);
}

void Lmdb::release_memory() const {
  const auto here = read();  // the map stays where it is meanwhile
  if (here) give_pages_back();
}

// Every page of the map that is looked at counts as ours until it is given back: of a million entries that is half a GiB.
void Lmdb::touched(std::uint64_t entries) const {
  const std::uint64_t before = touched_.fetch_add(entries, std::memory_order_relaxed);
  if (before / kLookEvery != (before + entries) / kLookEvery && mapped_bytes() > kMappedMax) give_pages_back();
}

void Lmdb::give_pages_back() const {
  struct Close { void operator()(FILE* f) const { std::fclose(f); } };
  const std::unique_ptr<FILE, Close> maps(std::fopen("/proc/self/maps", "re"));
  if (!maps) return;
  const std::string file = options_.directory + "/data.mdb";
  char line[4400];
  while (std::fgets(line, sizeof line, maps.get()) != nullptr) {
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    int path_at = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %*s %n", &from, &to, &path_at) < 2) continue;
    std::string_view path(line + path_at);
    while (!path.empty() && path.back() == '\n') path.remove_suffix(1);
    if (path_at > 0 && path == file) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
}

}  // namespace cd
