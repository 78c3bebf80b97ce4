#include "cache/exact_filler.h"

#include "cache/key_path.h"

namespace cd {
namespace {

constexpr std::uint64_t kTargetMax = 4096;  // PATH_MAX

// Ours, or as good as it gets: the bucket has nothing to add. What waits to be copied has its attributes where its
// bytes are.
bool is_settled(const MetaRecord& r) {
  return r.exact || r.staged || r.local_only || r.is_directory() || !r.remote;
}

}  // namespace

void ExactFiller::fill(InodeId file, Done<MetaRecord> done) {
  auto entry = meta_.entry(file);
  if (!entry) return done(fail(entry.error()));
  if (!*entry) return done(fail(Code::not_found, "the file is no longer in the tree"));
  if (is_settled((*entry)->record)) return done((*entry)->record);
  {
    MutexLock lock(mutex_);
    Waiters& waiters = waiting_[file];
    waiters.push_back(std::move(done));
    if (waiters.size() > 1) return;
  }
  ask_head(**entry);
}

void ExactFiller::ask_head(const MetaEntry& entry) {
  if (!calls_.begin()) return end(entry.record.ino, fail(Code::cancelled, "the drive is going away"));
  ++asked_;
  heads_.add();
  CallOptions options;
  options.deadline = options_.list_deadline;
  options.cancel = calls_.token();
  store_.head(entry.record.remote->key, std::move(options), [this, entry](Result<ObjectHead> head) {
    take_head(entry, std::move(head));
    calls_.end();
  });
}

void ExactFiller::take_head(const MetaEntry& asked, Result<ObjectHead> head) {
  if (!head) {
    const bool gone = head.error().code == Code::not_found;
    if (gone && asked.record.pending) return ask_again(asked);
    if (gone) return remove(asked, head.error());
    return end(asked.record.ino, fail(std::move(head).error()));
  }
  MetaRecord probe;
  apply_metadata(*head, probe);
  if (probe.attr.type == NodeType::symlink && head->info.size <= kTargetMax)
    return ask_target(asked, std::move(*head));
  finish(asked, *head, "");
}

// What was to be copied may have been copied, and its source removed, while it was asked for.
void ExactFiller::ask_again(const MetaEntry& asked) {
  const InodeId ino = asked.record.ino;
  auto now = meta_.entry(ino);
  if (!now) return end(ino, fail(now.error()));
  if (!*now) return end(ino, fail(Code::not_found, "the file is no longer in the tree"));
  if (is_settled((*now)->record) || (*now)->record.remote == asked.record.remote) return end(ino, (*now)->record);
  ask_head(**now);
}

void ExactFiller::ask_target(const MetaEntry& asked, ObjectHead head) {
  if (!calls_.begin()) return end(asked.record.ino, fail(Code::cancelled, "the drive is going away"));
  GetRequest request;
  request.key = head.info.key;
  request.if_match = head.info.etag;
  CallOptions options;
  options.deadline = options_.list_deadline;
  options.cancel = calls_.token();
  store_.get(std::move(request), std::move(options), [this, asked, head](Result<GetReply> reply) {
    if (reply)
      finish(asked, head, *reply->body);
    else
      end(asked.record.ino, fail(std::move(reply).error()));
    calls_.end();
  });
}

void ExactFiller::finish(const MetaEntry& asked, const ObjectHead& head, std::string target) {
  Change change;
  const Result<MetaRecord> answer = merge(asked, head, target, change);
  if (answer) tell(change, asked.record.ino);
  end(asked.record.ino, answer);
}

void ExactFiller::tell(const Change& change, InodeId file) const {
  if (observer_ == nullptr) return;
  if (change.name_changed)
    observer_->name_changed(change.before.parent, change.before.name, file);
  else if (change.attributes_changed)
    observer_->attributes_changed(file);
}

// Where the tree shows a key. A file that was renamed here since is not found, and asked for by HEAD one day.
Result<std::optional<MetaEntry>> ExactFiller::find(const std::string& key) const {
  InodeId parent = kRootInode;
  std::string_view rest = key;
  for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const auto name = name_of_part(rest.substr(0, slash));
    if (!name) return std::optional<MetaEntry>{};
    CD_TRY(const auto folder, meta_.lookup(parent, *name));
    if (!folder || !folder->is_directory()) return std::optional<MetaEntry>{};
    parent = folder->ino;
    rest.remove_prefix(slash + 1);
  }
  for (const auto& name : {name_of_part(rest), twin_name(rest)}) {
    if (!name) continue;
    CD_TRY(auto file, meta_.lookup(parent, *name));
    if (file && file->remote && file->remote->key == key) return std::optional(MetaEntry{parent, *name, std::move(*file)});
  }
  return std::optional<MetaEntry>{};
}

void ExactFiller::learn(const RemoteVersion& version, const ObjectHead& head) {
  const auto found = find(version.key);
  if (!found || !*found) return;
  const MetaRecord& record = (*found)->record;
  if (is_settled(record) || record.pending || record.remote != version) return;
  MetaRecord probe;
  apply_metadata(head, probe);
  if (probe.attr.type != NodeType::file) return;  // its target is still to be fetched
  Change change;
  if (merge(**found, head, "", change)) tell(change, record.ino);
}

Result<MetaRecord> ExactFiller::merge(const MetaEntry& asked, const ObjectHead& head, const std::string& target,
                                      Change& change) {
  MetaRecord record;
  bool gone = false;
  const Status status = meta_.write([&](MetaStore::Writer& w) -> Status {
    change = {};
    CD_TRY(auto now, w.entry(asked.record.ino));
    gone = !now || now->record.whiteout;
    if (gone) return {};
    record = now->record;
    change.before = *now;
    // Somebody was quicker; what they wrote is newer than the answer.
    if (is_settled(record) || record.remote != asked.record.remote) return {};
    const bool same = record.remote->etag == head.info.etag && record.remote->size == head.info.size;
    if (!same && record.pending) return {};  // the uploader sees to what others did with its source
    if (!same) {
      record.remote->etag = head.info.etag;
      record.remote->size = record.attr.size = head.info.size;
      record.remote->cache_id = RemoteVersion::make_cache_id(record.remote->key, head.info.etag, head.info.size);
    }
    const NodeType type = record.attr.type;
    Metadata reported;  // labels that a report told of these bytes: the object needs not carry them
    if (same) reported.swap(record.metadata);
    apply_metadata(head, record);
    record.metadata.merge(reported);
    if (record.attr.type == NodeType::symlink) {
      record.target = symlink_target(target);
      record.attr.size = record.target.size();
    }
    change.name_changed = !same || type != record.attr.type;
    change.attributes_changed = !(record.attr == now->record.attr);
    if (change.name_changed) record.ino = w.new_inode();
    return w.put(now->parent, now->name, record);
  });
  if (!status) return fail(status.error());
  if (gone) return fail(Code::not_found, "the file is no longer in the tree");
  if (auto fresh = meta_.entry(record.ino); fresh && *fresh) return (*fresh)->record;
  return record;
}

// The store says that there is no such object any more.
void ExactFiller::remove(const MetaEntry& asked, const Error& error) {
  MetaEntry before;
  const Status status = meta_.write([&](MetaStore::Writer& w) -> Status {
    before = {};
    CD_TRY(auto now, w.entry(asked.record.ino));
    if (!now || now->record.whiteout || now->record.pending || is_settled(now->record) ||
        now->record.remote != asked.record.remote)
      return {};
    before = *now;
    return w.erase(now->parent, now->name);
  });
  if (status && before.parent && observer_ != nullptr)
    observer_->name_changed(before.parent, before.name, asked.record.ino);
  end(asked.record.ino, fail(error));
}

void ExactFiller::end(InodeId file, const Result<MetaRecord>& answer) {
  Waiters waiters;
  {
    MutexLock lock(mutex_);
    const auto at = waiting_.find(file);
    waiters.swap(at->second);
    waiting_.erase(at);
  }
  for (const Done<MetaRecord>& done : waiters) done(answer);
}

}  // namespace cd
