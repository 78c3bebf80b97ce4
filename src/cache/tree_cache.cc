#include "cache/tree_cache.h"

#include <algorithm>
#include <atomic>

#include "cache/exact_filler.h"
#include "cache/list_runner.h"

namespace cd {
namespace {

// "Listed, long ago": complete, and stale whatever the clock says.
constexpr std::int64_t kLongAgo = 1;

}  // namespace

struct TreeCache::Impl {
  Impl(MetaStore& m, ObjectStore& store, StoreHealth& h, const Clock& c, MetricRegistry& metrics, TreeCacheOptions o)
      : meta(m),
        health(h),
        clock(c),
        options(std::move(o)),
        lists(meta, store, clock, options, metrics.counter("cratedrive_tree_lists_total", "LIST requests for the tree")),
        exact(meta, store, options, metrics.counter("cratedrive_tree_heads_total", "HEAD requests for attributes")) {}

  bool is_local(InodeId folder) const {
    const auto entry = meta.entry(folder);
    return entry && *entry && (*entry)->record.local_only;
  }
  // When a LIST that begins now counts as begun: after everything that was expired so far.
  std::int64_t now() const { return std::max(clock.wall_ns(), expired_until.load() + 1); }
  Status tree_is_fresh(InodeId folder, bool& fresh) const;
  std::int64_t fresh_ns(const FolderState& state) const;

  MetaStore& meta;
  StoreHealth& health;
  const Clock& clock;
  const TreeCacheOptions options;
  std::atomic<std::int64_t> expired_until{0};
  ListRunner lists;
  ExactFiller exact;
};

TreeCache::TreeCache(MetaStore& meta, ObjectStore& store, StoreHealth& health, const Clock& clock,
                     MetricRegistry& metrics, TreeCacheOptions options)
    : impl_(std::make_unique<Impl>(meta, store, health, clock, metrics, std::move(options))) {}

TreeCache::~TreeCache() {
  impl_->lists.stop();
  impl_->exact.stop();
}

void TreeCache::set_observer(TreeObserver* observer) {
  impl_->lists.set_observer(observer);
  impl_->exact.set_observer(observer);
}

// ---- how fresh

// How much longer what was listed then may be used; not positive: no longer.
std::int64_t TreeCache::Impl::fresh_ns(const FolderState& state) const {
  const std::int64_t wall = clock.wall_ns();
  if (!state.complete || state.listed_wall_ns <= expired_until.load()) return 0;
  if (state.listed_wall_ns > std::max(wall, now())) return 0;  // the clock went back: age unknown
  const std::int64_t ttl = std::chrono::nanoseconds(options.metadata_ttl).count();
  return ttl - std::max<std::int64_t>(0, wall - state.listed_wall_ns);
}

Freshness TreeCache::freshness(InodeId folder) const {
  const FolderState state = impl_->meta.folder_state(folder);
  if (impl_->fresh_ns(state) > 0 || impl_->is_local(folder)) return Freshness::fresh;
  return state.complete ? Freshness::stale : Freshness::unknown;
}

Millis TreeCache::fresh_for(InodeId folder) const {
  if (impl_->is_local(folder)) return impl_->options.metadata_ttl;
  const std::int64_t ns = impl_->fresh_ns(impl_->meta.folder_state(folder));
  return std::chrono::duration_cast<Millis>(std::chrono::nanoseconds(std::max<std::int64_t>(0, ns)));
}

void TreeCache::expire_all() {
  impl_->expired_until = std::max(impl_->now(), impl_->clock.wall_ns());
  impl_->lists.forget_ahead();
}

void TreeCache::expire(InodeId folder) {
  impl_->lists.forget_ahead();
  static_cast<void>(impl_->meta.write([&](MetaStore::Writer& w) -> Status {
    const FolderState state = impl_->meta.folder_state(folder);
    return state.complete ? w.set_folder_state(folder, {kLongAgo, true}) : Status{};
  }));
}

// ---- asking the store

void TreeCache::refresh(InodeId folder, Done<void> done) {
  if (impl_->is_local(folder)) return done({});
  if (impl_->health.is_offline()) return done(fail(Code::unreachable, "the drive is offline on purpose"));
  impl_->lists.run(folder, false, impl_->now(), std::move(done));
}

void TreeCache::load_tree(InodeId folder, Done<void> done) {
  bool fresh = true;
  const Status looked = impl_->tree_is_fresh(folder, fresh);
  if (!looked || fresh) return done(looked);
  if (impl_->health.is_offline()) return done(fail(Code::unreachable, "the drive is offline on purpose"));
  impl_->lists.run(folder, true, impl_->now(), std::move(done));
}

Status TreeCache::Impl::tree_is_fresh(InodeId folder, bool& fresh) const {
  std::vector<InodeId> folders{folder};
  while (!folders.empty() && fresh) {
    const InodeId next = folders.back();
    folders.pop_back();
    fresh = is_local(next) || fresh_ns(meta.folder_state(next)) > 0;
    if (!fresh) break;
    CD_TRY_VOID(meta.list(next, "", [&](std::string_view, const MetaRecord& record) {
      if (record.is_directory()) folders.push_back(record.ino);
      return true;
    }));
  }
  return {};
}

std::uint64_t TreeCache::pages_listed(InodeId folder) const { return impl_->lists.pages(folder); }

void TreeCache::fill_exact(InodeId file, Done<MetaRecord> done) { impl_->exact.fill(file, std::move(done)); }

void TreeCache::learn(const RemoteVersion& version, const ObjectHead& head) { impl_->exact.learn(version, head); }

TreeCache::Stats TreeCache::stats() const {
  Stats stats;
  impl_->lists.add_stats(stats);
  stats.heads = impl_->exact.heads();
  return stats;
}

}  // namespace cd
