#include "journal/namespace_verbs.h"

#include <algorithm>

#include "base/text.h"
#include "journal/hard_links.h"

namespace cd {
namespace {

constexpr std::size_t kNameBytesMax = 255;
constexpr std::uint32_t kLinksMax = 1'000;   // each is an object to be kept in step

}  // namespace

Intent new_intent(IntentKind kind, NodeType type, const NewNode& node, std::int64_t now_ns) {
  Intent intent;
  intent.kind = kind;
  intent.attr.type = type;
  intent.attr.mode = node.mode & 07777u;
  intent.attr.uid = node.uid;
  intent.attr.gid = node.gid;
  intent.attr.atime_ns = intent.attr.mtime_ns = intent.attr.ctime_ns = now_ns;
  intent.since_wall_ns = now_ns;
  return intent;
}

// ---- looking

Result<NamespaceVerbs::Folder> NamespaceVerbs::folder(InodeId ino) const {
  CD_TRY(auto entry, ledger_.meta.entry(ino));
  if (!entry || entry->record.whiteout) return fail(Code::not_found, "the folder is no longer in the tree");
  if (!entry->record.is_directory()) return fail(Code::not_directory, entry->name + " is not a folder");
  CD_TRY(std::string path, ledger_.meta.path_of(ino));
  return Folder{ino, std::move(path), std::move(entry->record)};
}

Status NamespaceVerbs::check_new_name(const Folder& folder, std::string_view name) const {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return fail(Code::invalid, "not a name: \"" + printable(name) + "\"");
  if (is_reserved_name(name))
    return fail(Code::invalid, "names that begin like this stand for odd keys of the bucket: \"" + printable(name) + "\"");
  if (!is_valid_utf8(name)) return fail(Code::invalid, "names are UTF-8; this is not: \"" + printable(name) + "\"");
  if (name.size() > kNameBytesMax) return fail(Code::name_too_long, "a name is longer than 255 bytes");
  if (name.starts_with("%2F"))  // stands for a key that cannot be a name (cache: odd keys)
    return fail(Code::permission, "names that begin with %2F are reserved");
  const auto& reserved = ledger_.options.reserved;
  if (folder.ino == kRootInode && std::find(reserved.begin(), reserved.end(), name) != reserved.end())
    return fail(Code::permission, std::string(name) + " is reserved");
  return {};
}

Status NamespaceVerbs::check_free(const Folder& folder, std::string_view name) const {
  CD_TRY_VOID(check_new_name(folder, name));
  CD_TRY(const auto there, ledger_.meta.lookup(folder.ino, name));
  if (there) return fail(Code::exists, join(folder.path, name) + " exists");
  return {};
}

Result<NamespaceVerbs::Node> NamespaceVerbs::find(const Folder& folder, std::string_view name) const {
  CD_TRY(auto record, ledger_.meta.lookup_raw(folder.ino, name));
  if (!record || record->whiteout) return fail(Code::not_found, join(folder.path, name) + " does not exist");
  return Node{folder.ino, std::string(name), join(folder.path, name), std::move(*record)};
}

Result<NamespaceVerbs::Node> NamespaceVerbs::node(InodeId ino) const {
  CD_TRY(auto entry, ledger_.meta.entry(ino));
  if (!entry || entry->record.whiteout) return fail(Code::not_found, "the file is no longer in the tree");
  CD_TRY(std::string path, ledger_.meta.path_of(ino));
  return Node{entry->parent, std::move(entry->name), std::move(path), std::move(entry->record)};
}

Status NamespaceVerbs::check_not_reserved(const Node& node) const {
  if (node.record.ino == inbox_) return fail(Code::permission, "the inbox stays where it is");
  return {};
}

Result<MetaRecord> NamespaceVerbs::record_at(InodeId parent, std::string_view name) const {
  CD_TRY(auto record, ledger_.meta.lookup(parent, name));
  if (!record) return fail(Code::not_found, std::string(name) + " is no longer in the tree");
  return std::move(*record);
}

// ---- making

Result<MetaRecord> NamespaceVerbs::add(const Folder& folder, std::string_view name, Intent intent, Change change) {
  const std::string slot = slot_of(join(folder.path, name), intent.attr.type == NodeType::directory);
  const std::string key_name(name);
  Believed now = ledger_.believed(slot, nullptr);
  ledger_.take_over_other(change, slot, now);
  intent.hold = folder.record.local_only;
  intent.expected = now.expected;
  intent.attempts = now.attempts;
  const std::int64_t now_ns = intent.since_wall_ns;
  const bool fresh_folder = intent.kind == IntentKind::marker && !intent.hold;
  change.slots[slot] = std::move(intent);
  change.after.push_back([=, parent = folder.ino](MetaStore::Writer& writer) -> Status {
    if (fresh_folder) {  // made here, so all that is in it is known
      CD_TRY(const auto made, writer.lookup_raw(parent, key_name));
      if (made) CD_TRY_VOID(writer.set_folder_state(made->ino, {now_ns, true}));
    }
    return touch_folder(writer, parent, now_ns);
  });
  CD_TRY_VOID(ledger_.commit(change));
  return record_at(folder.ino, name);
}

Result<MetaRecord> NamespaceVerbs::create(InodeId parent, std::string_view name, const NewNode& node) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY_VOID(check_free(in, name));
  CD_TRY(auto file, ledger_.area.create(std::nullopt));
  Intent intent = new_intent(IntentKind::put, NodeType::file, node, ledger_.now_wall());
  intent.staged = file->id();
  intent.unfinished = true;
  ledger_.written_now.insert(file->id());
  auto record = add(in, name, std::move(intent));
  if (!record) {
    ledger_.written_now.erase(file->id());
    ledger_.area.drop(file->id());
    return record;
  }
  ledger_.writing[record->ino] = {1, std::move(file), 0, true};
  return record;
}

Result<MetaRecord> NamespaceVerbs::make_directory(InodeId parent, std::string_view name, const NewNode& node) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY_VOID(check_free(in, name));
  return add(in, name, new_intent(IntentKind::marker, NodeType::directory, node, ledger_.now_wall()));
}

Result<MetaRecord> NamespaceVerbs::make_symlink(InodeId parent, std::string_view name, std::string_view target,
                                                const NewNode& node) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY_VOID(check_free(in, name));
  Intent intent = new_intent(IntentKind::put, NodeType::symlink, node, ledger_.now_wall());
  intent.attr.mode = 0777;
  intent.attr.size = target.size();
  intent.target = target;
  return add(in, name, std::move(intent));
}

Result<MetaRecord> NamespaceVerbs::make_special(InodeId parent, std::string_view name, const SpecialNode& what,
                                                const NewNode& node) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY_VOID(check_free(in, name));
  if (in.record.local_only) return fail(Code::unsupported, "the inbox takes files and folders, nothing else");
  Intent intent = new_intent(IntentKind::put, what.type, node, ledger_.now_wall());
  intent.attr.device = is_device(what.type) ? what.device : 0;
  return add(in, name, std::move(intent));
}

Result<MetaRecord> NamespaceVerbs::link(InodeId ino, InodeId parent, std::string_view name) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Node file, node(ino));
  CD_TRY(const Folder in, folder(parent));
  CD_TRY_VOID(check_free(in, name));
  if (file.record.is_directory()) return fail(Code::not_permitted, "a folder has one name");
  if (file.record.local_only || in.record.local_only)
    return fail(Code::unsupported, "no hard links in the inbox, nor between it and the library");
  if (file.record.links >= kLinksMax) return fail(Code::too_many_links, file.path + " has too many names");
  const bool waits = ledger_.table.find(file.slot()) != nullptr;
  if (!waits && !file.record.remote) return fail(Code::stale, file.path + " is neither staged nor in the bucket");
  Intent intent;
  describe(intent, file.record);
  intent.kind = waits ? IntentKind::link : IntentKind::copy;
  if (!waits) intent.source = file.record.remote;
  intent.link = file.path;
  intent.since_wall_ns = ledger_.now_wall();
  Change change;
  change.after.push_back([file = ino, now_ns = intent.since_wall_ns](MetaStore::Writer& w) {
    return note_change(w, file, now_ns);
  });
  return add(in, name, std::move(intent), std::move(change));
}

// ---- removing

Status NamespaceVerbs::keep_if_emptied(Change& change, const Folder& folder, std::string_view name) const {
  if (folder.ino == kRootInode || folder.record.local_only || folder.record.marker) return {};
  bool others = false;
  CD_TRY_VOID(ledger_.meta.list(folder.ino, "", [&](std::string_view entry, const MetaRecord&) {
    others = entry != name;
    return !others;
  }));
  if (others) return {};
  const std::string slot = slot_of(folder.path, true);
  const Believed now = ledger_.believed(slot, &folder.record);
  Intent intent;
  describe(intent, folder.record);
  intent.kind = IntentKind::marker;
  intent.expected = now.expected;
  intent.attempts = now.attempts;
  intent.since_wall_ns = ledger_.now_wall();
  change.slots[slot] = std::move(intent);
  return {};
}

Status NamespaceVerbs::unlink(InodeId parent, std::string_view name) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY(const Node node, find(in, name));
  if (node.record.is_directory()) return fail(Code::is_directory, node.path + " is a folder");
  const std::string slot = node.slot();
  Change change;
  CD_TRY(const bool lives_on, keep_by_other_name(ledger_, change, node.path, {parent, node.name, node.record}));
  if (!lives_on) {
    ledger_.want_gone(change, slot, ledger_.believed(slot, &node.record), node.record);
    change.before.push_back([=, at = node.name](MetaStore::Writer& w) { return w.erase(parent, at); });
  }
  ledger_.keep_hidden(change, node.path, node.record);
  CD_TRY_VOID(keep_if_emptied(change, in, name));
  const std::int64_t now_ns = ledger_.now_wall();
  change.after.push_back([=, file = node.file()](MetaStore::Writer& w) -> Status {
    CD_TRY_VOID(note_change(w, file, now_ns));
    return touch_folder(w, parent, now_ns);
  });
  const bool stays = change.slots[slot].has_value() && ledger_.reading.contains(node.record.ino);
  if (stays) ledger_.behind_reader[slot] = node.record.ino;
  Status done = ledger_.commit(change);
  if (!done && stays) ledger_.behind_reader.erase(slot);
  return done;
}

Status NamespaceVerbs::remove_directory(InodeId parent, std::string_view name) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY(const Node node, find(in, name));
  if (!node.record.is_directory()) return fail(Code::not_directory, node.path + " is not a folder");
  CD_TRY_VOID(check_not_reserved(node));
  CD_TRY(const bool empty, ledger_.meta.is_empty(node.record.ino));
  if (!empty) return fail(Code::not_empty, node.path + " is not empty");
  const std::string slot = node.slot();
  Change change;
  ledger_.want_gone(change, slot, ledger_.believed(slot, &node.record), node.record);
  CD_TRY_VOID(keep_if_emptied(change, in, name));
  const std::int64_t now_ns = ledger_.now_wall();
  if (!change.slots[slot]) {
    change.before.push_back([=, this, path = node.path, at = std::string(name)](MetaStore::Writer& w) -> Status {
      CD_TRY_VOID(w.erase(parent, at));
      return ledger_.hide_file_again(w, path);
    });
  }
  change.after.push_back([=](MetaStore::Writer& w) { return touch_folder(w, parent, now_ns); });
  return ledger_.commit(change);
}

// ---- attributes

Result<Intent> NamespaceVerbs::intent_for(const Node& node) const {
  const std::string slot = node.slot();
  const IntentTable::Entry* entry = ledger_.table.find(slot);
  if (entry != nullptr && entry->intent.live()) {
    Intent known = entry->intent;
    // Moved when LIST alone had told of it; what was learnt since, the tree has.
    if (!known.exact && node.record.exact) describe(known, node.record);
    return known;
  }
  Intent intent;
  describe(intent, node.record);
  const Believed now = ledger_.believed(slot, &node.record);
  intent.expected = now.expected;
  intent.attempts = now.attempts;
  intent.hold = node.record.local_only;
  intent.since_wall_ns = ledger_.now_wall();
  if (node.record.is_directory()) {
    intent.kind = IntentKind::marker;
    return intent;
  }
  if (!node.record.remote) return fail(Code::stale, node.path + " is neither staged nor in the bucket");
  intent.kind = IntentKind::copy;
  intent.source = node.record.remote;
  return intent;
}

Status NamespaceVerbs::change_node(const Node& node, const std::function<void(MetaRecord&)>& change_record,
                                   bool upload) {
  MetaRecord record = node.record;
  change_record(record);
  const bool rooted = node.record.ino == kRootInode || node.record.ino == inbox_;
  Change change;
  if (upload && !rooted) {
    CD_TRY(Intent intent, intent_for(node));
    describe(intent, record);
    intent.dirty = true;
    change.slots[node.slot()] = std::move(intent);
    CD_TRY_VOID(follow_file(ledger_, change, node.path, record));
    // A record keeps the later atime of its own and the intent's, and this one may have been set back.
    change.after.push_back([=](MetaStore::Writer& w) -> Status {
      CD_TRY(auto now, w.entry(node.record.ino));
      if (!now || now->record.attr.atime_ns == record.attr.atime_ns) return {};
      now->record.attr.atime_ns = record.attr.atime_ns;
      return w.put(now->parent, now->name, std::move(now->record));
    });
  } else {
    change.before.push_back([=](MetaStore::Writer& w) { return w.put(node.parent, node.name, record); });
  }
  return ledger_.commit(change);
}

Result<MetaRecord> NamespaceVerbs::set_attributes(InodeId ino, const AttributeChange& change) {
  Ledger::Turn turn(ledger_);
  if (const auto open = ledger_.writing.find(ino); open != ledger_.writing.end() && change.mtime_ns) {
    // The times that utimens sets stand until the next write, and what was written before it is noted now.
    (void)commit_locked(ino);
    open->second.seen_generation = open->second.file->generation();
  }
  CD_TRY(const Node it, node(ino));
  const std::int64_t now_ns = ledger_.now_wall();
  const auto apply = [&](MetaRecord& record) {
    record.attr.mode = change.mode.value_or(record.attr.mode) & 07777u;
    record.attr.uid = change.uid.value_or(record.attr.uid);
    record.attr.gid = change.gid.value_or(record.attr.gid);
    record.attr.atime_ns = change.atime_ns.value_or(record.attr.atime_ns);
    record.attr.mtime_ns = change.mtime_ns.value_or(record.attr.mtime_ns);
    record.attr.ctime_ns = now_ns;
    record.exact = true;
  };
  const bool upload = change.mode || change.uid || change.gid || change.mtime_ns;
  CD_TRY_VOID(change_node(it, apply, upload));
  CD_TRY(const Node now, node(ino));
  return now.record;
}

Status NamespaceVerbs::set_xattr(InodeId ino, std::string_view name, std::string_view value) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Node it, node(ino));
  const std::int64_t now_ns = ledger_.now_wall();
  return change_node(it, [&](MetaRecord& record) {
    record.xattrs[std::string(name)] = value;
    record.attr.ctime_ns = now_ns;
  }, true);
}

Status NamespaceVerbs::remove_xattr(InodeId ino, std::string_view name) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Node it, node(ino));
  if (!it.record.xattrs.contains(std::string(name)))
    return fail(Code::not_found, it.path + " has no attribute " + std::string(name));
  const std::int64_t now_ns = ledger_.now_wall();
  return change_node(it, [&](MetaRecord& record) {
    record.xattrs.erase(std::string(name));
    record.attr.ctime_ns = now_ns;
  }, true);
}

}  // namespace cd
