#include "journal/staging_area.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace cd {

namespace {

// What of `range` is no hole of the local file: holes read as zeros without us, and take no room.
void add_data(const DiskFile& file, Range range, RangeSet& out) {
  if (file.fd() < 0) return out.add(range);
  std::uint64_t at = range.offset;
  while (at < range.end()) {
    const off_t data = ::lseek(file.fd(), static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return;  // nothing but a hole behind here
    const off_t hole = data < 0 ? -1 : ::lseek(file.fd(), data, SEEK_HOLE);
    if (hole < 0) return out.add({at, range.end() - at});  // a file system that does not know
    const std::uint64_t first = std::min<std::uint64_t>(static_cast<std::uint64_t>(data), range.end());
    const std::uint64_t end = std::min<std::uint64_t>(static_cast<std::uint64_t>(hole), range.end());
    if (end > first) out.add({first, end - first});
    at = end;
  }
}

}  // namespace

StagingArea::StagingArea(Disk& disk, const Clock& clock, std::string directory, std::uint64_t bytes_max)
    : disk_(disk), clock_(clock), directory_(std::move(directory)), bytes_max_(bytes_max) {}

void StagingArea::attach(Log& log, std::function<bool()> moving) {
  log_ = &log;
  moving_ = std::move(moving);
}

std::string StagingArea::path_of(StagedId id) const {
  char name[24];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(id.value()));
  return directory_ + "/" + name;
}

std::shared_ptr<StagedBytes> StagingArea::find(StagedId id) const {
  MutexLock lock(mutex_);
  const auto it = files_.find(id);
  return it == files_.end() ? nullptr : it->second;
}

Result<std::shared_ptr<StagedFile>> StagingArea::create(std::optional<StagedBase> base) {
  StagedId id;
  {
    MutexLock lock(mutex_);
    id = StagedId(++last_id_);
  }
  auto bytes = std::make_shared<StagedBytes>(*this, id, path_of(id));
  CD_TRY(auto file, disk_.open(bytes->path, OpenMode::create_new));
  names_unsynced_ = true;
  if (base) {
    CD_TRY_VOID(file->truncate(base->limit));
    bytes->size = base->limit;
    MutexLock lock(bytes->logged_mutex);
    bytes->logged_limit = base->limit;
  }
  bytes->base = std::move(base);
  bytes->modified_ns = now_ns();
  auto shared = std::make_shared<StagedFileOnDisk>(bytes, std::move(file));
  MutexLock lock(mutex_);
  bytes->open = shared;
  files_[id] = std::move(bytes);
  return shared;
}

Result<std::shared_ptr<StagedFile>> StagingArea::open(StagedId id) {
  const std::shared_ptr<StagedBytes> bytes = find(id);
  if (!bytes) return fail(Code::not_found, "there is no such staged file");
  {
    MutexLock lock(mutex_);
    if (auto already = bytes->open.lock()) return already;
  }
  CD_TRY(auto file, disk_.open(bytes->path, OpenMode::write));
  auto shared = std::make_shared<StagedFileOnDisk>(bytes, std::move(file));
  MutexLock lock(mutex_);
  if (auto already = bytes->open.lock()) return already;  // somebody was faster
  bytes->open = shared;
  return shared;
}

void StagingArea::drop(StagedId id) {
  std::shared_ptr<StagedBytes> last;  // its destructor takes the lock again
  MutexLock lock(mutex_);
  const auto it = files_.find(id);
  if (it == files_.end()) return;
  last = std::move(it->second);
  files_.erase(it);
  last->dropped = true;
  dropping_.insert(id.value());
  std::erase(unsynced_, last);
  lock.unlock();
}

void StagingArea::remove_file(const StagedBytes& bytes) {
  release(bytes.ours.total());
  (void)disk_.remove(bytes.path);  // what stays behind is taken away at the next start: its drop is logged
  MutexLock lock(mutex_);
  dropping_.erase(bytes.id.value());
}

Status StagingArea::fill(StagedId id, std::string_view body, std::uint64_t generation) {
  const std::shared_ptr<StagedBytes> bytes = find(id);
  if (!bytes || !bytes->base) return {};
  CD_TRY(auto file, disk_.open(bytes->path, OpenMode::write));
  std::unique_lock lock(bytes->mutex);
  if (bytes->generation != generation || bytes->size != body.size()) return {};
  for (const Range& gap : bytes->ours.outside({0, std::min(bytes->base->limit, bytes->size)})) {
    CD_TRY_VOID(file->write(gap.offset, body.substr(gap.offset, gap.length)));
    {
      MutexLock logged(bytes->logged_mutex);
      bytes->logged.add(gap);
    }
    CD_TRY_VOID(log_range(id, gap));
    bytes->ours.add(gap);
    charge(gap.length);
  }
  if (!bytes->unsynced.exchange(true)) note_unsynced(bytes);
  return {};
}

void StagingArea::rebase(StagedId id, const RemoteVersion& version) {
  const std::shared_ptr<StagedBytes> bytes = find(id);
  if (!bytes) return;
  std::unique_lock lock(bytes->mutex);
  if (bytes->base) bytes->base->version = version;
}

Status StagingArea::restore(StagedId id, std::optional<StagedBase> base, const RangeSet& logged) {
  use_ids_above(id);
  auto bytes = std::make_shared<StagedBytes>(*this, id, path_of(id));
  CD_TRY(auto file, disk_.open(bytes->path, OpenMode::read));
  CD_TRY(bytes->size, file->size());
  if (base) {
    base->limit = std::min(base->limit, bytes->size);
    bytes->ours = logged;
    bytes->ours.truncate(base->limit);
    add_data(*file, {base->limit, bytes->size - base->limit}, bytes->ours);
    MutexLock lock(bytes->logged_mutex);
    bytes->logged = logged;
    bytes->logged_limit = base->limit;
  } else {
    add_data(*file, {0, bytes->size}, bytes->ours);
  }
  bytes->base = std::move(base);
  charge(bytes->ours.total());
  MutexLock lock(mutex_);
  files_[id] = std::move(bytes);
  return {};
}

void StagingArea::use_ids_above(StagedId id) {
  MutexLock lock(mutex_);
  last_id_ = std::max(last_id_, id.value());
}

Result<std::uint64_t> StagingArea::clear_rest(const std::unordered_set<std::uint64_t>& dropped,
                                              const std::string& orphans) {
  CD_TRY(const auto names, disk_.list(directory_));
  std::uint64_t moved = 0;
  for (const std::string& name : names) {
    const StagedId id(std::strtoull(name.c_str(), nullptr, 16));
    use_ids_above(id);
    const std::string path = directory_ + "/" + name;
    if (path == path_of(id) && find(id)) continue;
    if (path == path_of(id) && dropped.contains(id.value())) {
      CD_TRY_VOID(disk_.remove(path));
      continue;
    }
    CD_TRY_VOID(disk_.make_dirs(orphans));
    CD_TRY_VOID(disk_.rename(path, orphans + "/" + name));
    ++moved;
  }
  return moved;
}

std::optional<StagingArea::Summary> StagingArea::summary(StagedId id) const {
  const std::shared_ptr<StagedBytes> bytes = find(id);
  if (!bytes) return std::nullopt;
  std::shared_lock lock(bytes->mutex);
  Summary out;
  out.size = bytes->size;
  out.untouched = bytes->base && bytes->ours.empty() && bytes->base->limit == bytes->base->version.size &&
                  bytes->size == bytes->base->version.size;
  out.complete = !bytes->base || bytes->ours.covers({0, std::min(bytes->base->limit, bytes->size)});
  return out;
}

Status StagingArea::emit_live(const Log::Record& emit) const {
  std::vector<std::shared_ptr<StagedBytes>> all;
  std::vector<std::uint64_t> dropping;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, bytes] : files_) all.push_back(bytes);
    dropping.assign(dropping_.begin(), dropping_.end());
  }
  for (const std::uint64_t id : dropping) CD_TRY_VOID(emit(encode(DropRecord{StagedId(id)})));
  for (const auto& bytes : all) {
    std::vector<Range> ranges;
    std::optional<std::uint64_t> limit;
    {
      MutexLock lock(bytes->logged_mutex);
      ranges = bytes->logged.all();
      limit = bytes->logged_limit;
    }
    if (limit) CD_TRY_VOID(emit(encode(LimitRecord{bytes->id, *limit})));
    for (const Range& range : ranges) CD_TRY_VOID(emit(encode(RangeRecord{bytes->id, range})));
  }
  return {};
}

Status StagingArea::sync_written() {
  std::vector<std::shared_ptr<StagedBytes>> todo;
  {
    MutexLock lock(mutex_);
    todo.swap(unsynced_);
  }
  Status worst;
  for (const auto& bytes : todo) {
    if (bytes->dropped) continue;
    auto file = open(bytes->id);
    Status synced = file ? (*file)->sync() : Status{};
    if (!synced) worst = synced;
  }
  if (Status synced = sync_names(); !synced) worst = synced;
  return worst;
}

Status StagingArea::sync_names() {
  if (!names_unsynced_.exchange(false)) return {};
  Status synced = disk_.sync_dir(directory_);
  if (!synced) names_unsynced_ = true;
  return synced;
}

Status StagingArea::reserve(std::uint64_t bytes) {
  if (bytes == 0) return {};
  if (bytes_.fetch_add(bytes) + bytes <= bytes_max_) return {};
  bytes_ -= bytes;
  if (moving_ && moving_())
    return fail(Code::busy, "the staging area is full; the uploads under way make room");
  return fail(Code::no_space, "the staging area is full and no upload makes room");
}

Status StagingArea::log_range(StagedId id, Range range) {
  const std::string record = encode(RangeRecord{id, range});
  return log_->append({&record, 1});
}

Status StagingArea::log_limit(StagedId id, std::uint64_t limit) {
  const std::string record = encode(LimitRecord{id, limit});
  return log_->append({&record, 1});
}

void StagingArea::note_unsynced(const std::shared_ptr<StagedBytes>& bytes) {
  MutexLock lock(mutex_);
  if (!bytes->dropped) unsynced_.push_back(bytes);
}

}  // namespace cd
