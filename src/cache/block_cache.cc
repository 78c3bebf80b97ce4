#include "cache/block_cache.h"

#include <algorithm>
#include <cstring>

#include "cache/block_fetcher.h"
#include "cache/evictor.h"
#include "cache/local_blocks.h"
#include "cache/read_ahead.h"
#include "cache/walk_ahead.h"

namespace cd {

Status BlockCacheOptions::validate() const {
  if (directory.empty()) return fail(Code::invalid, "the block cache needs a directory");
  if (block_bytes < kChunkBytes || block_bytes % kChunkBytes != 0)
    return fail(Code::invalid, "the block size must be a multiple of 64 KiB");
  if (small_bytes > block_bytes) return fail(Code::invalid, "a small object must fit into one block");
  if (memory_bytes < 4ull * block_bytes)
    return fail(Code::invalid, "the block cache needs memory for at least four blocks");
  if (fetch_deadline.count() <= 0) return fail(Code::invalid, "the deadline of a fetch must be positive");
  return {};
}

struct BlockCache::Impl {
  Impl(MetaStore& meta, ObjectStore& store, Disk& disk, const Clock& clock, MetricRegistry& metrics,
       BlockCacheOptions o)
      : options(std::move(o)),
        layout{options.block_bytes, options.small_bytes},
        hits(metrics.counter("cratedrive_cache_hits_total", "Reads answered from local disk or memory")),
        misses(metrics.counter("cratedrive_cache_misses_total", "Reads that had to wait for the store")),
        fetches(metrics.counter("cratedrive_cache_fetches_total", "Requests for bytes of objects")),
        local(meta.lmdb(), options.directory, options.bytes_max, disk, metrics),
        evictor(local),
        fetcher(store, local, clock, options, fetches, [this] { evictor.wake(); }),
        walks(meta, clock, metrics, [this](const RemoteVersion& version) { return fetch_beginning(version); }) {}

  WalkAhead::Fetched fetch_beginning(const RemoteVersion& version);
  bool copy_local(const RemoteVersion& version, std::uint64_t offset, char* out, std::size_t length);
  std::optional<AheadRange> note(ReadStream* stream, const RemoteVersion& version, std::uint64_t offset,
                                 std::size_t length) const;

  // constant
  const BlockCacheOptions options;
  const BlockLayout layout;
  // safe by themselves
  Counter& hits;
  Counter& misses;
  Counter& fetches;
  LocalBlocks local;
  Evictor evictor;
  BlockFetcher fetcher;
  WalkAhead walks;
};

BlockCache::BlockCache(MetaStore& meta, ObjectStore& store, Disk& disk, const Clock& clock, MetricRegistry& metrics,
                       BlockCacheOptions options)
    : impl_(std::make_unique<Impl>(meta, store, disk, clock, metrics, std::move(options))) {
  impl_->evictor.start(impl_->fetcher);
}

BlockCache::~BlockCache() {
  impl_->fetcher.stop();
  impl_->evictor.stop();
}

void BlockCache::opened(InodeId file) { impl_->walks.opened(file); }
void BlockCache::on_head(HeadObserver observer) { impl_->fetcher.on_head(std::move(observer)); }

// ---- reading

WalkAhead::Fetched BlockCache::Impl::fetch_beginning(const RemoteVersion& version) {
  const BlockKey key{version.cache_id, 0};
  const std::uint32_t length = layout.length(version, 0);
  if (options.read_ahead_bytes_max == 0) return WalkAhead::Fetched::refused;
  if (local.has(key, length) || fetcher.resident(key)) return WalkAhead::Fetched::here;
  return fetcher.fetch_ahead(version, 0, length) > 0 ? WalkAhead::Fetched::started : WalkAhead::Fetched::refused;
}

bool BlockCache::Impl::copy_local(const RemoteVersion& version, std::uint64_t offset, char* out, std::size_t length) {
  while (length > 0) {
    const BlockKey key{version.cache_id, offset / options.block_bytes};
    BlockRange range;
    range.block_length = layout.length(version, key.number);
    range.offset = static_cast<std::uint32_t>(offset % options.block_bytes);
    range.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(length, range.block_length - range.offset));
    if (const SharedBytes bytes = fetcher.resident(key))
      std::memcpy(out, bytes->data() + range.offset, range.length);
    else if (!local.read(key, range, out))
      return false;
    offset += range.length;
    out += range.length;
    length -= range.length;
  }
  return true;
}

std::optional<AheadRange> BlockCache::Impl::note(ReadStream* stream, const RemoteVersion& version,
                                                 std::uint64_t offset, std::size_t length) const {
  if (stream == nullptr || options.read_ahead_bytes_max == 0) return std::nullopt;
  return note_read(*stream, offset, length, version.size, {options.block_bytes, options.read_ahead_bytes_max});
}

std::optional<std::size_t> BlockCache::read_local(const RemoteVersion& version, std::uint64_t offset, char* out,
                                                  std::size_t length, ReadStream* stream) {
  if (offset >= version.size) return 0;
  length = std::min<std::uint64_t>(length, version.size - offset);
  if (!impl_->copy_local(version, offset, out, length)) return std::nullopt;
  impl_->hits.add();
  if (const auto ahead = impl_->note(stream, version, offset, length))
    stream->ahead_until = impl_->fetcher.fetch_ahead(version, ahead->from, ahead->to);
  return length;
}

void BlockCache::read(const RemoteVersion& version, std::uint64_t offset, std::size_t length,
                      const ReadOptions& options, ReadStream* stream, Done<SharedBytes> done) {
  if (offset >= version.size || length == 0) return done(share(""));
  length = std::min<std::uint64_t>(length, version.size - offset);
  std::string bytes(length, '\0');
  if (read_local(version, offset, bytes.data(), length, stream)) return done(share(std::move(bytes)));
  std::string().swap(bytes);
  impl_->misses.add();
  // What the reader waits for goes out first; the stream may be gone when `done` was called.
  const auto ahead = impl_->note(stream, version, offset, length);
  if (ahead) stream->ahead_until = ahead->to;
  impl_->fetcher.read(version, offset, length, options, std::move(done));
  if (ahead) impl_->fetcher.fetch_ahead(version, ahead->from, ahead->to);
  if (options.file && offset == 0) impl_->walks.missed(options.file);
}

void BlockCache::prefetch(const RemoteVersion& version, std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t to = length > version.size - std::min(offset, version.size) ? version.size : offset + length;
  impl_->fetcher.fetch_ahead(version, offset, to);
}

// ---- keeping

void BlockCache::insert(const RemoteVersion& version, std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t block_bytes = impl_->options.block_bytes;
  for (std::uint64_t number = (offset + block_bytes - 1) / block_bytes; number * block_bytes < version.size; ++number) {
    const std::uint32_t length = impl_->layout.length(version, number);
    const std::uint64_t skip = number * block_bytes - offset;
    if (skip + length > bytes.size()) return;  // only whole blocks
    impl_->fetcher.offer({version.cache_id, number}, share(std::string(bytes.substr(skip, length))),
                         impl_->layout.is_small(version));
  }
}

void BlockCache::forget(const Hash128& cache_id) {
  impl_->fetcher.forget(cache_id);
  impl_->local.forget(cache_id);
}

std::uint64_t BlockCache::cached_bytes(const RemoteVersion& version) const {
  const std::uint64_t bytes =
      impl_->local.bytes_of_version(version.cache_id) + impl_->fetcher.unkept_bytes(version.cache_id);
  return std::min(bytes, version.size);
}

void BlockCache::drop_all() {
  impl_->fetcher.forget({});
  impl_->local.drop_all();
}

BlockCache::Stats BlockCache::stats() const {
  Stats stats;
  stats.bytes = impl_->local.bytes();
  stats.bytes_max = impl_->options.bytes_max;
  stats.hits = impl_->hits.value();
  stats.misses = impl_->misses.value();
  stats.fetches = impl_->fetches.value();
  stats.evicted = impl_->local.evicted();
  stats.corrupt = impl_->local.corrupt();
  stats.waiting = impl_->fetcher.waiting();
  stats.disk_trouble = impl_->local.trouble();
  return stats;
}

}  // namespace cd
