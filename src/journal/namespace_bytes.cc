#include "journal/hard_links.h"
#include "journal/namespace_verbs.h"

namespace cd {

// ---- opening and closing

Result<std::shared_ptr<StagedFile>> NamespaceVerbs::open_locked(const Node& node, bool truncate) {
  if (node.record.is_directory()) return fail(Code::is_directory, node.path + " is a folder");
  if (node.record.attr.type != NodeType::file) return fail(Code::invalid, node.path + " is not a file");
  const InodeId ino = node.record.ino;
  if (const auto open = ledger_.writing.find(ino); open != ledger_.writing.end()) {
    if (truncate) CD_TRY_VOID(open->second.file->truncate(0));
    ++open->second.count;
    return open->second.file;
  }
  CD_TRY(Intent intent, intent_for(node));
  std::shared_ptr<StagedFile> file;
  const bool fresh = !intent.staged;
  if (fresh) {
    const std::optional<RemoteVersion> source =
        intent.kind == IntentKind::copy ? std::optional<RemoteVersion>(intent.source) : node.record.remote;
    std::optional<StagedBase> base;
    if (!truncate && source && source->size > 0) base = StagedBase{*source, source->size};
    CD_TRY(file, ledger_.area.create(base));
    intent.kind = IntentKind::put;
    intent.base = base;
    intent.source.reset();
    intent.staged = file->id();
    if (truncate) {
      intent.attr.size = 0;
      intent.attr.mtime_ns = intent.attr.ctime_ns = ledger_.now_wall();
    }
  } else {
    CD_TRY(file, ledger_.area.open(intent.staged));
  }
  intent.unfinished = true;
  ledger_.written_now.insert(file->id());
  Change change;
  change.slots[node.slot()] = intent;
  CD_TRY_VOID(follow_file(ledger_, change, node.path, node.record));
  if (Status opened = ledger_.commit(change); !opened) {
    ledger_.written_now.erase(file->id());
    if (fresh) ledger_.area.drop(file->id());
    return fail(opened.error());
  }
  Ledger::Writing writing{1, file, file->generation(), fresh && truncate};
  if (!fresh && truncate) {
    if (Status cut = file->truncate(0); !cut) {
      ledger_.writing[ino] = std::move(writing);
      close_locked(ino);
      return fail(cut.error());
    }
  }
  ledger_.writing[ino] = std::move(writing);
  ledger_.interrupted.erase(ino);
  return file;
}

Result<std::shared_ptr<StagedFile>> NamespaceVerbs::open_for_write(InodeId ino, bool truncate) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Node it, node(ino));
  return open_locked(it, truncate);
}

// The intent, and with it MetaStore, comes to agree with the staged file.
Status NamespaceVerbs::commit_locked(InodeId ino) {
  const auto open = ledger_.writing.find(ino);
  const auto there = node(ino);
  if (!there) return there.error().code == Code::not_found ? Status{} : fail(there.error());  // unlinked: nobody's
  const std::string slot = there->slot();
  const IntentTable::Entry* entry = ledger_.table.find(slot);
  if (entry == nullptr || !entry->intent.staged) return {};
  Intent intent = entry->intent;
  if (open != ledger_.writing.end()) {
    const StagedFile& file = *open->second.file;
    const std::uint64_t generation = file.generation();
    const StagedFile::Content content = file.content();
    const bool written = generation != open->second.seen_generation;
    if (written || !content.hash.empty()) intent.content = content.hash;
    if (written) {
      intent.attr.mtime_ns = intent.attr.ctime_ns = file.modified_ns();
      open->second.seen_generation = generation;
      open->second.touched = true;
    }
    intent.attr.size = content.size;
  }
  intent.unfinished = false;
  ledger_.interrupted.erase(ino);
  if (intent == entry->intent) return {};
  Change change;
  change.slots[slot] = std::move(intent);
  CD_TRY_VOID(follow_file(ledger_, change, there->path, there->record));
  return ledger_.commit(change);
}

Status NamespaceVerbs::commit(InodeId ino) {
  Ledger::Turn turn(ledger_);
  return commit_locked(ino);
}

// Opened for writing and closed as it was: back to the stored version, without an upload of its bytes.
Status NamespaceVerbs::give_back_untouched(const Node& node, const Intent& intent) {
  const std::string slot = node.slot();
  const RemoteVersion& version = intent.base->version;
  Change change;
  change.drops.push_back(intent.staged);
  Intent back = intent;
  back.kind = IntentKind::copy;
  back.staged = {};
  back.content = {};
  back.base.reset();
  back.source = version;
  back.unfinished = false;
  back.attr.size = version.size;
  const bool stored = !back.dirty && back.attempts.empty() && back.expected && back.expected->etag == version.etag &&
                      version.key == key_of_slot(slot) && !ledger_.folder_going(node.path);
  if (!stored) {
    change.slots[slot] = std::move(back);
    return ledger_.commit(change);
  }
  change.slots[slot] = std::nullopt;
  settle_links(ledger_, change, node.path, back, version);
  MetaRecord record = record_of(back, node.record);
  record.pending = false;
  change.after.push_back([=](MetaStore::Writer& w) { return w.put(node.parent, node.name, record); });
  return ledger_.commit(change);
}

void NamespaceVerbs::close_locked(InodeId ino) {
  const auto open = ledger_.writing.find(ino);
  if (open == ledger_.writing.end() || --open->second.count > 0) return;
  (void)commit_locked(ino);  // what could not be logged stays as recovery would find it: size and ranges are known
  const StagedId id = open->second.file->id();
  const bool touched = open->second.touched;
  ledger_.writing.erase(ino);
  ledger_.written_now.erase(id);
  const auto there = node(ino);
  if (!there) return;
  const std::string slot = there->slot();
  const IntentTable::Entry* entry = ledger_.table.find(slot);
  if (entry == nullptr || entry->intent.staged != id) return;
  if (entry->intent.hold) ledger_.tell_inbox();
  const auto summary = ledger_.area.summary(id);
  if (!touched && summary && summary->untouched) {
    const Intent intent = entry->intent;
    if (give_back_untouched(*there, intent)) return;
  }
  ledger_.requeue(slot);
}

void NamespaceVerbs::close_for_write(InodeId ino) {
  Ledger::Turn turn(ledger_);
  close_locked(ino);
}

Result<std::shared_ptr<StagedFile>> NamespaceVerbs::staged(StagedId id) { return ledger_.area.open(id); }

Status NamespaceVerbs::truncate(InodeId ino, std::uint64_t size) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Node it, node(ino));
  CD_TRY(const auto file, open_locked(it, size == 0));
  Status cut = file->size() == size && size == 0 ? Status{} : file->truncate(size);
  if (cut) cut = commit_locked(ino);
  close_locked(ino);
  return cut;
}

Status NamespaceVerbs::sync(InodeId ino) {
  {
    Ledger::Turn turn(ledger_);
    CD_TRY_VOID(commit_locked(ino));
  }
  return ledger_.sync_all();  // no lock of the tree is held across the device
}

// ---- objects that are no files of the tree

Status NamespaceVerbs::put_object(const std::string& path, std::string_view bytes, const std::string& content_type,
                                  const std::string& tag) {
  CD_TRY(const auto file, ledger_.area.create(std::nullopt));
  if (Status written = file->write(0, bytes); !written) {
    ledger_.area.drop(file->id());
    return written;
  }
  Ledger::Turn turn(ledger_);
  const NewNode owner{0644, ledger_.options.default_uid, ledger_.options.default_gid};
  Intent intent = new_intent(IntentKind::put, NodeType::file, owner, ledger_.now_wall());
  intent.bare = true;
  intent.staged = file->id();
  intent.content = file->content().hash;
  intent.attr.size = bytes.size();
  intent.content_type = content_type;
  intent.tag = tag;
  intent.expected = RemoteVersion{key_of_slot(path), "", 0, {}};  // whatever is there
  Change change;
  if (const auto* before = ledger_.table.find(path); before != nullptr && before->intent.staged)
    change.drops.push_back(before->intent.staged);
  change.slots[path] = std::move(intent);
  change.at_once = true;
  Status done = ledger_.commit(change);
  if (!done) ledger_.area.drop(file->id());
  return done;
}

// ---- readers

void NamespaceVerbs::reader_opened(InodeId ino) {
  Ledger::Turn turn(ledger_);
  ++ledger_.reading[ino];
}

void NamespaceVerbs::reader_closed(InodeId ino) {
  Ledger::Turn turn(ledger_);
  const auto it = ledger_.reading.find(ino);
  if (it == ledger_.reading.end() || --it->second > 0) return;
  ledger_.reading.erase(it);
  for (auto behind = ledger_.behind_reader.begin(); behind != ledger_.behind_reader.end();) {
    if (behind->second != ino) {
      ++behind;
      continue;
    }
    const std::string slot = behind->first;
    behind = ledger_.behind_reader.erase(behind);
    ledger_.requeue(slot);
  }
}

}  // namespace cd
