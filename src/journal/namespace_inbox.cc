#include "journal/hard_links.h"
#include "journal/namespace_verbs.h"

namespace cd {

Status NamespaceVerbs::make_inbox() {
  const std::string& name = ledger_.options.inbox_name;
  CD_TRY_VOID(ledger_.meta.write([&](MetaStore::Writer& writer) -> Status {
    CD_TRY(const auto there, writer.lookup_raw(kRootInode, name));
    if (there && there->is_directory() && there->local_only && !there->whiteout) return {};
    MetaRecord record;
    record.ino = there && there->is_directory() ? there->ino : writer.new_inode();
    record.attr.type = NodeType::directory;
    record.attr.mode = 0755;
    record.attr.uid = ledger_.options.default_uid;
    record.attr.gid = ledger_.options.default_gid;
    record.attr.atime_ns = record.attr.mtime_ns = record.attr.ctime_ns = ledger_.now_wall();
    record.local_only = true;
    record.exact = true;
    return writer.put(kRootInode, name, std::move(record));
  }));
  CD_TRY(const auto made, ledger_.meta.lookup(kRootInode, name));
  if (!made) return fail(Code::io, "the inbox could not be made");
  inbox_ = made->ino;
  return {};
}

bool NamespaceVerbs::has_writer(InodeId ino) const {
  Ledger::Turn turn(ledger_);
  return ledger_.writing.contains(ino);
}

bool NamespaceVerbs::was_interrupted(InodeId ino) const {
  Ledger::Turn turn(ledger_);
  return ledger_.interrupted.contains(ino);
}

Result<MetaRecord> NamespaceVerbs::file_away(const Filing& filing) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const auto source, ledger_.meta.resolve(filing.inbox_path));
  if (!source) return fail(Code::not_found, filing.inbox_path + " is not there any more");
  if (source->record.is_directory()) return fail(Code::is_directory, filing.inbox_path + " is a folder");
  const std::string from = slot_of(filing.inbox_path, false);
  const IntentTable::Entry* entry = ledger_.table.find(from);
  if (entry == nullptr || !entry->intent.hold) return fail(Code::invalid, filing.inbox_path + " is not in the inbox");

  // The way there, as far as it exists.
  const std::string folder_path(parent_path(filing.destination));
  std::vector<std::string> appears{filing.destination};
  for (std::string up = folder_path; !up.empty(); up = parent_path(up)) {
    CD_TRY(const auto there, ledger_.meta.resolve(up));
    if (!there) appears.push_back(up);
    if (there && !there->record.is_directory()) return fail(Code::not_directory, up + " is not a folder");
    if (there && there->record.local_only) return fail(Code::invalid, "files are filed into the library, not the inbox");
  }
  CD_TRY(const auto there, ledger_.meta.resolve(filing.destination));
  const std::string name(base_name(filing.destination));
  CD_TRY_VOID(check_new_name(Folder{folder_path.empty() ? kRootInode : InodeId{}, folder_path, {}}, name));
  if (there && there->record.is_directory()) return fail(Code::is_directory, filing.destination + " is a folder");
  if (there && !filing.replace) return fail(Code::exists, filing.destination + " exists");

  const std::string to = slot_of(filing.destination, false);
  Change change;
  bool lives_on = false;
  if (there) {
    CD_TRY(lives_on, keep_by_other_name(ledger_, change, filing.destination, *there));
  }
  if (const auto* old = ledger_.table.find(to); old != nullptr && old->intent.staged && !lives_on)
    change.drops.push_back(old->intent.staged);
  Intent intent = entry->intent;
  const Believed now = ledger_.believed(to, there ? &there->record : nullptr);
  intent.expected = now.expected;
  intent.attempts = now.attempts;
  intent.hold = intent.unfinished = false;
  if (!filing.content_type.empty()) intent.content_type = filing.content_type;
  for (const auto& [label, value] : filing.labels) intent.metadata[label] = value;
  intent.tag = filing.tag;
  intent.since_wall_ns = ledger_.now_wall();
  change.slots[from] = std::nullopt;
  change.slots[to] = std::move(intent);
  // Folders on the way that were removed here, and are not yet in the bucket, are there again.
  std::vector<std::string> revived;
  for (std::string up = folder_path; !up.empty(); up = parent_path(up)) {
    const std::string slot = slot_of(up, true);
    const auto* removal = ledger_.table.find(slot);
    if (removal == nullptr || removal->intent.live()) continue;
    Intent marker = removal->intent;
    marker.kind = IntentKind::marker;
    change.slots[slot] = std::move(marker);
  }
  change.at_once = true;
  const std::int64_t now_ns = ledger_.now_wall();
  change.before.push_back([=, parent = source->parent, old_name = source->name,
                           revive = change.slots](MetaStore::Writer& w) -> Status {
    for (const auto& [slot, marker] : revive) {
      if (is_folder_slot(slot) && marker) CD_TRY_VOID(Ledger::apply(w, slot, *marker));
    }
    CD_TRY(const InodeId folder_ino, ensure_folder(w, folder_path, false));
    CD_TRY_VOID(touch_folder(w, parent, now_ns));
    CD_TRY_VOID(touch_folder(w, folder_ino, now_ns));
    return w.move(parent, old_name, folder_ino, name);
  });
  CD_TRY_VOID(ledger_.commit(change));
  ledger_.interrupted.erase(source->record.ino);
  for (const std::string& path : appears) {
    CD_TRY(const auto shown, ledger_.meta.resolve(path));
    if (shown) ledger_.tell_name(shown->parent, std::string(base_name(path)), {});
  }
  CD_TRY(auto filed, node(source->record.ino));
  return std::move(filed.record);
}

Result<bool> NamespaceVerbs::withdraw(const std::string& destination, const std::string& inbox_path) {
  Ledger::Turn turn(ledger_);
  const std::string from = slot_of(destination, false);
  const std::string to = slot_of(inbox_path, false);
  const IntentTable::Entry* entry = ledger_.table.find(from);
  if (entry == nullptr || entry->intent.kind != IntentKind::put || !entry->intent.staged) return false;
  CD_TRY(const auto source, ledger_.meta.resolve(destination));
  if (!source || source->record.links > 0) return false;
  CD_TRY(const auto there, ledger_.meta.resolve(inbox_path));
  if (there) return fail(Code::exists, inbox_path + " exists");
  CD_TRY(const auto inbox_entry, ledger_.meta.entry(inbox_));
  if (!inbox_entry || !inbox_path.starts_with(ledger_.options.inbox_name + "/"))
    return fail(Code::invalid, inbox_path + " is not below the inbox");

  Change change;
  Intent intent = entry->intent;
  const std::optional<RemoteVersion> replaced = intent.expected;
  // What was there before the filing stays. Only an upload of ours that got through is to be removed.
  if (intent.attempts.empty()) {
    change.slots[from] = std::nullopt;
  } else {
    Intent gone = intent;
    gone.kind = IntentKind::remove;
    gone.staged = {};
    gone.base.reset();
    gone.expected.reset();
    change.slots[from] = std::move(gone);
  }
  const bool uncover = replaced && intent.attempts.empty() && !replaced->etag.empty();
  intent.hold = true;
  intent.expected.reset();
  intent.attempts.clear();
  intent.tag.clear();
  intent.conflict_of.clear();
  change.slots[to] = std::move(intent);
  change.before.push_back([=, parent = source->parent, name = source->name](MetaStore::Writer& w) -> Status {
    CD_TRY(const InodeId folder_ino, ensure_folder(w, parent_path(inbox_path), false));
    CD_TRY_VOID(w.move(parent, name, folder_ino, base_name(inbox_path)));
    if (!uncover) return {};
    MetaRecord old;
    old.ino = w.new_inode();
    old.attr = source->record.attr;
    old.attr.size = replaced->size;
    old.remote = replaced;
    return w.put(parent, name, std::move(old));
  });
  CD_TRY_VOID(ledger_.commit(change));
  ledger_.tell_name(source->parent, source->name, {});
  return true;
}

}  // namespace cd
