#include "fs/content.h"

#include <mutex>

namespace cd {
namespace {

// A staged file may be stored and dropped between the look at the record and the question for its bytes.
constexpr int kLooks = 4;

}  // namespace

Status Content::load(const MetaStore& meta, Namespace& names) {
  for (int look = 0; look < kLooks; ++look) {
    CD_TRY(auto entry, meta.entry(ino_));
    if (!entry || entry->record.whiteout) return fail(Code::stale, "the file is no longer in the tree");
    const MetaRecord& record = entry->record;
    attr_ = record.attr;
    if (record.staged) {
      auto staged = names.staged(record.staged);
      if (!staged && staged.error().code == Code::not_found) continue;
      if (!staged) return fail(staged.error());
      bytes_ = {std::move(*staged), std::nullopt};
    } else {
      bytes_ = {nullptr, record.remote};
    }
    loaded_ = true;
    return {};
  }
  return fail(Code::io, "the staged bytes of an open file are gone");
}

// Whoever unlinks the file from now on leaves the object to us until we close it.
void Content::announce(Namespace& names) {
  const bool stored = bytes_.version || (bytes_.staged && bytes_.staged->base());
  if (reading_ || closed_ || !stored) return;
  names.reader_opened(ino_);
  reading_ = true;
}

Status Content::open_reader(const MetaStore& meta, Namespace& names) {
  MutexLock lock(mutex_);
  if (!loaded_) CD_TRY_VOID(load(meta, names));
  announce(names);
  return {};
}

Status Content::open_writer(const MetaStore& meta, Namespace& names, bool truncate, bool& paired) {
  MutexLock lock(mutex_);
  auto staged = names.open_for_write(ino_, truncate);
  paired = staged.has_value();
  if (!staged) {
    const bool nameless = staged.error().code == Code::not_found;
    if (!nameless) return fail(staged.error());
    if (!bytes_.staged) return fail(Code::stale, "the file is no longer in the tree");
    if (truncate) CD_TRY_VOID(bytes_.staged->truncate(0));
  } else {
    bytes_ = {std::move(*staged), std::nullopt};
    if (const auto entry = meta.entry(ino_); entry && *entry) attr_ = (*entry)->record.attr;
  }
  loaded_ = true;
  announce(names);
  ++writers_;
  if (truncate) dirty_.store(true);
  return {};
}

Status Content::created(const MetaRecord& record, Namespace& names) {
  MutexLock lock(mutex_);
  CD_TRY(auto staged, names.staged(record.staged));
  bytes_ = {std::move(staged), std::nullopt};
  attr_ = record.attr;
  loaded_ = true;
  ++writers_;
  return {};
}

void Content::close_writer(Namespace& names, bool paired) {
  MutexLock lock(mutex_);
  --writers_;
  if (paired) names.close_for_write(ino_);
}

void Content::close_all(Namespace& names) {
  MutexLock lock(mutex_);
  if (reading_) names.reader_closed(ino_);
  reading_ = false;
  closed_ = true;
}

Status Content::reload(const MetaStore& meta, Namespace& names) {
  MutexLock lock(mutex_);
  CD_TRY_VOID(load(meta, names));
  announce(names);
  return {};
}

Content::Bytes Content::bytes() const {
  MutexLock lock(mutex_);
  return bytes_;
}

bool Content::renew(const MetaStore& meta, Namespace& names) {
  MutexLock lock(mutex_);
  if (writers_ > 0) return false;  // what they share is the newest there is
  const Bytes before = bytes_;
  if (!load(meta, names)) return false;
  if (bytes_.staged == before.staged && bytes_.version == before.version) return false;
  announce(names);
  return true;
}

Status Content::commit(const MetaStore& meta, Namespace& names) {
  const bool was_dirty = dirty_.exchange(false);
  Status done = names.commit(ino_);
  if (done) return done;
  if (const auto entry = meta.entry(ino_); entry && !*entry) return {};  // unlinked: nobody will look for it
  if (was_dirty) dirty_.store(true);
  return done;
}

void Content::overlay(Attributes& attr) const {
  MutexLock lock(mutex_);
  if (!bytes_.staged || (writers_ == 0 && !dirty_.load())) return;
  attr.size = bytes_.staged->size();
  if (dirty_.load()) attr.mtime_ns = attr.ctime_ns = bytes_.staged->modified_ns();
}

void Content::remember(const Attributes& attr) {
  MutexLock lock(mutex_);
  attr_ = attr;
}

Attributes Content::remembered() const {
  MutexLock lock(mutex_);
  Attributes attr = attr_;
  if (bytes_.staged) attr.size = bytes_.staged->size();
  return attr;
}

std::shared_ptr<Content> Contents::acquire(InodeId ino) {
  const std::unique_lock lock(mutex_);
  Slot& slot = slots_[ino];
  if (!slot.content) slot.content = std::make_shared<Content>(ino);
  ++slot.handles;
  count_.store(slots_.size());
  return slot.content;
}

void Contents::release(const std::shared_ptr<Content>& content, Namespace& names) {
  {
    const std::unique_lock lock(mutex_);
    const auto found = slots_.find(content->ino());
    if (found == slots_.end() || --found->second.handles > 0) return;
    slots_.erase(found);
    count_.store(slots_.size());
  }
  content->close_all(names);
}

std::shared_ptr<Content> Contents::find(InodeId ino) const {
  if (count_.load() == 0) return nullptr;
  const std::shared_lock lock(mutex_);
  const auto found = slots_.find(ino);
  return found == slots_.end() ? nullptr : found->second.content;
}

void Contents::overlay(InodeId ino, Attributes& attr) const {
  if (const auto content = find(ino)) content->overlay(attr);
}

}  // namespace cd
