#include "journal/journal_check.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.h"
#include "journal/intent_table.h"
#include "journal/log_file.h"
#include "journal/staging_area.h"

namespace cd {
namespace {

class JournalCheck {
 public:
  JournalCheck(Disk& disk, std::string directory, bool repair)
      : disk_(disk), directory_(std::move(directory)), repair_(repair),
        area_(disk, system_clock(), directory_ + "/staged", UINT64_MAX) {}

  Result<Checked> run() {
    if (disk_.exists(directory_ + "/log")) {
      CD_TRY_VOID(read_log());
      for (const auto& [slot, entry] : table_.all()) check_staged(slot, entry.intent);
    }
    // What a log that cannot be read speaks of is not known: then no file is a stray.
    if (log_read_) CD_TRY_VOID(check_rest());
    check_set_aside("orphans");
    check_set_aside("lost+found");
    out_.summary = fmt::format("{} changes wait for the bucket; {} staged files", table_.all().size(), staged_);
    return std::move(out_);
  }

 private:
  void add(std::string subject, std::string what, Finding::Level level, bool repaired = false) {
    out_.findings.push_back({"journal", std::move(subject), std::move(what), level, repaired});
  }

  Status read_log() {
    const std::string path = directory_ + "/log";
    auto looked = LogFile::look(disk_, path, [this](std::string_view bytes) -> Status {
      CD_TRY(const Record record, decode_record(bytes));
      table_.apply(record);
      if (const auto* r = std::get_if<DropRecord>(&record)) dropped_.insert(r->id.value());
      return {};
    });
    if (!looked) {
      log_read_ = false;
      add("log", looked.error().message, Finding::Level::damage);
      return {};
    }
    if (looked->header_damaged) {
      if (repair_) CD_TRY_VOID(open_and_close(path));
      add("log", "its header is damaged; it can be written anew", Finding::Level::repairable, repair_);
    }
    if (looked->good_end == looked->size) return {};
    const std::uint64_t rest = looked->size - looked->good_end;
    std::string what = fmt::format("the last {} cannot be read: a write was cut short, or the disk damaged it; what "
                                   "they said is lost", human_bytes(rest));
    if (repair_) {
      CD_TRY(const std::string kept, keep_tail(path, looked->good_end));
      CD_TRY_VOID(open_and_close(path));
      what += ", and a copy is kept as " + kept;
    }
    add("log", std::move(what), Finding::Level::repairable, repair_);
    return {};
  }

  // Opening it cuts off what cannot be read and mends the header.
  Status open_and_close(const std::string& path) {
    CD_TRY(const auto log, Log::open(disk_, path, [](std::string_view) { return Status{}; }));
    return log->sync();
  }

  Result<std::string> keep_tail(const std::string& path, std::uint64_t from) {
    CD_TRY(const std::string bytes, read_file(disk_, path));
    CD_TRY(const std::string to, free_name("log-tail"));
    CD_TRY_VOID(write_file_atomically(disk_, to, std::string_view(bytes).substr(from)));
    return to;
  }

  Result<std::string> free_name(const std::string& name) {
    const std::string folder = directory_ + "/lost+found";
    CD_TRY_VOID(make_dirs_durably(disk_, folder));
    std::string path = folder + "/" + name;
    for (int n = 1; disk_.exists(path); ++n) path = fmt::format("{}/{}.{}", folder, name, n);
    return path;
  }

  void check_staged(const std::string& slot, const Intent& intent) {
    if (!intent.staged) return;
    ++staged_;
    known_.insert(intent.staged.value());
    auto file = disk_.open(area_.path_of(intent.staged), OpenMode::read);
    const char* const fate = intent.expected ? "the version in the bucket stays" : "it was never stored";
    if (!file) {
      return add(slot, fmt::format("its local bytes are gone ({}); {}", area_.path_of(intent.staged), fate),
                 Finding::Level::damage);
    }
    const std::uint64_t size = (*file)->size().value_or(0);
    file->reset();
    if (intent.unfinished) return;
    if (size < intent.attr.size) {
      return add(slot, fmt::format("only {} of its {} bytes are here ({})", size, intent.attr.size,
                                   area_.path_of(intent.staged)), Finding::Level::damage);
    }
    if (!intent.content.empty() && !area_.holds(intent.staged, {intent.attr.size, intent.content})) {
      add(slot, fmt::format("its local bytes are not those that were written ({}); {}", area_.path_of(intent.staged),
                            intent.expected ? "the bucket has the version before" : "there is no other copy here"),
          Finding::Level::damage);
    }
  }

  // Staged files that no record speaks of.
  Status check_rest() {
    const auto names = disk_.list(directory_ + "/staged");
    if (!names) return {};
    for (const std::string& name : *names) {
      const std::string path = directory_ + "/staged/" + name;
      const StagedId id = area_.id_of(path);
      const bool ours = path == area_.path_of(id);
      if (ours && known_.contains(id.value())) continue;
      if (ours && dropped_.contains(id.value())) {
        if (repair_) CD_TRY_VOID(disk_.remove(path));
        add(path, "was dropped and not removed yet", Finding::Level::repairable, repair_);
        continue;
      }
      std::string what = "no record speaks of it";
      if (repair_) {
        CD_TRY(const std::string to, free_name(name));
        CD_TRY_VOID(disk_.rename(path, to));
        CD_TRY_VOID(disk_.sync_dir(folder_of_path(to)));
        what += "; moved to " + to;
      }
      add(path, std::move(what), Finding::Level::repairable, repair_);
    }
    return {};
  }

  void check_set_aside(const std::string& folder) {
    const auto names = disk_.list(directory_ + "/" + folder);
    if (!names || names->empty()) return;
    add(directory_ + "/" + folder, fmt::format("{} files were set aside here; remove them when you have looked at them",
                                               names->size()), Finding::Level::note);
  }

  Disk& disk_;
  const std::string directory_;
  const bool repair_;
  const StagingArea area_;
  IntentTable table_;
  std::set<std::uint64_t> dropped_;
  std::set<std::uint64_t> known_;
  std::uint64_t staged_ = 0;
  bool log_read_ = true;
  Checked out_;
};

}  // namespace

Result<Checked> check_journal(Disk& disk, const std::string& directory, bool repair) {
  return JournalCheck(disk, directory, repair).run();
}

}  // namespace cd
