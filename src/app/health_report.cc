#include "app/health_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/wrapped_text.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::int64_t kSkewWarningMs = 60'000;    // S3 refuses at 15 minutes
constexpr std::int64_t kSkewErrorMs = 900'000;
constexpr std::uint64_t kLittleRoom = 1ull << 30;
constexpr std::size_t kWidth = 80;
constexpr std::size_t kIndent = 13;

using Items = std::vector<HealthItem>;

HealthItem store_item(const DriveStatus& s) {
  const std::string last = printable(s.store.last_error);
  switch (s.store.state) {
    case StoreState::ok:
    case StoreState::unknown: return {"store", HealthLevel::ok, "reachable", ""};
    case StoreState::throttled:
      return {"store", HealthLevel::note, "asks us to slow down; requests are paced", ""};
    case StoreState::denied: return {"store", HealthLevel::ok, "reachable", ""};
    case StoreState::offline:
      return {"store", HealthLevel::note, "offline on purpose", "write online to control"};
    case StoreState::unreachable:
      return {"store", HealthLevel::error, "cannot be reached: " + last,
              "look at the network and the endpoint; the drive tries again by itself, and nothing is lost meanwhile"};
  }
  return {};
}

HealthItem credentials_item(const DriveStatus& s) {
  if (s.store.state != StoreState::denied) return {"credentials", HealthLevel::ok, "accepted", ""};
  return {"credentials", HealthLevel::error, "refused: " + printable(s.store.last_error),
          "renew the credentials or the bucket's policy, then write online to control"};
}

HealthItem clock_item(const DriveStatus& s) {
  const std::int64_t skew = std::llabs(s.store.clock_skew_ms);
  if (skew < kSkewWarningMs) return {"clock", HealthLevel::ok, "agrees with the store's", ""};
  return {"clock", skew < kSkewErrorMs ? HealthLevel::warning : HealthLevel::error,
          fmt::format("differs from the store's by {}", human_duration(static_cast<double>(skew) / 1000)),
          "set this machine's clock (timedatectl set-ntp true); stores refuse requests when it differs by 15 min"};
}

HealthItem room_item(const std::string& subject, const std::string& dir, Disk::Space space, const std::string& cure) {
  const std::string text = fmt::format("{} free in {}", human_bytes(space.free_bytes), printable(dir));
  if (space.total_bytes == 0 || space.free_bytes >= kLittleRoom) return {subject, HealthLevel::ok, text, ""};
  return {subject, HealthLevel::warning, text, cure};
}

void uploads_items(Items& items, const UploadTotals& u) {
  if (u.failed > 0) {
    items.push_back({"uploads", HealthLevel::error,
                     fmt::format("{} failed; the bytes are kept here. Last: {}", human_count(u.failed),
                                 printable(u.last_error)),
                     "read the file uploads, remove the cause, then write retry to control"});
  } else {
    items.push_back({"uploads", HealthLevel::ok, fmt::format("none has failed, {} to go",
                                                             human_count(u.pending_uploads)), ""});
  }
  if (u.paused) items.push_back({"uploads", HealthLevel::note, "paused", "write resume to control"});
  if (u.conflicts_total > 0) {
    items.push_back({"conflicts", HealthLevel::note,
                     fmt::format("{} since the mount; both versions were kept", human_count(u.conflicts_total)),
                     "look for names with (conflict ...) in events.jsonl"});
  }
  if (u.staged_bytes_max > 0 && u.staged_bytes > u.staged_bytes_max / 10 * 9) {
    items.push_back({"staging", HealthLevel::warning,
                     fmt::format("{} of {} used; writers slow down to the speed of the uploads",
                                 human_bytes(u.staged_bytes), human_bytes(u.staged_bytes_max)),
                     "wait for the uploads, or raise staging_size"});
  }
}

void batch_items(Items& items, const DriveStatus& s) {
  std::uint64_t failed = 0;
  for (const BatchProgress& b : s.batches) {
    if (b.state == BatchState::done_with_errors || b.state == BatchState::failed) ++failed;
    if (!is_final(b.state) && b.paused) {
      items.push_back({"batches", HealthLevel::note, fmt::format("{} is paused: {}", printable(b.name), printable(b.note)),
                       "write resume to its control file"});
    }
    if (b.stuck_seconds > 0) {
      const std::string& why = b.note.empty() ? b.current : b.note;
      items.push_back({"batches", HealthLevel::warning,
                       fmt::format("{} has not moved for {}{}{}", printable(b.name),
                                   human_duration(static_cast<double>(b.stuck_seconds)), why.empty() ? "" : ": ", printable(why)),
                       "read the file uploads and batches/" + printable(b.id) + "/status; cancel and retry begin it anew"});
    }
  }
  if (failed > 0) {
    items.push_back({"batches", HealthLevel::warning, fmt::format("{} ended with errors", human_count(failed)),
                     "read batches/<id>/errors, then write retry to batches/<id>/control"});
  }
}

void recovery_items(Items& items, const HealthFacts& f) {
  if (f.recovery.missing > 0) {
    items.push_back({"recovery", HealthLevel::error,
                     fmt::format("{} files lost their local bytes to a damaged disk", human_count(f.recovery.missing)),
                     "copy these files again; they are named below"});
  }
  for (const std::string& problem : f.recovery.problems) {
    items.push_back({"recovery", HealthLevel::warning, printable(problem), ""});
  }
  if (f.recovery.orphans > 0) {
    items.push_back({"recovery", HealthLevel::note,
                     fmt::format("{} local files without a record were set aside", human_count(f.recovery.orphans)),
                     "look into " + printable(f.state_dir) + "/orphans, then remove them"});
  }
}

void tree_items(Items& items, const TreeCache::Stats& t) {
  if (t.odd_keys > 0) {
    items.push_back({"names", HealthLevel::note,
                     fmt::format("{} keys cannot be file names and are shown under an escaped name, as {}",
                                 human_count(t.odd_keys), printable(t.last_odd_key)),
                     ""});
  }
  if (t.hidden_keys > 0) {
    items.push_back({"names", HealthLevel::warning,
                     fmt::format("{} keys of the bucket cannot be shown", human_count(t.hidden_keys)),
                     "rename them with another tool; docs/TROUBLESHOOTING.md says which they are"});
  }
}

}  // namespace

std::string_view name_of(HealthLevel level) {
  switch (level) {
    case HealthLevel::ok: return "ok";
    case HealthLevel::note: return "note";
    case HealthLevel::warning: return "warning";
    case HealthLevel::error: return "error";
  }
  return "error";
}

std::vector<HealthItem> examine_traits(const StoreTraits& t) {
  Items items;
  if (!t.probed) {
    items.push_back({"conditions", HealthLevel::note,
                     "not known: the bucket could not be written to when it was asked; every change is checked by HEAD first",
                     "run cratedrive check URL when the bucket can be written to"});
    return items;
  }
  const auto item = [&](const char* what, bool honoured, const char* instead) {
    items.push_back({"conditions", honoured ? HealthLevel::ok : HealthLevel::note,
                     honoured ? fmt::format("{} is honoured", what) : fmt::format("{} is not honoured: {}", what, instead),
                     ""});
  };
  const char* head = "checked by HEAD just before; a write by others in that moment can be lost";
  item("If-None-Match on PUT", t.put_if_absent, head);
  item("If-Match on PUT", t.put_if_match, head);
  item("If-None-Match on finishing a multipart upload", t.finish_if_absent, head);
  item("If-Match on DELETE", t.delete_if_match, head);
  item("If-Match on the source of a copy", t.copy_source_if_match, head);
  item("copying a range into a part", t.copy_part, "such parts are sent from here");
  return items;
}

std::vector<HealthItem> examine(const HealthFacts& f) {
  Items items{store_item(f.drive), credentials_item(f.drive), clock_item(f.drive)};
  for (HealthItem& item : examine_traits(f.drive.traits)) items.push_back(std::move(item));
  items.push_back(room_item("state disk", f.state_dir, f.state_disk,
                            "make room: when it is full, writing to the drive stops until uploads are through"));
  items.push_back(room_item("cache disk", f.cache_dir, f.cache_disk, "make room, or lower cache_size"));
  if (!f.drive.cache.disk_trouble.empty()) {
    items.push_back({"cache", HealthLevel::warning, printable(f.drive.cache.disk_trouble),
                     "reads go on from the store; look at the disk of " + printable(f.cache_dir)});
  }
  if (f.drive.cache.corrupt > 0) {
    items.push_back({"cache", HealthLevel::warning,
                     fmt::format("{} blocks had a wrong checksum and were fetched again", human_count(f.drive.cache.corrupt)),
                     "the disk of " + printable(f.cache_dir) + " may be failing"});
  }
  uploads_items(items, f.drive.uploads);
  batch_items(items, f.drive);
  for (const std::string& program : f.missing_programs) {
    items.push_back({"enrich", HealthLevel::warning, printable(program) + " is not installed, or cannot be run",
                     "install it, or correct its command in the configuration; then write enrich to the batch's control file"});
  }
  recovery_items(items, f);
  tree_items(items, f.tree);
  return items;
}

std::string render_health(const std::vector<HealthItem>& items) {
  std::string out;
  for (const HealthItem& item : items) {
    const std::string mark = item.level == HealthLevel::ok ? "" : fmt::format("{}: ", name_of(item.level));
    append_wrapped(out, item.subject, {kIndent, kWidth}, mark + item.text);
    if (!item.cure.empty()) append_wrapped(out, "", {kIndent, kWidth}, "-> " + item.cure);
  }
  return out;
}

std::string health_json(const std::vector<HealthItem>& items) {
  HealthLevel worst = HealthLevel::ok;
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const HealthItem& item : items) {
    worst = std::max(worst, item.level);
    checks.push_back({{"subject", item.subject}, {"state", name_of(item.level)}, {"text", item.text}, {"cure", item.cure}});
  }
  const nlohmann::ordered_json json{{"state", name_of(worst)}, {"checks", std::move(checks)}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace cd
