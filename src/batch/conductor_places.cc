#include <algorithm>
#include <charconv>

#include "base/crash_point.h"
#include "batch/conductor_core.h"
#include "batch/filing_labels.h"
#include "batch/placement.h"

namespace cd {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kTrouble = 2'000 * kMillisecond;    // disk full, staging full
constexpr std::int64_t kUploadLook = 2'000 * kMillisecond; // an answer of the journal that was missed
constexpr int kPlacesTried = 100'000;

bool will_pass(Code code) { return code == Code::busy || code == Code::no_space || is_transient(code); }

}  // namespace

// ---- the place in the library

void ConductorCore::dispatch_places() {
  const std::int64_t now = clock_.steady_ns();
  if (now < filing_pause_ns_ && !open_drops().empty()) return wake_at(filing_pause_ns_);
  std::size_t in_air = uploads_in_air();
  const auto most = static_cast<std::size_t>(options_.uploads_ahead);
  for (const std::vector<DropPtr>& open : open_by_priority()) {
    for (std::size_t idle = 0, at = turn_behind(placed_last_, open); idle < open.size() && in_air < most; ++at) {
      Drop& drop = *open[at % open.size()];
      const bool may = !drop.batch->head.paused && drop.batch->head.state == BatchState::uploading;
      const auto next = may ? drop.batch->take_ready() : std::nullopt;
      idle = next ? 0 : idle + 1;
      if (!next) continue;
      placed_last_ = drop.serial;
      if (!place_item(drop, *next)) return;  // trouble: the rest waits too
      in_air = uploads_in_air();
    }
  }
}

// False: nothing can be filed for now, and the item is ready still.
bool ConductorCore::place_item(Drop& drop, std::uint32_t n) {
  const Item& item = drop.batch->item(n);
  const auto entry = in_inbox(drop, item);
  if (!entry) return skip(drop, n, "", "removed from the inbox"), true;
  const MetaRecord& record = entry->record;
  const bool changed = !(item.stamp == FileStamp{record.attr.size, record.attr.mtime_ns});
  const auto result = drop.log->read_result(item.result);
  if (changed || journal_.tree().has_writer(record.ino) || !result) {
    return move(drop, n, Step::waiting), true;  // what was found out is not of what lies there
  }
  if (options_.skip_duplicates && result->bytes > 0) {
    if (const auto twin = library_.find(*result)) return skip(drop, n, *twin, ""), true;
  }
  return file_item(drop, n, *result);
}

// The first path that is free, by the policy; empty: the item was dealt with otherwise.
std::optional<std::string> ConductorCore::free_place(Drop& drop, std::uint32_t n, const ItemResult& result,
                                                     bool& replace) {
  PlacementFields fields;
  fields.path = drop.batch->dropped_path(drop.batch->item(n));
  fields.batch = drop.batch->head.name;
  fields.date = format_utc(drop.batch->head.created_at_ns).substr(0, 10);
  fields.bpm = result.bpm;
  fields.key = result.key;
  fields.kind = result.kind;
  const std::string base = place(options_.destination, fields, {inbox_path_, ".cratedrive"});
  int& number = drop.last_number.try_emplace(base, 1).first->second;
  for (; number < kPlacesTried; ++number) {
    const std::string path = number == 1 ? base : keep_both_path(base, number);
    const auto there = meta_.resolve(path);
    if (!there) return fail_item(drop, n, "its place cannot be looked at: " + there.error().message), std::nullopt;
    if (!*there) return path;
    const MetaRecord& record = (*there)->record;
    const bool same = options_.skip_duplicates && library_.holds(path, result);
    if (same) return skip(drop, n, path, ""), std::nullopt;
    if (options_.if_present == IfPresent::replace && !record.is_directory()) {
      replace = true;
      return path;
    }
    if (options_.if_present == IfPresent::skip) {
      {
        MutexLock lock(mutex_);
        drop.batch->item(n).stays = true;
      }
      return skip(drop, n, path, "another file is there already; this one stays in the inbox"), std::nullopt;
    }
  }
  return fail_item(drop, n, "too many files of this name are there already"), std::nullopt;
}

bool ConductorCore::file_item(Drop& drop, std::uint32_t n, const ItemResult& result) {
  Filing filing;
  const auto path = free_place(drop, n, result, filing.replace);
  if (!path) return true;
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).destination = *path;
  }
  move(drop, n, Step::filing);
  // The place is in our log before the file leaves the inbox: so recovery knows where to look for it.
  if (const Status logged = drop.log->append_item(n, drop.batch->item(n)); !logged) {
    move(drop, n, Step::ready);
    filing_pause_ns_ = clock_.steady_ns() + kTrouble;
    return false;
  }
  crash_point("batch.before_file_away");
  filing.inbox_path = drop.batch->inbox_path(inbox_path_, drop.batch->item(n));
  filing.destination = *path;
  filing.content_type = result.type;
  filing.labels = filing_labels(result, drop.batch->head.id, n);
  filing.tag = drop.batch->head.id + "/" + std::to_string(n);
  const auto filed = journal_.tree().file_away(filing);
  crash_point("batch.after_file_away");
  if (filed) {
    drop.in_air[n] = filed->ino;
    wake_at(clock_.steady_ns() + kUploadLook);
    const std::string top = drop.batch->head.folder.empty() ? inbox_path_ : inbox_path_ + "/" + drop.batch->head.folder;
    remove_emptied_parents(meta_, journal_.tree(), filing.inbox_path, top);
    return true;
  }
  const Error& error = filed.error();
  if (will_pass(error.code)) {
    move(drop, n, Step::ready);
    log_item(drop, n);
    filing_pause_ns_ = clock_.steady_ns() + kTrouble;
    wake_at(filing_pause_ns_);
    return false;
  }
  if (error.code == Code::exists || error.code == Code::not_found) {  // somebody was quicker, there or here
    move(drop, n, Step::ready);
  } else {
    note_failure(drop, error.message);
    fail_item(drop, n, "it cannot be placed at \"" + *path + "\": " + error.message);
  }
  return true;
}

// ---- the journal's answer

void ConductorCore::finish_upload(const UploadOutcome& outcome) {
  const std::size_t slash = outcome.tag.rfind('/');
  if (slash == std::string::npos) return;
  const DropPtr found = find(std::string_view(outcome.tag).substr(0, slash));
  if (!found || !found->log) return;
  Drop& drop = *found;
  const std::string_view what = std::string_view(outcome.tag).substr(slash + 1);
  if (what == "report") return report_answered(drop, outcome);
  std::uint32_t n = 0;
  const auto parsed = std::from_chars(what.data(), what.data() + what.size(), n);
  if (parsed.ec != std::errc{} || n >= drop.batch->items().size()) return;
  if (drop.batch->item(n).step != Step::filing) return;  // withdrawn, or known already
  if (outcome.error) return take_back(drop, n, outcome.error->message);
  {
    MutexLock lock(mutex_);
    Item& item = drop.batch->item(n);
    item.destination = outcome.conflict_path.value_or(outcome.path);
    if (outcome.conflict_path) {
      item.warned = true;
      item.reason = "another file took its name in the bucket meanwhile; both are kept";
    }
  }
  complete(drop, n);
}

// Told, or found by looking.
void ConductorCore::complete(Drop& drop, std::uint32_t n) {
  crash_point("batch.after_upload");
  forget_failures(drop);
  move(drop, n, Step::done);
  log_item(drop, n);
  tell(drop, "item-done", &drop.batch->item(n));
  settle_followers(drop, n);
}

// A filed file goes back to the inbox: its upload failed (`reason`), or the batch was cancelled ("").
void ConductorCore::take_back(Drop& drop, std::uint32_t n, const std::string& reason) {
  const std::string inbox_path = drop.batch->inbox_path(inbox_path_, drop.batch->item(n));
  const std::string destination = drop.batch->item(n).destination;
  const auto back = journal_.tree().withdraw(destination, inbox_path);
  if (back && *back) {
    if (const auto entry = in_inbox(drop, drop.batch->item(n))) {
      MutexLock lock(mutex_);
      drop.batch->set_stamp(n, {entry->record.attr.size, entry->record.attr.mtime_ns});
      drop.batch->item(n).destination.clear();
    }
    if (!reason.empty()) note_failure(drop, reason);
    if (!reason.empty()) fail_item(drop, n, reason);
    else move(drop, n, Step::ready);
    return;
  }
  if (back && look_at_upload(drop, n)) return;
  if (reason.empty() && back) return complete(drop, n);  // gone from its place, and nothing is left to stop
  const std::string why = back ? "" : "; it could not be taken back to the inbox: " + back.error().message;
  fail_item(drop, n, (reason.empty() ? "cancelled" : reason) + why);
}

// Events only wake: an answer that was missed, or a file that was moved or removed in the library before it was
// stored, is found by looking.
void ConductorCore::look_at_uploads(std::int64_t now_ns) {
  if (uploads_in_air() == 0) return;
  if (now_ns < uploads_looked_ns_ + kUploadLook) return wake_at(uploads_looked_ns_ + kUploadLook);
  uploads_looked_ns_ = now_ns;
  wake_at(now_ns + kUploadLook);
  for (const DropPtr& drop : open_drops()) {
    std::vector<std::uint32_t> filed;
    for (const auto& [number, ino] : drop->in_air) filed.push_back(number);
    for (const std::uint32_t number : filed) look_at_upload(*drop, number);
  }
}

// True: the item came to its end.
bool ConductorCore::look_at_upload(Drop& drop, std::uint32_t n) {
  const Item& item = drop.batch->item(n);
  if (item.step != Step::filing) return true;
  const auto at = drop.in_air.find(n);
  const InodeId ino = at == drop.in_air.end() ? InodeId{} : at->second;
  auto entry = ino ? meta_.entry(ino) : meta_.resolve(item.destination);
  if (ino && entry && !*entry) entry = meta_.resolve(item.destination);  // another inode, by a LIST
  if (!entry) return false;
  const std::string& id = drop.batch->head.id;
  const auto result = drop.log->read_result(item.result);
  if (*entry) {
    const MetaRecord& record = (*entry)->record;
    const bool ours = (ino && record.ino == ino) || is_filed_as(record, id, n) ||
                      (result && library_.holds(item.destination, *result));
    if (ours && !is_stored(record)) return false;  // on its way
    if (ours) {
      if (const auto path = meta_.path_of(record.ino)) {
        MutexLock lock(mutex_);
        drop.batch->item(n).destination = *path;
      }
      return complete(drop, n), true;
    }
  }
  if (!drop.batch->library_known) return false;  // what is not seen may be there all the same
  if (in_inbox(drop, item)) return move(drop, n, Step::waiting), false;  // it never left
  if (result) {
    if (const auto elsewhere = library_.find(*result)) {
      {
        MutexLock lock(mutex_);
        drop.batch->item(n).destination = *elsewhere;
      }
      return complete(drop, n), true;
    }
  }
  {
    MutexLock lock(mutex_);
    drop.batch->item(n).destination.clear();
  }
  return skip(drop, n, "", "removed before it was stored"), true;
}

}  // namespace cd
