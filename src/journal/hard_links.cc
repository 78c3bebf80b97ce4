#include "journal/hard_links.h"

namespace cd {
namespace {

struct Name {
  MetaEntry entry;
  std::string path;
};

Result<std::vector<Name>> other_names(const Ledger& ledger, InodeId file) {
  std::vector<Name> names;
  CD_TRY(const auto links, ledger.meta.links_to(file));
  for (const InodeId link : links) {
    CD_TRY(auto entry, ledger.meta.entry(link));
    if (!entry) continue;
    CD_TRY(std::string path, ledger.meta.path_of(link));
    names.push_back({std::move(*entry), std::move(path)});
  }
  return names;
}

// What the change makes of this slot, else what is to be done there already; null: nothing.
const Intent* intent_of(const Ledger& ledger, const Change& change, const std::string& slot) {
  if (const auto it = change.slots.find(slot); it != change.slots.end()) return it->second ? &*it->second : nullptr;
  const IntentTable::Entry* entry = ledger.table.find(slot);
  return entry == nullptr ? nullptr : &entry->intent;
}

}  // namespace

Status follow_file(const Ledger& ledger, Change& change, const std::string& path, const MetaRecord& record) {
  if (record.links == 0) return {};
  CD_TRY(const auto names, other_names(ledger, record.ino));
  for (const Name& name : names) {
    const IntentTable::Entry* entry = ledger.table.find(name.path);
    if (entry != nullptr && entry->intent.kind == IntentKind::link && entry->intent.link == path) continue;
    if (entry != nullptr && entry->intent.staged) change.drops.push_back(entry->intent.staged);
    const Believed now = ledger.believed(name.path, &name.entry.record);
    Intent intent;
    describe(intent, record);
    intent.kind = IntentKind::link;
    intent.link = path;
    intent.expected = now.expected;
    intent.attempts = now.attempts;
    intent.since_wall_ns = ledger.now_wall();
    change.slots[name.path] = std::move(intent);
  }
  return {};
}

void settle_links(const Ledger& ledger, Change& change, const std::string& path, const Intent& file,
                  const RemoteVersion& version) {
  std::vector<std::string> slots = ledger.table.links_to(path);
  for (const auto& [slot, intent] : change.slots) slots.push_back(slot);
  for (const std::string& slot : slots) {
    const Intent* waiting = intent_of(ledger, change, slot);
    if (waiting == nullptr || waiting->kind != IntentKind::link || waiting->link != path) continue;
    Intent copy = *waiting;
    copy.kind = IntentKind::copy;
    copy.source = version;
    copy.attr = file.attr;
    copy.target = file.target;
    copy.content_type = file.content_type;
    copy.metadata = file.metadata;
    copy.xattrs = file.xattrs;
    copy.exact = file.exact;
    change.slots[slot] = std::move(copy);
  }
}

void redirect_links(const Ledger& ledger, Change& change, const std::map<std::string, std::string>& moved) {
  for (const auto& [from, to] : moved) {
    for (const std::string& slot : ledger.table.links_to(from)) {
      if (change.slots.contains(slot)) continue;
      change.slots[slot] = ledger.table.find(slot)->intent;
    }
  }
  for (auto& [slot, intent] : change.slots) {
    if (!intent || intent->link.empty()) continue;
    if (const auto it = moved.find(intent->link); it != moved.end()) intent->link = it->second;
  }
}

Result<bool> keep_by_other_name(const Ledger& ledger, Change& change, const std::string& path, const MetaEntry& file) {
  if (file.record.links == 0) return false;
  CD_TRY(const auto names, other_names(ledger, file.record.ino));
  if (names.empty()) return false;
  const Name& heir = names.front();
  const IntentTable::Entry* mine = ledger.table.find(path);
  const IntentTable::Entry* theirs = ledger.table.find(heir.path);
  MetaRecord record = file.record;
  if (mine != nullptr && mine->intent.live()) {
    const Believed now = ledger.believed(heir.path, &heir.entry.record);
    Intent intent = mine->intent;
    intent.expected = now.expected;
    intent.attempts = now.attempts;
    if (theirs != nullptr && theirs->intent.staged) change.drops.push_back(theirs->intent.staged);
    change.slots[heir.path] = std::move(intent);
  } else if (theirs != nullptr && theirs->intent.live()) {
    Intent intent = theirs->intent;
    intent.link.clear();
    change.slots[heir.path] = std::move(intent);
  } else {
    record.remote = heir.entry.record.remote;  // the same bytes, stored under that name already
    change.after.push_back([=](MetaStore::Writer& w) -> Status {
      CD_TRY(const auto now, w.entry(record.ino));
      return now ? w.put(now->parent, now->name, record) : Status{};
    });
  }
  const std::vector<StagedId> drops = change.drops;
  ledger.want_gone(change, path, ledger.believed(path, &file.record), file.record);
  change.drops = drops;  // its bytes live on
  redirect_links(ledger, change, {{path, heir.path}});
  change.before.push_back([=, from = file, to = heir.entry](MetaStore::Writer& w) {
    return w.move(from.parent, from.name, to.parent, to.name);
  });
  return true;
}

Result<InodeId> file_behind(MetaStore::Writer& writer, const Intent& intent, const MetaRecord& now) {
  if (intent.link.empty() || !intent.live()) return InodeId{};
  CD_TRY(const auto there, writer.resolve_raw(intent.link));
  const bool is_file = there && !there->record.is_directory() && !there->record.whiteout && !there->record.link_of;
  if (!is_file || there->record.ino == now.ino) return InodeId{};
  // Somebody else may have put another file there since.
  const bool same = intent.kind == IntentKind::link || now.link_of == there->record.ino ||
                    (intent.source && there->record.remote && intent.source->cache_id == there->record.remote->cache_id);
  return same ? there->record.ino : InodeId{};
}

}  // namespace cd
