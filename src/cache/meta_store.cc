#include "cache/meta_store.h"

#include <atomic>

#include "cache/cache_format.h"
#include "cache/lmdb.h"
#include "cache/meta_tables.h"
#include "cache/meta_writer.h"

namespace cd {

struct MetaStore::Impl {
  Impl(const MetaStoreOptions& o, Disk& disk, const Clock& c)
      : options(o), clock(c), format(o.directory, o.boot_id, disk) {}

  Status open_lmdb();
  Status begin_tree(bool kept);
  std::string note_key(std::string_view name) const { return "n:" + std::string(name); }

  // What says `corrupt` makes the next start begin afresh.
  template <class R>
  R checked(R result) {
    if (!result && result.error().code == Code::corrupt) format.distrust();
    return result;
  }

  const MetaStoreOptions options;
  const Clock& clock;
  CacheFormat format;
  std::unique_ptr<Lmdb> lmdb;
  MetaTables tables;
  RemovedKeys removed_keys;
  bool warm = false;
  std::atomic<std::uint64_t> sequence{0};
};

Status MetaStore::Impl::open_lmdb() {
  LmdbOptions o;
  o.directory = format.meta_directory();
  o.map_bytes = options.map_bytes;
  // The last three belong to the block index, which shares the environment.
  o.tables = {"entries", "inodes", "folders", "content", "notes", "labels", "blocks", "block_use", "small"};
  o.on_damage = [this] { format.distrust(); };
  CD_TRY(lmdb, Lmdb::open(std::move(o)));
  tables = MetaTables::of(*lmdb);
  return {};
}

// The root must be there; else this is no tree of ours.
Status MetaStore::Impl::begin_tree(bool kept) {
  return lmdb->write([&](Lmdb::WriteTxn& txn) -> Status {
    MetaWriter writer(txn, tables, clock);
    CD_TRY_VOID(writer.begin());
    CD_TRY(const auto root, writer.entry(kRootInode));
    if (kept && !root) return fail(Code::corrupt, "the cache has no root");
    if (!root) CD_TRY_VOID(writer.put_root());
    CD_TRY_VOID(writer.finish());
    sequence = writer.sequence();
    return {};
  });
}

Result<std::unique_ptr<MetaStore>> MetaStore::open(const MetaStoreOptions& options, Disk& disk, const Clock& clock) {
  auto impl = std::make_unique<Impl>(options, disk, clock);
  CD_TRY_VOID(disk.make_dirs(options.directory));
  CD_TRY(impl->warm, impl->format.prepare());
  Status status = impl->open_lmdb();
  if (status) status = impl->begin_tree(impl->warm);
  if (!status && impl->warm) {  // kept, and not usable after all
    impl->lmdb.reset();
    impl->warm = false;
    CD_TRY_VOID(impl->format.start_afresh());
    CD_TRY_VOID(impl->open_lmdb());
    status = impl->begin_tree(false);
  }
  if (!status) return fail(std::move(status).error());
  return std::unique_ptr<MetaStore>(new MetaStore(std::move(impl)));
}

MetaStore::MetaStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetaStore::~MetaStore() = default;

// ---- reading

Result<std::optional<MetaRecord>> MetaStore::lookup_raw(InodeId parent, std::string_view name) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(read_entry(txn, impl_->tables, parent, name));
}

Result<std::optional<MetaRecord>> MetaStore::lookup(InodeId parent, std::string_view name) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  CD_TRY(auto record, impl_->checked(read_entry(txn, impl_->tables, parent, name)));
  if (!record || record->whiteout) return std::optional<MetaRecord>{};
  CD_TRY(record, impl_->checked(follow_link(txn, impl_->tables, std::move(*record))));
  return record;
}

Result<MetaRecord> MetaStore::follow(MetaRecord record) const {
  if (!record.link_of) return record;
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(follow_link(txn, impl_->tables, std::move(record)));
}

Result<std::vector<InodeId>> MetaStore::links_to(InodeId file) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(read_links(txn, impl_->tables, file));
}

Result<std::optional<MetaEntry>> MetaStore::entry(InodeId ino) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  CD_TRY(auto found, impl_->checked(read_inode(txn, impl_->tables, ino)));
  if (found && found->record.whiteout) return std::optional<MetaEntry>{};
  return found;
}

Result<std::string> MetaStore::path_of(InodeId ino) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(read_path_of(txn, impl_->tables, ino));
}

Result<std::optional<MetaEntry>> MetaStore::resolve(std::string_view path) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(read_path(txn, impl_->tables, path, false));
}

Status MetaStore::list(InodeId parent, std::string_view after, const Visit& visit, bool with_whiteouts) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(scan_folder(txn, impl_->tables, parent, after,
                                    [&](std::string_view name, const MetaRecord& record) {
    return (record.whiteout && !with_whiteouts) || visit(name, record);
  }));
}

Result<bool> MetaStore::is_empty(InodeId parent) const {
  bool empty = true;
  CD_TRY_VOID(list(parent, "", [&](std::string_view, const MetaRecord&) { return empty = false; }));
  return empty;
}

Result<std::uint64_t> MetaStore::subfolders(InodeId parent) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  return impl_->checked(read_subfolders(txn, impl_->tables, parent));
}

FolderState MetaStore::folder_state(InodeId folder) const {
  const auto txn = impl_->lmdb->read();
  if (!txn) return {};
  return impl_->checked(read_folder_state(*txn, impl_->tables, folder)).value_or(FolderState{});
}

Result<std::optional<std::string>> MetaStore::find_content(std::string_view etag, std::uint64_t size) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  const std::string prefix = content_prefix(etag, size);
  std::optional<std::string> path;
  Status bad;
  CD_TRY_VOID(txn.scan(impl_->tables.content, prefix, [&](std::string_view key, std::string_view) {
    if (!key.starts_with(prefix) || key.size() != prefix.size() + 8) return false;
    const InodeId ino(from_big_endian(key.substr(prefix.size())));
    auto found = read_inode(txn, impl_->tables, ino);
    if (!found) {
      bad = fail(found.error());
      return false;
    }
    // The index is a hint. Bytes that are about to be replaced (staged) are no twin to rely on.
    const MetaRecord* r = *found ? &(*found)->record : nullptr;
    if (r == nullptr || !r->remote || r->remote->etag != etag || r->remote->size != size) return true;
    if (r->whiteout || r->staged || r->local_only) return true;
    if (auto p = read_path_of(txn, impl_->tables, ino)) path = std::move(*p);
    return !path.has_value();
  }));
  CD_TRY_VOID(impl_->checked(std::move(bad)));
  return path;
}

MetaStore::Totals MetaStore::totals() const {
  Totals totals;
  totals.disk_bytes = impl_->lmdb->disk_bytes();
  const auto txn = impl_->lmdb->read();
  if (!txn) return totals;
  const auto bytes = txn->get(impl_->tables.notes, kCountersKey);
  if (!bytes || !*bytes) return totals;
  if (const auto counters = impl_->checked(decode_counters(**bytes))) {
    totals.entries = counters->entries;
    totals.bytes = counters->bytes;
  }
  return totals;
}

void MetaStore::release_memory() const { impl_->lmdb->release_memory(); }

// ---- writing

Status MetaStore::write(const std::function<Status(Writer&)>& change) {
  std::uint64_t written = 0;
  Status status = impl_->lmdb->write([&](Lmdb::WriteTxn& txn) -> Status {
    MetaWriter writer(txn, impl_->tables, impl_->clock);
    CD_TRY_VOID(writer.begin());
    CD_TRY_VOID(change(writer));
    CD_TRY_VOID(writer.finish());
    written = writer.sequence();
    return {};
  });
  CD_TRY_VOID(impl_->checked(std::move(status)));
  std::uint64_t seen = impl_->sequence.load();
  while (seen < written && !impl_->sequence.compare_exchange_weak(seen, written)) {}
  return {};
}

std::uint64_t MetaStore::sequence() const { return impl_->sequence.load(); }

Result<std::optional<std::string>> MetaStore::note(std::string_view name) const {
  CD_TRY(const Lmdb::Snapshot txn, impl_->lmdb->read());
  CD_TRY(const auto value, txn.get(impl_->tables.notes, impl_->note_key(name)));
  if (!value) return std::optional<std::string>{};
  return std::optional<std::string>(*value);
}

Status MetaStore::set_note(std::string_view name, std::string_view value) {
  return impl_->lmdb->write([&](Lmdb::WriteTxn& txn) {
    return txn.put(impl_->tables.notes, impl_->note_key(name), value);
  });
}

Status MetaStore::close_clean() {
  CD_TRY_VOID(impl_->lmdb->sync());
  return impl_->format.mark_clean(impl_->lmdb->disk_bytes());
}

bool MetaStore::was_warm() const { return impl_->warm; }

RemovedKeys& MetaStore::removed_keys() { return impl_->removed_keys; }

Lmdb& MetaStore::lmdb() { return *impl_->lmdb; }

}  // namespace cd
