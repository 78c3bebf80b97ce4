#include "journal/intent_table.h"

#include <algorithm>

namespace cd {

void IntentTable::count(const std::string& slot, const Intent& intent, bool add) {
  if (!intent.link.empty()) add ? (void)links_.insert(slot) : (void)links_.erase(slot);
  const auto apply_to = [add](std::uint64_t& sum, std::uint64_t n) { sum = add ? sum + n : sum - n; };
  if (intent.hold) {
    if (intent.attr.type == NodeType::file) apply_to(sums_.held_files, 1);
    return;
  }
  apply_to(sums_.pending, 1);
  if (intent.kind == IntentKind::put) apply_to(sums_.pending_bytes, body_bytes(intent));
}

void IntentTable::set(const std::string& slot, Intent intent) {
  for (auto& [id, upload] : uploads_) {
    if (upload.begun.slot == slot) upload.stale = true;
  }
  Entry& entry = entries_[slot];
  if (entry.generation != 0) count(slot, entry.intent, false);
  count(slot, intent, true);
  entry.intent = std::move(intent);
  entry.generation = ++last_generation_;
}

void IntentTable::clear(const std::string& slot) {
  for (auto& [id, upload] : uploads_) {
    if (upload.begun.slot == slot) upload.stale = true;
  }
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  count(slot, it->second.intent, false);
  entries_.erase(it);
}

const IntentTable::Entry* IntentTable::find(const std::string& slot) const {
  const auto it = entries_.find(slot);
  return it == entries_.end() ? nullptr : &it->second;
}

Intent* IntentTable::edit(const std::string& slot) {
  const auto it = entries_.find(slot);
  return it == entries_.end() ? nullptr : &it->second.intent;
}

void IntentTable::recount(const std::string& slot, const std::function<void(Intent&)>& change) {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  count(slot, it->second.intent, false);
  change(it->second.intent);
  count(slot, it->second.intent, true);
}

std::optional<std::string> IntentTable::live_slot(std::string_view path) const {
  for (const bool folder : {false, true}) {
    std::string slot = slot_of(path, folder);
    if (const Entry* entry = find(slot); entry != nullptr && entry->intent.live()) return slot;
  }
  return std::nullopt;
}

bool IntentTable::any_below(std::string_view folder_path) const {
  const std::string prefix = slot_of(folder_path, true);
  const auto it = entries_.upper_bound(prefix);
  return it != entries_.end() && it->first.starts_with(prefix);
}

bool IntentTable::waits_for_removal(std::string_view slot) const {
  const auto goes = [this](const std::string& other) {
    const Entry* entry = find(other);
    return entry != nullptr && !entry->intent.live();
  };
  const std::string_view path = path_of_slot(slot);
  std::string_view above = is_folder_slot(slot) ? path : parent_path(path);
  for (; !above.empty(); above = parent_path(above))
    if (goes(std::string(above))) return true;
  if (is_folder_slot(slot)) return false;
  const auto below = at_or_below(path);
  return std::any_of(below.begin(), below.end(), [&](const std::string& other) { return other != slot && goes(other); });
}

std::vector<std::string> IntentTable::links_to(const std::string& path) const {
  std::vector<std::string> slots;
  for (const std::string& slot : links_) {
    if (find(slot)->intent.link == path) slots.push_back(slot);
  }
  return slots;
}

std::vector<std::string> IntentTable::at_or_below(std::string_view path) const {
  std::vector<std::string> slots;
  if (path.empty()) {
    for (const auto& [slot, entry] : entries_) slots.push_back(slot);
    return slots;
  }
  if (find(std::string(path)) != nullptr) slots.emplace_back(path);
  const std::string prefix = slot_of(path, true);
  for (auto it = entries_.lower_bound(prefix); it != entries_.end() && it->first.starts_with(prefix); ++it)
    slots.push_back(it->first);
  return slots;
}

void IntentTable::apply(const Record& record) {
  if (const auto* r = std::get_if<IntentRecord>(&record)) set(r->slot, r->intent);
  if (const auto* r = std::get_if<ClearRecord>(&record)) clear(r->slot);
  if (const auto* r = std::get_if<UploadRecord>(&record)) begin_upload(*r);
  if (const auto* r = std::get_if<PartRecord>(&record)) add_part(r->upload_id, r->part);
  if (const auto* r = std::get_if<UploadGoneRecord>(&record)) end_upload(r->upload_id);
}

void IntentTable::begin_upload(const UploadRecord& begun) { uploads_[begun.upload.id] = Upload{begun, begun.slot.empty(), {}}; }

void IntentTable::add_part(const std::string& upload_id, const Part& part) {
  const auto it = uploads_.find(upload_id);
  if (it != uploads_.end()) it->second.parts[part.number] = part;
}

void IntentTable::spoil_upload(const std::string& upload_id) {
  if (const auto it = uploads_.find(upload_id); it != uploads_.end()) it->second.stale = true;
}

const IntentTable::Upload* IntentTable::usable_upload(const std::string& slot) const {
  for (const auto& [id, upload] : uploads_) {
    if (upload.begun.slot == slot && !upload.stale) return &upload;
  }
  return nullptr;
}

Status IntentTable::emit_live(const std::function<Status(std::string_view)>& emit) const {
  for (const auto& [slot, entry] : entries_) CD_TRY_VOID(emit(encode(Record(IntentRecord{slot, entry.intent}))));
  // After the intents, because an intent makes the uploads before it stale. One that is stale names no slot.
  for (const auto& [id, upload] : uploads_) {
    UploadRecord begun = upload.begun;
    if (upload.stale) begun.slot.clear();
    CD_TRY_VOID(emit(encode(Record(begun))));
    for (const auto& [number, part] : upload.parts) CD_TRY_VOID(emit(encode(Record(PartRecord{id, part}))));
  }
  return {};
}

}  // namespace cd
