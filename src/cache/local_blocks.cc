#include "cache/local_blocks.h"

#include <algorithm>
#include <cstring>

#include "base/crash_point.h"

namespace cd {
namespace {

constexpr std::size_t kTouchedMax = 4096;
constexpr std::size_t kTouchedEnough = 256;
constexpr std::size_t kEvictBatch = 32;
constexpr std::size_t kDropBatch = 1000;

std::size_t chunk_length(const BlockEntry& entry, std::size_t index) {
  return std::min<std::size_t>(kChunkBytes, entry.length - index * kChunkBytes);
}

}  // namespace

LocalBlocks::LocalBlocks(Lmdb& lmdb, std::string directory, std::uint64_t bytes_max, Disk& disk,
                         MetricRegistry& metrics)
    : bytes_max_(bytes_max),
      index_(lmdb),
      store_(std::move(directory), disk),
      evicted_(metrics.counter("cratedrive_cache_evicted_blocks_total", "Blocks that made room for others")),
      corrupt_(metrics.counter("cratedrive_cache_corrupt_blocks_total", "Blocks dropped for their checksum")),
      bytes_gauge_(metrics.gauge("cratedrive_cache_bytes", "Bytes of blocks on the local disk")) {}

// ---- reading

bool LocalBlocks::read(const BlockKey& key, BlockRange range, char* out) {
  Answer answer = Answer::absent;
  BlockEntry file_entry;
  const auto found = index_.find(key, [&](const BlockEntry& entry, std::string_view bytes) {
    if (entry.length != range.block_length)
      answer = Answer::bad;
    else if (entry.small)
      answer = read_small(entry, bytes, range, out);
    else
      file_entry = entry;  // its file is read when the snapshot is over
  });
  if (!found) return note_trouble(fail(found.error())), false;
  if (!*found) return false;
  if (!file_entry.sums.empty()) answer = read_file(key, file_entry, range, out);
  if (answer != Answer::good) {
    if (answer == Answer::bad) corrupt_.add();
    drop({key});
    return false;
  }
  MutexLock lock(mutex_);
  if (touched_.size() < kTouchedMax) touched_.insert(key);
  return true;
}

LocalBlocks::Answer LocalBlocks::read_small(const BlockEntry& entry, std::string_view bytes, BlockRange range,
                                            char* out) const {
  if (bytes.size() != entry.length) return Answer::bad;
  for (std::size_t i = 0; i < entry.sums.size(); ++i)
    if (!entry.holds(i, bytes.substr(i * kChunkBytes, kChunkBytes))) return Answer::bad;
  std::memcpy(out, bytes.data() + range.offset, range.length);
  return Answer::good;
}

// Reads the chunks that the range touches: those that it holds whole in one go and in place, those at its
// edges by way of a scratch buffer, for a checksum needs the whole chunk.
LocalBlocks::Answer LocalBlocks::read_file(const BlockKey& key, const BlockEntry& entry, BlockRange range, char* out) {
  const auto file = store_.open(key);
  if (!file) return Answer::absent;
  const std::size_t end = std::size_t{range.offset} + range.length;
  std::string scratch;
  for (std::size_t index = range.offset / kChunkBytes; index * kChunkBytes < end;) {
    const std::size_t at = index * kChunkBytes;
    std::size_t last = index;  // behind the chunks that lie in the range whole
    while (at >= range.offset && last < entry.sums.size() && last * kChunkBytes + chunk_length(entry, last) <= end)
      ++last;
    const bool whole = last > index;
    const std::size_t length = whole ? std::min<std::size_t>(last * kChunkBytes, entry.length) - at
                                     : chunk_length(entry, index);
    if (!whole) scratch.resize(length);
    char* const to = whole ? out + (at - range.offset) : scratch.data();
    const auto got = (*file)->read(at, to, length);
    if (!got) return note_trouble(fail(got.error())), Answer::absent;
    if (*got != length) return Answer::bad;
    for (std::size_t i = index; i < (whole ? last : index + 1); ++i)
      if (!entry.holds(i, {to + (i - index) * kChunkBytes, chunk_length(entry, i)})) return Answer::bad;
    if (!whole) {
      const std::size_t from = std::max<std::size_t>(at, range.offset);
      const std::size_t to_end = std::min(at + length, end);
      std::memcpy(out + (from - range.offset), scratch.data() + (from - at), to_end - from);
    }
    index = whole ? last : index + 1;
  }
  return Answer::good;
}

bool LocalBlocks::has(const BlockKey& key, std::uint32_t block_length) const {
  return index_.has(key, block_length).value_or(false);
}

// ---- dropping

std::size_t LocalBlocks::drop(const std::vector<BlockKey>& keys) {
  const auto removed = index_.erase(keys);
  note_trouble(removed ? Status{} : Status(fail(removed.error())));
  if (!removed) return 0;
  for (const BlockIndex::Removed& block : *removed)
    if (!block.small) store_.remove(block.key);
  bytes_gauge_.set(static_cast<std::int64_t>(bytes()));
  return removed->size();
}

void LocalBlocks::forget(const Hash128& id) {
  if (const auto keys = index_.of_version(id); keys && !keys->empty()) drop(*keys);
}

void LocalBlocks::drop_all() {
  while (true) {
    const auto keys = index_.oldest(kDropBatch);
    if (!keys || keys->empty() || drop(*keys) == 0) return;
  }
}

// ---- on thread `evict`

void LocalBlocks::keep(const BlockKey& key, std::string_view bytes, bool small) {
  if (has(key, static_cast<std::uint32_t>(bytes.size()))) return;
  if (bytes.size() > bytes_max_ || !evict_to(bytes_max_ - bytes.size())) return;
  const auto write = [&]() -> Status {
    if (!store_.has_room(bytes.size())) return fail(Code::no_space, "the disk of the cache is full");
    return small ? Status{} : store_.write(key, bytes);
  };
  Status status = write();
  if (!status && status.error().code == Code::no_space) {
    const std::uint64_t held = index_.bytes();
    // The disk is fuller than our limit knows: give back some of what we hold, and try once more.
    evict_to(held - std::min<std::uint64_t>(held, 4 * bytes.size()));
    status = write();
  }
  crash_point("cache.after_block");
  if (status) {
    status = index_.put(key, BlockEntry::of(bytes, small), bytes);
    if (!status && !small) store_.remove(key);
  }
  {
    MutexLock lock(mutex_);
    trouble_ = status ? "" : status.error().message;
  }
  bytes_gauge_.set(static_cast<std::int64_t>(this->bytes()));
}

bool LocalBlocks::evict_to(std::uint64_t target) {
  if (bytes() <= target) return true;
  flush_touched();
  while (bytes() > target) {
    const auto keys = index_.oldest(kEvictBatch);
    if (!keys || keys->empty()) return false;
    // One at a time near the end, so as not to evict more than is asked for.
    std::size_t n = 0;
    while (n < keys->size() && bytes() > target && drop({(*keys)[n]}) == 1) ++n;
    evicted_.add(n);
    if (n == 0) return false;
  }
  return true;
}

bool LocalBlocks::has_touched() const {
  MutexLock lock(mutex_);
  return touched_.size() >= kTouchedEnough;
}

void LocalBlocks::flush_touched() {
  std::set<BlockKey> touched;
  {
    MutexLock lock(mutex_);
    touched.swap(touched_);
  }
  if (touched.empty()) return;
  note_trouble(index_.touch({touched.begin(), touched.end()}));
}

void LocalBlocks::sweep_orphans() {
  store_.sweep([this](const BlockKey& key) {
    const auto found = index_.find(key, [](const BlockEntry&, std::string_view) {});
    return !found || *found;
  });
}

void LocalBlocks::note_trouble(const Status& status) {
  if (status) return;
  MutexLock lock(mutex_);
  trouble_ = status.error().message;
}

std::string LocalBlocks::trouble() const {
  MutexLock lock(mutex_);
  return trouble_;
}

}  // namespace cd
