#include "fs/filesystem.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "fs/filesystem_impl.h"

namespace cd {

Filesystem::Filesystem(MetaStore& meta, TreeCache& tree, BlockCache& blocks, Journal& journal, StoreHealth& health,
                       VirtualSource& virtual_files, Disk& /*disk*/, const Clock& clock, MetricRegistry& metrics,
                       FilesystemOptions options)
    : impl_(std::make_unique<Impl>(meta, tree, blocks, journal, health, virtual_files, clock, metrics,
                                   std::move(options))) {}

Filesystem::~Filesystem() {
  impl_->tickets.close();
  for (const HandleId id : impl_->handles.files()) release(id);
}

Filesystem::Stats Filesystem::stats() const { return {impl_->handles.count(), impl_->tickets.waiting()}; }

// ---- waiting

bool Filesystem::Impl::is_local(InodeId folder) const {
  const auto found = meta.entry(folder);
  return found && *found && (*found)->record.local_only;
}

Freshness Filesystem::Impl::freshness(InodeId folder) const {
  const Freshness known = tree.freshness(folder);
  return known != Freshness::fresh && is_local(folder) ? Freshness::fresh : known;
}

void Filesystem::Impl::ask_store(const Caller& caller, Millis patience, bool old_serves,
                                 const std::function<void(Done<void>)>& ask, Reply<void> then,
                                 Tickets::Progress progress) {
  parked.add();
  auto ticket = tickets.make<void>([old_serves, then = std::move(then)](Status asked) {
    if (!asked && old_serves && asked.error().code != Code::cancelled) return then({});
    then(std::move(asked));
  });
  ask([ticket](Status asked) { ticket->answer(std::move(asked)); });
  tickets.arm(*ticket, caller.interrupted, patience,
              {Code::timeout, "the store did not answer in time; `.cratedrive/health` says more"}, std::move(progress));
}

void Filesystem::Impl::when_known(const Caller& caller, InodeId folder, Reply<void> then) {
  const Freshness known = freshness(folder);
  const bool answers = health.reachable();
  if (known == Freshness::fresh || (known == Freshness::stale && !answers)) return then({});
  const bool old_serves = known == Freshness::stale;
  ask_store(caller, old_serves || !answers ? options.stale_grace : options.read_deadline, old_serves,
            [&](Done<void> done) { tree.refresh(folder, std::move(done)); }, std::move(then), pages_of(folder, old_serves));
}

// A million keys take a thousand LISTs: as long as pages come in, the store answers.
Tickets::Progress Filesystem::Impl::pages_of(InodeId folder, bool old_serves) {
  if (old_serves) return {};
  return [this, folder] { return tree.pages_listed(folder); };
}

void Filesystem::Impl::when_tree_known(const Caller& caller, InodeId folder, Reply<void> then) {
  if (is_local(folder)) return then({});
  ask_store(caller, options.read_deadline, false,
            [&](Done<void> done) { tree.load_tree(folder, std::move(done)); }, std::move(then), pages_of(folder, false));
}

void Filesystem::Impl::when_exact(const Caller& caller, InodeId ino, bool or_else_go_on, Reply<void> then) {
  const auto found = meta.entry(ino);
  const bool needs = found && *found && (*found)->record.remote && !(*found)->record.exact &&
                     !(*found)->record.is_directory();
  if (!needs || (or_else_go_on && !health.reachable())) return then({});
  ask_store(caller, or_else_go_on ? options.stale_grace : options.read_deadline, or_else_go_on,
            [&](Done<void> done) {
              tree.fill_exact(ino, [done = std::move(done)](Result<MetaRecord> record) {
                if (record) return done({});
                done(fail(record.error()));
              });
            },
            std::move(then));
}

void Filesystem::Impl::when_links_known(const Caller& caller, InodeId folder, Reply<void> then) {
  constexpr std::size_t kLinksMax = 64;     // requests, side by side
  constexpr std::size_t kEntriesMax = 1'000;
  std::vector<InodeId> maybe;
  std::size_t seen = 0;
  const Status listed = meta.list(folder, "", [&](std::string_view, const MetaRecord& record) {
    if (may_be_special(record)) maybe.push_back(record.ino);
    return ++seen <= kEntriesMax && maybe.size() <= kLinksMax;
  });
  const bool many = seen > kEntriesMax || maybe.size() > kLinksMax;
  if (!listed || maybe.empty() || many || !health.reachable()) return then({});
  ask_store(caller, options.stale_grace, true,
            [&](const Done<void>& done) {
              const auto left = std::make_shared<std::atomic<std::size_t>>(maybe.size());
              for (const InodeId ino : maybe)
                tree.fill_exact(ino, [left, done](const Result<MetaRecord>&) {
                  if (left->fetch_sub(1) == 1) done({});
                });
            },
            std::move(then));
}

void Filesystem::Impl::when_current(const Caller& caller, const std::string& virtual_path, Reply<void> then) {
  if (source.is_current(virtual_path) || !health.reachable()) return then({});
  ask_store(caller, options.stale_grace, true,
            [&](Done<void> done) { source.bring_up_to_date(virtual_path, std::move(done)); }, std::move(then));
}

// ---- attributes

Millis Filesystem::Impl::valid_in(InodeId folder) const {
  return is_local(folder) ? kLocalValid : tree.fresh_for(folder);
}

Millis Filesystem::absent_for(InodeId parent) const {
  return VirtualTree::is_virtual(parent) ? Millis(0) : std::min(kAbsentValid, impl_->valid_in(parent));
}

void Filesystem::count_request() { impl_->requests.add(); }

// 2 and one for each folder in it, as programs expect that walk trees by it; 1 (not counted) while that is not known.
std::uint32_t Filesystem::Impl::links_of(const MetaRecord& folder) const {
  if (!folder.local_only && !meta.folder_state(folder.ino).complete) return 1;
  const auto inside = meta.subfolders(folder.ino);
  if (!inside) return 1;
  std::uint64_t links = 2 + *inside;
  if (folder.ino == kRootInode) ++links;  // .cratedrive
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(links, UINT32_MAX));
}

NodeAttributes Filesystem::Impl::show(const MetaRecord& record, Millis valid) const {
  const bool ours = record.local_only || record.pending;  // true, whatever the bucket says of the folder
  NodeAttributes node{record.ino, record.attr, 1, ours ? std::max(valid, kLocalValid) : valid};
  node.links = record.is_directory() ? links_of(record) : 1 + record.links;
  if (record.attr.type == NodeType::file) contents.overlay(record.ino, node.attr);
  return node;
}

Result<MetaEntry> Filesystem::Impl::entry(InodeId ino) const {
  CD_TRY(auto found, meta.entry(ino));
  if (!found || found->record.whiteout) return stale_inode();
  return std::move(*found);
}

Result<NodeAttributes> Filesystem::Impl::attributes(InodeId ino) const {
  const auto known = entry(ino);
  if (known) return show(known->record, ino == kRootInode ? options.metadata_ttl : valid_in(known->parent));
  const auto content = contents.find(ino);
  if (const auto folder = gone_folders.find(ino); !content && folder) return NodeAttributes{ino, *folder, 0, Millis(0)};
  if (!content) return fail(known.error());
  NodeAttributes nameless{ino, content->remembered(), 0, Millis(0)};
  content->overlay(nameless.attr);
  return nameless;
}

void Filesystem::Impl::remember(InodeId parent, std::string_view name) const {
  const auto record = meta.lookup(parent, name);
  if (!record || !*record) return;
  if ((*record)->is_directory()) return gone_folders.add((*record)->ino, (*record)->attr);
  const auto content = contents.find((*record)->ino);
  if (!content) return;
  (void)content->renew(meta, names);  // to where the bytes are now: later nobody can tell
  Attributes attr = (*record)->attr;
  content->overlay(attr);
  content->remember(attr);
}

void Filesystem::statfs(const Caller&, Reply<StatFs> reply) {
  // A bucket has no size. What is shown is large enough for programs that look before they copy.
  constexpr std::uint64_t kPebibyte = std::uint64_t{1} << 50;
  const MetaStore::Totals totals = impl_->meta.totals();
  const std::uint64_t used = std::min(totals.bytes, kPebibyte);
  reply(StatFs{kPebibyte, kPebibyte - used, totals.entries});
}

}  // namespace cd
