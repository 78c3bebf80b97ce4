#include "journal/replay.h"

#include <algorithm>

namespace cd {
namespace {

constexpr std::size_t kIntentsPerWrite = 1'000;

}  // namespace

Result<std::size_t> Replay::believe(const std::vector<LogFile::Frame>& unproven) {
  struct Mentioned {
    std::size_t first_frame = 0;
    Intent last;
  };
  std::map<std::uint64_t, Mentioned> files;
  for (std::size_t at = 0; at < unproven.size(); ++at) {
    for (const std::string& bytes : unproven[at]) {
      CD_TRY(const Record record, decode_record(bytes));
      const auto* r = std::get_if<IntentRecord>(&record);
      if (r == nullptr || !r->intent.staged) continue;
      files.try_emplace(r->intent.staged.value(), Mentioned{at, {}}).first->second.last = r->intent;
    }
  }
  std::size_t good = unproven.size();
  for (const auto& [id, file] : files) {
    facts_[StagedId(id)].doubtful = true;
    const bool closed = !file.last.unfinished && !file.last.content.empty();
    if (closed && file.first_frame < good && !ledger_.area.holds(StagedId(id), {file.last.attr.size, file.last.content}))
      good = file.first_frame;
  }
  return good;
}

// What was written behind the last sync of a file that was not closed may be anything.
Status Replay::cut_unproven(const Intent& intent, const StagedFacts& facts) {
  if (same_boot_ || !intent.unfinished) return {};
  std::uint64_t size = facts.doubtful ? facts.synced : std::max(facts.synced, intent.attr.size);
  if (intent.base) size = std::max(size, intent.base->limit);
  Status cut = ledger_.area.cut(intent.staged, size);
  return !cut && cut.error().code == Code::not_found ? Status{} : cut;  // restore() says it
}

Status Replay::read(std::string_view bytes) {
  CD_TRY(const Record record, decode_record(bytes));
  ledger_.table.apply(record);
  if (const auto* r = std::get_if<RangeRecord>(&record)) facts_[r->id].ranges.add(r->range);
  if (const auto* r = std::get_if<LimitRecord>(&record)) {
    StagedFacts& facts = facts_[r->id];
    facts.limit = std::min(r->limit, facts.limit.value_or(r->limit));
    facts.ranges.truncate(*facts.limit);
  }
  if (const auto* r = std::get_if<SyncedRecord>(&record)) facts_[r->id].synced = r->size;
  if (const auto* r = std::get_if<DropRecord>(&record)) {
    facts_.erase(r->id);
    dropped_.insert(r->id.value());
    ledger_.area.use_ids_above(r->id);
  }
  if (const auto* r = std::get_if<IntentRecord>(&record)) ledger_.area.use_ids_above(r->intent.staged);
  return {};
}

Result<Journal::Recovery> Replay::finish(const std::string& orphans, bool clean) {
  Journal::Recovery found;
  Change fixes;
  found.torn_bytes = ledger_.log->torn_bytes();
  CD_TRY_VOID(restore_staged(fixes, found));
  release_links(fixes, found);
  CD_TRY(found.orphans, ledger_.area.clear_rest(dropped_, orphans));
  CD_TRY_VOID(apply_intents());
  if (!fixes.slots.empty()) CD_TRY_VOID(ledger_.commit(fixes));
  if (!clean) CD_TRY_VOID(clean_tree());
  found.intents = ledger_.table.all().size();
  return found;
}

Status Replay::restore_staged(Change& fixes, Journal::Recovery& found) {
  std::vector<std::string> slots;
  for (const auto& [slot, entry] : ledger_.table.all()) slots.push_back(slot);
  for (const std::string& slot : slots) {
    Intent& intent = *ledger_.table.edit(slot);
    if (!intent.hold && intent.live() && intent.kind != IntentKind::link) add_attempt(intent, fingerprint(intent));
    if (!intent.staged) continue;
    std::optional<StagedBase> base = intent.base;
    const StagedFacts& facts = facts_[intent.staged];
    CD_TRY_VOID(cut_unproven(intent, facts));
    if (base && facts.limit) base->limit = std::min(base->limit, *facts.limit);
    if (Status there = ledger_.area.restore(intent.staged, base, facts.ranges); !there) {
      if (there.error().code != Code::not_found) return there;
      ++found.missing;
      found.problems.push_back(slot + ": its local bytes are gone; " +
                               (intent.expected ? "the version in the bucket stays" : "it was never stored"));
      fixes.slots[slot] = std::nullopt;
      continue;
    }
    const std::uint64_t size = ledger_.area.summary(intent.staged)->size;
    if (size < intent.attr.size && !intent.unfinished)
      found.problems.push_back(slot + ": the machine stopped before all of its bytes were on disk");
    if (intent.unfinished && !intent.hold) intent.unfinished = false;
    ledger_.table.recount(slot, [&](Intent& it) { it.attr.size = size; });
  }
  return {};
}

// Who waits for a file whose bytes are gone keeps what the bucket has.
void Replay::release_links(Change& fixes, Journal::Recovery& found) const {
  for (const auto& [slot, entry] : ledger_.table.all()) {
    const Intent& intent = entry.intent;
    if (intent.kind != IntentKind::link) continue;
    const IntentTable::Entry* file = ledger_.table.find(intent.link);
    if (file != nullptr && file->intent.live() && !fixes.slots.contains(intent.link)) continue;
    found.problems.push_back(slot + ": what it is a link of is gone");
    fixes.slots[slot] = std::nullopt;
  }
}

Status Replay::apply_intents() {
  // Removals first and folders before what is below them: what is hidden goes under its hidden folder, and
  // what lives under the same name comes to lie above it.
  std::vector<const std::pair<const std::string, IntentTable::Entry>*> order;
  for (const auto& entry : ledger_.table.all()) order.push_back(&entry);
  // Names that are links come last: what they are links of is there by then.
  const auto rank = [](const auto* e) { return !e->second.intent.live() ? 0 : e->second.intent.link.empty() ? 1 : 2; };
  std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
  for (std::size_t at = 0; at < order.size(); at += kIntentsPerWrite) {
    const std::size_t end = std::min(order.size(), at + kIntentsPerWrite);
    Status applied = ledger_.meta.write([&](MetaStore::Writer& writer) -> Status {
      for (std::size_t i = at; i < end; ++i) {
        const auto& [slot, entry] = *order[i];
        CD_TRY_VOID(Ledger::apply(writer, slot, entry.intent));
      }
      return {};
    });
    if (!applied) return applied;
  }
  // Files that are being removed beside a folder that has taken their name.
  Status twins = ledger_.meta.write([&](MetaStore::Writer& writer) -> Status {
    for (const auto& [slot, entry] : ledger_.table.all()) {
      if (entry.intent.live() || is_folder_slot(slot)) continue;
      if (ledger_.table.any_below(slot) || ledger_.table.find(slot_of(slot, true)) != nullptr)
        CD_TRY_VOID(Ledger::apply(writer, slot, entry.intent));
    }
    return {};
  });
  if (!twins) return twins;
  for (const auto& [slot, entry] : ledger_.table.all()) {
    if (!entry.intent.hold || !entry.intent.unfinished) continue;
    CD_TRY(const auto there, ledger_.meta.resolve(path_of_slot(slot)));
    if (there) ledger_.interrupted.insert(there->record.ino);
  }
  return {};
}

bool Replay::hides_a_twin(const std::string& path) const {
  const std::string key = key_of_path(path, false);
  const IntentTable::Entry* entry = ledger_.table.find(key);
  return key != path && entry != nullptr && !entry->intent.live();
}

// Whatever in the tree claims to be waiting for the journal, and the journal knows nothing of it.
Status Replay::clean_tree() {
  struct Folder {
    InodeId ino;
    std::string path;
  };
  std::vector<Folder> todo{{kRootInode, ""}};
  while (!todo.empty()) {
    const Folder here = std::move(todo.back());
    todo.pop_back();
    std::vector<std::pair<std::string, MetaRecord>> leftovers;
    CD_TRY_VOID(ledger_.meta.list(here.ino, "", [&](std::string_view name, const MetaRecord& record) {
      const std::string path = join(here.path, name);
      const std::string slot = slot_of(path, record.is_directory());
      const IntentTable::Entry* entry = ledger_.table.find(slot);
      const bool inbox = here.ino == kRootInode && name == ledger_.options.inbox_name;
      const bool claims = record.pending || record.staged || record.whiteout || (record.local_only && !inbox);
      const bool needed = entry != nullptr || (record.is_directory() && ledger_.table.any_below(path)) ||
                          (record.whiteout && hides_a_twin(path));
      if (claims && !needed) {
        leftovers.emplace_back(name, record);
      } else if (record.is_directory()) {
        todo.push_back({record.ino, path});
      }
      return true;
    }, true));
    if (leftovers.empty()) continue;
    Status cleaned = ledger_.meta.write([&](MetaStore::Writer& writer) -> Status {
      for (const auto& [name, record] : leftovers) CD_TRY_VOID(writer.erase(here.ino, name));
      return writer.set_folder_state(here.ino, {});  // the bucket is asked again what is there
    });
    if (!cleaned) return cleaned;
  }
  return {};
}

}  // namespace cd
