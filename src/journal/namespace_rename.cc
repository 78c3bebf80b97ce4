// rename(2): every slot below the old name becomes one below the new name, in one frame.
//
// The bytes of a stored file stay where they are until the uploader has copied them, so its intent is a copy from
// the key that really holds them; a chain of renames keeps that key. A file that was never stored only moves.
#include <algorithm>

#include "journal/hard_links.h"
#include "journal/namespace_verbs.h"

namespace cd {
namespace {

constexpr const char* kAside = "\x01rename";  // a name for the length of one transaction

bool below(const std::string& path, const std::string& folder) { return path.starts_with(folder + "/"); }

// What is hidden below a folder that moves stays with its old name: it is put back by the removes of the change.
Status forget_whiteouts(MetaStore::Writer& writer, InodeId folder) {
  std::vector<std::string> hidden;
  std::vector<InodeId> folders;
  CD_TRY_VOID(writer.list(folder, [&](std::string_view name, const MetaRecord& record) {
    if (record.whiteout) {
      hidden.emplace_back(name);
    } else if (record.is_directory()) {
      folders.push_back(record.ino);
    }
    return true;
  }, true));
  for (const std::string& name : hidden) CD_TRY_VOID(writer.erase(folder, name));
  for (const InodeId inner : folders) CD_TRY_VOID(forget_whiteouts(writer, inner));
  return {};
}

// `moving` comes to lie under a name that hides something: it takes over what is hidden.
Status take_over_hidden(MetaStore::Writer& writer, InodeId parent, const std::string& name, InodeId moving) {
  CD_TRY(const auto there, writer.lookup_raw(parent, name));
  if (!there || !there->whiteout || !there->is_directory()) return {};
  CD_TRY(const auto mover, writer.entry(moving));
  if (!mover || !mover->record.is_directory()) return {};
  return adopt_whiteouts(writer, there->ino, moving);
}

}  // namespace

Status NamespaceVerbs::check_rename(const Node& from, const Folder& to, const std::optional<Node>& target,
                                    RenameMode mode) const {
  CD_TRY_VOID(check_not_reserved(from));
  if (target) CD_TRY_VOID(check_not_reserved(*target));
  if (from.record.local_only != to.record.local_only)
    return fail(Code::unsupported, "a rename between inbox and library is a copy");
  if (from.record.is_directory() && (to.path == from.path || below(to.path, from.path)))
    return fail(Code::invalid, from.path + " cannot move into itself");
  if (mode == RenameMode::exchange) {
    if (!target) return fail(Code::not_found, "there is nothing to exchange with");
    if (below(from.path, target->path)) return fail(Code::invalid, "a folder cannot change places with its own content");
    if (is_reserved_name(from.name))
      return fail(Code::invalid, from.path + " stands for an odd key, and nothing else can take its place");
    return {};
  }
  if (!target) return {};
  if (mode == RenameMode::no_replace) return fail(Code::exists, target->path + " exists");
  if (from.record.is_directory() && !target->record.is_directory())
    return fail(Code::not_directory, target->path + " is not a folder");
  if (!from.record.is_directory() && target->record.is_directory())
    return fail(Code::is_directory, target->path + " is a folder");
  if (target->record.is_directory()) {
    CD_TRY(const bool empty, ledger_.meta.is_empty(target->record.ino));
    if (!empty) return fail(Code::not_empty, target->path + " is not empty");
  }
  return {};
}

Status NamespaceVerbs::collect(const Node& node, const std::string& to, std::vector<Moved>& moved) const {
  std::vector<Moved> todo{{node.path, to, node.record}};
  while (!todo.empty()) {
    Moved here = std::move(todo.back());
    todo.pop_back();
    if (moved.size() >= ledger_.options.rename_entries_max)
      return fail(Code::too_large, node.path + " has too many entries to be renamed at once");
    if (here.record.is_directory()) {
      CD_TRY_VOID(ledger_.meta.list(here.record.ino, "", [&](std::string_view name, const MetaRecord& record) {
        const std::string tail = "/" + std::string(name);
        todo.push_back({here.from + tail, here.to + tail, record});
        return true;
      }));
    }
    moved.push_back(std::move(here));
  }
  return {};
}

// What the new name has to become; empty for a folder that only its content implies.
std::optional<Intent> NamespaceVerbs::content_of(const Moved& moved) const {
  const bool folder = moved.record.is_directory();
  const IntentTable::Entry* entry = ledger_.table.find(slot_of(moved.from, folder));
  Intent intent;
  if (entry != nullptr && entry->intent.live()) {
    intent = entry->intent;
    describe(intent, moved.record);
    intent.expected.reset();
    intent.attempts.clear();
    return intent;
  }
  if (folder && !moved.record.marker) return std::nullopt;
  describe(intent, moved.record);
  intent.kind = folder ? IntentKind::marker : IntentKind::copy;
  intent.hold = moved.record.local_only;
  intent.source = folder ? std::nullopt : moved.record.remote;
  if (moved.record.link_of) intent.link = ledger_.meta.path_of(moved.record.link_of).value_or("");
  intent.since_wall_ns = ledger_.now_wall();
  if (!folder && !intent.source) return std::nullopt;
  return intent;
}

Status NamespaceVerbs::plan_move(Change& change, const std::vector<Moved>& moved) const {
  std::vector<const Moved*> home;  // back where its bytes lie in the bucket
  for (const Moved& m : moved) {
    const std::string slot = slot_of(m.to, m.record.is_directory());
    std::optional<Intent> intent = content_of(m);
    if (!intent) continue;
    CD_TRY(const auto there, ledger_.meta.resolve(m.to));
    Believed now = ledger_.believed(slot, there ? &there->record : nullptr);
    if (other_slot(slot) == m.from) {  // the same key under its other name
      now = ledger_.believed(m.from, &m.record);
      change.slots[m.from] = std::nullopt;
    } else {
      ledger_.take_over_other(change, slot, now);
    }
    intent->expected = now.expected;
    intent->attempts = now.attempts;
    if (intent->kind == IntentKind::copy && !intent->dirty && now.attempts.empty() && now.expected &&
        intent->source->key == key_of_slot(slot) && now.expected->etag == intent->source->etag)
      home.push_back(&m);
    change.slots[slot] = std::move(intent);
  }
  for (const Moved& m : moved) {
    const std::string slot = slot_of(m.from, m.record.is_directory());
    if (change.slots.contains(slot)) continue;
    const std::vector<StagedId> drops = change.drops;
    ledger_.want_gone(change, slot, ledger_.believed(slot, &m.record), m.record);
    change.drops = drops;  // its bytes live on under the new name
  }
  for (const Moved* m : home) come_home(change, *m);
  std::map<std::string, std::string> files;
  for (const Moved& m : moved) {
    if (m.record.links == 0) continue;
    files[m.from] = m.to;
    if (!change.slots[m.to]) settle_links(ledger_, change, m.from, *content_of(m), *m.record.remote);
  }
  redirect_links(ledger_, change, files);
  return {};
}

// Nothing is to be done there: it is stored as it should be. But what is still being removed below its name would be taken
// for a folder, were the cache lost; then the intent says that there is a file.
void NamespaceVerbs::come_home(Change& change, const Moved& moved) const {
  const std::string below = slot_of(moved.to, true);
  const auto next = change.slots.lower_bound(below);
  const bool going = next != change.slots.end() && next->first.starts_with(below);
  if (going || ledger_.folder_going(moved.to)) return;
  MetaRecord record = record_of(*change.slots[moved.to], moved.record);
  record.pending = false;
  change.slots[moved.to] = std::nullopt;
  change.after.push_back([path = moved.to, record](MetaStore::Writer& writer) -> Status {
    CD_TRY(const auto there, writer.resolve_raw(path));
    if (!there) return {};
    return writer.put(there->parent, there->name, record);
  });
}

Status NamespaceVerbs::rename(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name,
                              RenameMode mode) {
  Ledger::Turn turn(ledger_);
  CD_TRY(const Folder in, folder(parent));
  CD_TRY(const Folder to, folder(new_parent));
  CD_TRY(const Node from, find(in, name));
  CD_TRY_VOID(check_new_name(to, new_name));
  const std::string new_path = slot_of(to.path, !to.path.empty()) + std::string(new_name);
  if (new_path == from.path) return mode == RenameMode::no_replace ? fail(Code::exists, "the name exists") : Status{};
  std::optional<Node> target;
  if (auto there = find(to, new_name)) target = std::move(*there);
  if (target && target->file() == from.file() && mode != RenameMode::no_replace) return {};  // two names of one file
  CD_TRY_VOID(check_rename(from, to, target, mode));

  const std::int64_t now_ns = ledger_.now_wall();
  std::vector<Moved> moved;
  CD_TRY_VOID(collect(from, new_path, moved));
  moved.front().record.attr.ctime_ns = now_ns;
  if (mode == RenameMode::exchange) {
    const std::size_t first = moved.size();
    CD_TRY_VOID(collect(*target, from.path, moved));
    moved[first].record.attr.ctime_ns = now_ns;
  }
  // A folder that took the place of one with a marker has that marker.
  if (target && mode != RenameMode::exchange && target->record.is_directory() && target->record.marker)
    moved.front().record.marker = true;

  Change change;
  if (target && mode != RenameMode::exchange) {
    const MetaEntry gone{target->parent, target->name, target->record};
    CD_TRY(const bool lives_on, keep_by_other_name(ledger_, change, target->path, gone));
    if (const auto* entry = ledger_.table.find(target->slot()); entry != nullptr && entry->intent.staged && !lives_on)
      change.drops.push_back(entry->intent.staged);
  }
  CD_TRY_VOID(plan_move(change, moved));
  // Removals that were under way below a moving folder, or below the name that it takes, keep their places; they are
  // hidden anew there.
  for (const Moved& m : moved) {
    if (!m.record.is_directory() || m.record.local_only) continue;
    bool hides = false;
    for (const bool there : {false, true}) {
      for (const std::string& slot : ledger_.table.at_or_below(there ? m.to : m.from)) {
        const Intent& intent = ledger_.table.find(slot)->intent;
        if (there && is_folder_slot(slot)) continue;  // a folder has come; what it did not cover it has taken over
        if (intent.kind == IntentKind::remove && !change.slots.contains(slot)) change.slots[slot] = intent;
      }
    }
    const std::string slot = slot_of(m.from, true);
    const auto next = change.slots.upper_bound(slot);
    for (auto it = next; it != change.slots.end() && it->first.starts_with(slot); ++it)
      hides = hides || (it->second && !it->second->live());
    if (hides && mode != RenameMode::exchange && !change.slots[slot]) {
      Intent gone;
      describe(gone, m.record);
      gone.kind = IntentKind::remove;
      gone.since_wall_ns = ledger_.now_wall();
      change.slots[slot] = std::move(gone);
    }
  }
  if (mode != RenameMode::exchange) ledger_.keep_hidden(change, from.path, from.record);
  if (mode != RenameMode::exchange) CD_TRY_VOID(keep_if_emptied(change, in, name));

  const InodeId moving = from.record.ino;
  const std::optional<InodeId> other = target ? std::optional(target->record.ino) : std::nullopt;
  const bool exchange = mode == RenameMode::exchange;
  const bool folders = from.record.is_directory();
  change.before.push_back([=, old_name = std::string(name), next_name = std::string(new_name)](
                              MetaStore::Writer& w) -> Status {
    CD_TRY_VOID(w.move(parent, old_name, parent, kAside));
    if (exchange) CD_TRY_VOID(w.move(new_parent, next_name, parent, old_name));
    if (folders) CD_TRY_VOID(forget_whiteouts(w, moving));
    if (exchange) CD_TRY_VOID(forget_whiteouts(w, *other));
    CD_TRY_VOID(take_over_hidden(w, new_parent, next_name, moving));
    return w.move(parent, kAside, new_parent, next_name);
  });
  change.after.push_back([=, moved_file = from.file(), other_file = target ? target->file() : InodeId{}](
                             MetaStore::Writer& w) -> Status {
    CD_TRY_VOID(note_change(w, moved_file, now_ns));
    CD_TRY_VOID(note_change(w, other_file, now_ns));  // of a replaced one, if it has other names
    CD_TRY_VOID(touch_folder(w, parent, now_ns));
    return touch_folder(w, new_parent, now_ns);
  });
  // A file that is open for reading is pinned to its old key: that goes when it is closed.
  std::vector<std::string> held;
  for (const Moved& m : moved) {
    const auto gone = change.slots.find(m.from);
    if (m.record.is_directory() || !ledger_.reading.contains(m.record.ino)) continue;
    if (gone == change.slots.end() || !gone->second || gone->second->live()) continue;
    ledger_.behind_reader[m.from] = m.record.ino;
    held.push_back(m.from);
  }
  Status done = ledger_.commit(change);
  if (!done) {
    for (const std::string& slot : held) ledger_.behind_reader.erase(slot);
  }
  return done;
}

}  // namespace cd
