#include "journal/ledger.h"

#include <algorithm>

#include "base/crash_point.h"
#include "journal/hard_links.h"

namespace cd {
namespace {
constexpr const char* kAside = "\x01aside";  // a name for the length of one transaction
}

Ledger::Ledger(const JournalOptions& its_options, MetaStore& its_meta, Disk& its_disk, const Clock& its_clock,
               StagingArea& its_area)
    : options(its_options), meta(its_meta), disk(its_disk), clock(its_clock), area(its_area) {}

Ledger::Turn::~Turn() {
  const bool inbox_changed = std::exchange(ledger_.inbox_changed_, false);
  const auto outcomes = std::exchange(ledger_.outcomes_, {});
  const auto names = std::exchange(ledger_.names_, {});
  const auto calls = std::exchange(ledger_.calls_, {});
  ledger_.mutex_.unlock();
  for (JournalObserver* observer : ledger_.observers) {
    for (const auto& [parent, name, gone] : names) observer->name_changed(parent, name, gone);
    for (const UploadOutcome& outcome : outcomes) observer->upload_finished(outcome);
    if (inbox_changed) observer->inbox_changed();
  }
  for (const auto& call : calls) call();
}

std::vector<std::string> Ledger::encode_frame(const Change& change) const {
  std::vector<std::string> frame;
  for (const auto& [slot, intent] : change.slots)
    frame.push_back(intent ? encode(Record(IntentRecord{slot, *intent})) : encode(Record(ClearRecord{slot})));
  for (const Record& record : change.records) frame.push_back(encode(record));
  for (const StagedId id : change.drops) frame.push_back(encode(Record(DropRecord{id})));
  return frame;
}

Status Ledger::apply_all(MetaStore::Writer& writer, const Change& change) const {
  for (const TreeChange& step : change.before) CD_TRY_VOID(step(writer));
  for (const auto& [slot, intent] : change.slots) {
    const IntentTable::Entry* entry = intent && !intent->live() ? nullptr : table.find(slot);
    if (entry != nullptr && !entry->intent.live()) CD_TRY_VOID(uncover_twin(writer, slot));
  }
  // What hides a name first, so that what lives under the same name comes to lie above it.
  for (const bool live : {false, true}) {
    for (const auto& [slot, intent] : change.slots) {
      if (intent && intent->live() == live) CD_TRY_VOID(apply(writer, slot, *intent));
    }
  }
  for (const auto& [slot, intent] : change.slots) {
    if (intent && is_folder_slot(slot)) CD_TRY_VOID(hide_below(writer, change, slot));
  }
  for (const TreeChange& step : change.after) CD_TRY_VOID(step(writer));
  return {};
}

// A folder has come to be under this name, or has to be hidden there: what is still being removed below it stays hidden.
Status Ledger::hide_below(MetaStore::Writer& writer, const Change& change, const std::string& folder) const {
  const std::string path(path_of_slot(folder));
  for (const std::string& slot : table.at_or_below(path)) {
    const Intent& intent = table.find(slot)->intent;
    if (!intent.live() && !change.slots.contains(slot) && slot != folder)
      CD_TRY_VOID(apply(writer, slot, intent));
  }
  return {};
}

Status Ledger::commit(const Change& change) {
  const std::vector<std::string> frame = encode_frame(change);
  if (!frame.empty()) {
    CD_TRY_VOID(log->append(frame));
    crash_point("journal.after_append");
  }
  const bool in_tree = !change.before.empty() || !change.after.empty() ||
                       std::any_of(change.slots.begin(), change.slots.end(), [](const auto& s) { return s.second; });
  Status applied = in_tree ? meta.write([&](MetaStore::Writer& writer) { return apply_all(writer, change); }) : Status{};
  if (!applied) {
    take_back(change);
    return applied;
  }
  crash_point("journal.after_apply");
  for (const auto& [slot, intent] : change.slots) {
    if (intent) {
      table.set(slot, *intent);
    } else {
      table.clear(slot);
      behind_reader.erase(slot);
    }
    if (intent ? intent->hold : slot.starts_with(options.inbox_name + "/")) tell_inbox();
  }
  for (const Record& record : change.records) table.apply(record);
  for (const auto& [slot, intent] : change.slots) {
    requeue(slot, change.at_once);
    if (on_changed) on_changed(slot);
  }
  for (const StagedId id : change.drops) area.drop(id);
  return {};
}

// The tree could not take the change: the log must not say that it did.
void Ledger::take_back(const Change& change) {
  Change undo;
  for (const auto& [slot, intent] : change.slots) {
    const IntentTable::Entry* entry = table.find(slot);
    undo.slots[slot] = entry == nullptr ? std::nullopt : std::optional(entry->intent);
  }
  // A failure here leaves the log refusing everything until it is rewritten from the table, which is right too.
  (void)log->append(encode_frame(undo));
}

// ---- what is believed of the bucket

Believed Ledger::believed(const std::string& slot, const MetaRecord* record) const {
  if (const IntentTable::Entry* entry = table.find(slot)) return {entry->intent.expected, entry->intent.attempts};
  if (record == nullptr || record->pending || record->local_only) return {};
  const std::string key = key_of_slot(slot);
  if (is_folder_slot(slot)) {
    if (!record->is_directory() || !record->marker) return {};
    if (record->remote && record->remote->key == key) return {record->remote, {}};
    return {RemoteVersion{key, "", 0, {}}, {}};
  }
  if (record->is_directory() || !record->remote || record->remote->key != key) return {};
  return {record->remote, {}};
}

void Ledger::take_over_other(Change& change, const std::string& slot, Believed& now) const {
  const auto other = other_slot(slot);
  const IntentTable::Entry* entry = other ? table.find(*other) : nullptr;
  if (entry == nullptr || entry->intent.live() || !now.nothing()) return;
  now = {entry->intent.expected, entry->intent.attempts};
  change.slots[*other] = std::nullopt;
  change.before.push_back([path = *other](MetaStore::Writer& writer) -> Status {
    CD_TRY(const auto there, writer.resolve_raw(path));
    if (!there || !there->record.whiteout || there->record.is_directory()) return {};
    return writer.erase(there->parent, there->name);
  });
}

void Ledger::keep_hidden(Change& change, const std::string& path, const MetaRecord& file) const {
  const std::string slot = slot_of(path, true);
  if (file.is_directory() || change.slots.contains(slot)) return;
  if (const IntentTable::Entry* entry = table.find(slot)) {
    if (!entry->intent.live()) change.slots[slot] = entry->intent;  // said again, so that it is applied again
    return;
  }
  MetaRecord folder = file;
  folder.attr.type = NodeType::directory;
  want_gone(change, slot, {}, folder);
  if (!change.slots[slot]) change.slots.erase(slot);
}

void Ledger::want_gone(Change& change, const std::string& slot, const Believed& now, const MetaRecord& was) const {
  if (const IntentTable::Entry* entry = table.find(slot); entry != nullptr && entry->intent.staged)
    change.drops.push_back(entry->intent.staged);
  const bool hides = is_folder_slot(slot) && table.any_below(path_of_slot(slot)) && !was.local_only;
  if (now.nothing() && !hides) {
    change.slots[slot] = std::nullopt;
    return;
  }
  Intent gone;
  describe(gone, was);
  gone.kind = IntentKind::remove;
  gone.expected = now.expected;
  gone.attempts = now.attempts;
  gone.since_wall_ns = now_wall();
  change.slots[slot] = std::move(gone);
}

// ---- the queue

Goal Ledger::goal_of(const std::string& slot, const Intent& intent) const {
  Goal goal;
  goal.key = key_of_slot(slot);
  if (intent.kind == IntentKind::copy && intent.source) goal.reads = intent.source->key;
  if (intent.kind == IntentKind::put && intent.base) {
    const auto summary = area.summary(intent.staged);
    if (!summary || !summary->complete) goal.reads = intent.base->version.key;
  }
  const auto behind = behind_reader.find(slot);
  goal.paused = (intent.staged && written_now.contains(intent.staged)) ||
                (behind != behind_reader.end() && reading.contains(behind->second));
  return goal;
}

void Ledger::requeue(const std::string& slot, bool at_once) {
  if (frozen) return;
  const IntentTable::Entry* entry = table.find(slot);
  if (entry == nullptr) {
    queue.erase(slot);
    requeue_folders_above(slot);
    if (on_work) on_work();
    return;
  }
  // A folder's removal waits for what is being removed below it: it hides them.
  const bool waits = entry->intent.kind == IntentKind::remove && is_folder_slot(slot) &&
                     table.any_below(path_of_slot(slot));
  if (entry->intent.hold || waits || entry->intent.kind == IntentKind::link) {
    queue.erase(slot);
    return;
  }
  Goal goal = goal_of(slot, entry->intent);
  goal.age = ++last_age_;
  if (!at_once) goal.not_before_ns = clock.steady_ns() + std::chrono::nanoseconds(options.upload_delay).count();
  queue.set(slot, std::move(goal));
  if (on_work) on_work();
}

void Ledger::requeue_folders_above(const std::string& slot) {
  for (std::string path(parent_path(path_of_slot(slot))); !path.empty(); path = parent_path(path)) {
    const std::string folder = slot_of(path, true);
    const IntentTable::Entry* entry = table.find(folder);
    if (entry != nullptr && entry->intent.kind == IntentKind::remove && !queue.state(folder)) requeue(folder, true);
  }
}

Status Ledger::hide_file_again(MetaStore::Writer& writer, const std::string& path) const {
  const IntentTable::Entry* entry = table.find(path);
  if (entry == nullptr || entry->intent.live()) return {};
  return apply(writer, path, entry->intent);
}

// ---- the log

Status Ledger::sync_all() {
  MutexLock lock(sync_mutex_);
  const std::uint64_t number = log->last_number();
  std::vector<std::string> doomed = area.take_doomed();
  std::vector<SyncedRecord> sizes;
  // Data before the log that speaks of it.
  Status synced = area.sync_written(sizes);
  if (synced && number == synced_number_ && sizes.empty() && doomed.empty()) return {};
  std::vector<std::string> records;
  for (const SyncedRecord& size : sizes) records.push_back(encode(Record(size)));
  if (synced) synced = log->mark(number, records);
  const std::uint64_t until = log->last_number();
  if (synced) synced = log->sync();
  if (!synced) {
    area.keep_doomed(std::move(doomed));
    return synced;
  }
  // What came meanwhile is not covered by the mark; the mark itself needs none.
  synced_number_ = until == number + 1 ? until : number;
  area.remove_doomed(doomed);
  return {};
}

Status Ledger::compact(bool always) {
  constexpr std::uint64_t kBytesMin = 4u << 20;
  const std::uint64_t live = std::max<std::uint64_t>(log->bytes_at_last_rewrite(), kBytesMin);
  if (!always && log->bytes() < 4 * live) return {};
  MutexLock lock(sync_mutex_);
  std::vector<SyncedRecord> sizes;
  CD_TRY_VOID(area.sync_written(sizes));  // the new log will be on the device
  synced_number_ = 0;
  return log->rewrite([&](const Log::Record& emit) -> Status {
    CD_TRY_VOID(table.emit_live(emit));
    return area.emit_live(emit);
  });
}

// ---- the tree

std::optional<std::string> twin_of(const std::string& file_slot) {
  std::string escaped;
  for (const char c : base_name(file_slot)) escaped += c == '%' ? std::string("%25") : std::string(1, c);
  for (const std::string& tail : {std::string(base_name(file_slot)), escaped}) {
    const std::string name = "%2F" + tail;
    const std::string path = join(parent_path(file_slot), name);
    if (name.size() <= 255 && key_of_path(path, false) == key_of_slot(file_slot)) return name;
  }
  return std::nullopt;
}

std::optional<std::string> other_slot(const std::string& slot) {
  if (is_folder_slot(slot)) return std::nullopt;
  const std::string key = key_of_slot(slot);
  std::optional<std::string> name(base_name(key));
  if (*name == base_name(slot)) name = twin_of(slot);
  if (!name || name->empty()) return std::nullopt;
  std::string other = join(parent_path(slot), *name);
  if (other == slot || key_of_slot(other) != key) return std::nullopt;
  return other;
}

namespace {

// Beside a folder of its name a LIST would show the file under an escaped name: that is what is to be hidden.
Status hide_twin(MetaStore::Writer& writer, InodeId parent, const std::string& slot, const Intent& intent) {
  const auto name = twin_of(slot);
  if (!name) return {};
  MetaRecord before;
  before.ino = writer.new_inode();
  return writer.put(parent, *name, record_of(intent, before));
}

}  // namespace

Status uncover_twin(MetaStore::Writer& writer, const std::string& slot) {
  const auto name = is_folder_slot(slot) ? std::nullopt : twin_of(slot);
  if (!name) return {};
  CD_TRY(const auto twin, writer.resolve_raw(join(parent_path(slot), *name)));
  if (!twin || !twin->record.whiteout || twin->record.is_directory()) return {};
  return writer.erase(twin->parent, twin->name);
}

Status Ledger::apply(MetaStore::Writer& writer, const std::string& slot, const Intent& intent) {
  if (intent.bare) return {};
  const std::string path(path_of_slot(slot));
  auto folder_of = ensure_folder(writer, parent_path(path), intent.live());
  // A file has taken the name of a folder whose entries are still being removed: nothing is left to hide.
  if (!folder_of && folder_of.error().code == Code::not_directory && !intent.live()) return {};
  CD_TRY(const InodeId parent, std::move(folder_of));
  const std::string name(base_name(path));
  CD_TRY(const auto there, writer.lookup_raw(parent, name));
  MetaRecord before;
  const bool folder = is_folder_slot(slot);
  // A hidden folder keeps its inode and thereby what it hides; a hidden file gives up its own, so that nobody who
  // still holds the file takes the whiteout for it.
  if (there) {
    // A file's removal may still be under way when a folder has taken its name, and the other way round.
    if (!intent.live() && !there->whiteout && there->is_directory() != folder)
      return folder ? Status{} : hide_twin(writer, parent, slot, intent);
    // A hidden folder keeps its name; a LIST would show the file beside it.
    if (!intent.live() && !folder && there->whiteout && there->is_directory())
      return hide_twin(writer, parent, slot, intent);
    if (folder && there->whiteout && !there->is_directory()) {  // what hides a file goes on beside the folder
      if (const auto twin = twin_of(path)) CD_TRY_VOID(writer.move(parent, name, parent, *twin));
    }
    const bool same_kind = there->is_directory() == folder;
    if (intent.live() ? same_kind && !there->whiteout : same_kind && (folder || there->whiteout)) before = *there;
    if (intent.live() && there->whiteout && folder && same_kind) {
      before.ino = writer.new_inode();
      CD_TRY_VOID(writer.put(parent, kAside, record_of(intent, before)));
      CD_TRY_VOID(adopt_whiteouts(writer, there->ino, before.ino));
    }
  }
  if (!before.ino) before.ino = writer.new_inode();
  CD_TRY(before.link_of, file_behind(writer, intent, before));
  return writer.put(parent, name, record_of(intent, before));
}

}  // namespace cd
