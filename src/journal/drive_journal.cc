// The Journal: opens the state directory, puts the pieces together, runs thread `sync`.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "journal/journal.h"
#include "journal/log_file.h"
#include "journal/namespace_verbs.h"
#include "journal/replay.h"
#include "journal/uploader.h"

namespace cd {
namespace {

constexpr const char* kCleanNote = "journal.clean";

// Holds the state directory against a second daemon for as long as it lives.
class DirectoryLock {
 public:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  ~DirectoryLock() { ::close(fd_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

  static Result<std::unique_ptr<DirectoryLock>> take(const std::string& directory) {
    const std::string path = directory + "/lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    auto lock = std::make_unique<DirectoryLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail(error_from_errno(errno, "lock " + path));
      return fail(Code::busy, "another cratedrive uses " + directory + " already; unmount that drive first");
    }
    return lock;
  }

 private:
  const int fd_;
};

class DriveJournal final : public Journal {
 public:
  DriveJournal(const JournalOptions& its_options, MetaStore& meta, TreeCache& tree, BlockCache& blocks,
               ObjectStore& store, StoreHealth& health, Disk& disk, const Clock& clock, MetricRegistry& metrics,
               std::uint64_t staging_bytes_max)
      : options_(its_options), area_(disk, clock, options_.directory + "/staged", staging_bytes_max),
        ledger_(options_, meta, disk, clock, area_), verbs_(ledger_),
        uploader_(ledger_, blocks, tree, store, health, metrics) {}

  ~DriveJournal() override { stop(Millis{0}); }

  Status open_directory() {
    CD_TRY_VOID(make_dirs_durably(ledger_.disk, options_.directory + "/staged"));
    CD_TRY(lock_, DirectoryLock::take(options_.directory));
    const std::string boot = options_.boot_id.empty() ? boot_id_of_machine(ledger_.disk) : options_.boot_id;
    const auto last_boot = read_file(ledger_.disk, options_.directory + "/boot");
    const bool same_boot = !boot.empty() && last_boot && *last_boot == boot + "\n";
    Replay replay(ledger_, same_boot);
    Ledger::Turn turn(ledger_);
    ledger_.frozen = true;
    LogFile::Prove prove;
    if (!same_boot) prove = [&](const std::vector<LogFile::Frame>& unproven) { return replay.believe(unproven); };
    CD_TRY(ledger_.log, LogFile::open(ledger_.disk, options_.directory + "/log", [&](std::string_view record) {
      return replay.read(record);
    }, prove));
    area_.attach(*ledger_.log, [this] { return uploader_.moving(); });
    CD_TRY_VOID(ledger_.disk.sync_dir(options_.directory));
    CD_TRY_VOID(verbs_.make_inbox());
    const auto note = ledger_.meta.note(kCleanNote);
    const bool clean = ledger_.meta.was_warm() && note && *note == "1";
    CD_TRY_VOID(ledger_.meta.set_note(kCleanNote, "0"));
    CD_TRY(recovery_, replay.finish(options_.directory + "/orphans", clean));
    CD_TRY_VOID(ledger_.compact(ledger_.log->bytes() > (1u << 20)));
    if (!same_boot) CD_TRY_VOID(write_file_atomically(ledger_.disk, options_.directory + "/boot", boot + "\n"));
    ledger_.frozen = false;
    for (const auto& [slot, entry] : ledger_.table.all()) ledger_.requeue(slot, true);
    return {};
  }

  void add_observer(JournalObserver* observer) override { ledger_.observers.push_back(observer); }

  void start() override {
    uploader_.start();
    syncer_ = Thread("sync", [this](const std::stop_token& stop) { sync_loop(stop); });
  }

  void stop(Millis grace) override {
    uploader_.stop(grace);
    if (!syncer_.joinable()) return;
    syncer_.request_stop();
    syncer_.join();
    if (sync()) (void)ledger_.meta.set_note(kCleanNote, "1");
  }

  Namespace& tree() override { return verbs_; }
  [[nodiscard]] UploadTotals totals() const override { return uploader_.totals(); }
  [[nodiscard]] std::vector<UploadView> uploads(std::size_t at_most) const override { return uploader_.uploads(at_most); }
  [[nodiscard]] std::string state_of(const MetaRecord& record) const override {
    const auto path = ledger_.meta.path_of(record.ino);
    return path ? uploader_.state_of(slot_of(*path, record.is_directory()), record) : "local";
  }

  void pause() override { uploader_.pause(true); }
  void resume() override { uploader_.pause(false); }
  std::size_t retry(const std::string& path) override { return uploader_.retry(path); }
  void store_came_back() override { uploader_.store_came_back(); }
  void when_stored(const std::string& path, Done<void> done) override { uploader_.when_stored(path, std::move(done)); }

  Status put_object(const std::string& path, std::string bytes, const std::string& content_type,
                    const std::string& tag) override {
    return verbs_.put_object(path, bytes, content_type, tag);
  }

  Status sync() override { return ledger_.sync_all(); }

  [[nodiscard]] Recovery recovery() const override { return recovery_; }

 private:
  void sync_loop(const std::stop_token& stop) {
    std::mutex mutex;  // of this wait alone
    std::condition_variable_any timer;
    std::unique_lock lock(mutex);
    while (!timer.wait_for(lock, stop, options_.sync_interval, [&] { return stop.stop_requested(); })) {
      if (stop.stop_requested()) return;
      (void)ledger_.sync_all();  // what failed is tried again next time; fsync says so to whoever asks
      Ledger::Turn turn(ledger_);
      // A log that refuses to grow is mended by writing it anew.
      (void)ledger_.compact(ledger_.log->broken());
    }
  }

  const JournalOptions options_;
  std::unique_ptr<DirectoryLock> lock_;
  StagingArea area_;
  Ledger ledger_;
  NamespaceVerbs verbs_;
  Uploader uploader_;
  Recovery recovery_;
  Thread syncer_;
};

}  // namespace

Status JournalOptions::validate() const {
  const auto refuse = [](const char* why) { return fail(Code::invalid, why); };
  if (directory.empty() || directory.front() != '/') return refuse("the state directory must be an absolute path");
  if (inbox_name.empty() || inbox_name.find('/') != std::string::npos) return refuse("the inbox needs a plain name");
  if (part_bytes == 0 || multipart_bytes == 0) return refuse("part sizes must be above zero");
  if (uploads_parallel < 1) return refuse("uploads_parallel must be at least 1");
  if (memory_bytes == 0) return refuse("memory for uploads must be above zero");
  if (retry_first.count() < 1 || retry_max < retry_first) return refuse("retry_first must be at least 1 ms and at most retry_max");
  if (sync_interval.count() < 1) return refuse("sync_interval must be at least 1 ms");
  if (upload_delay.count() < 0) return refuse("upload_delay cannot be negative");
  if (tries_max < 1) return refuse("tries_max must be at least 1");
  return {};
}

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options, MetaStore& meta, TreeCache& tree,
                                               BlockCache& blocks, ObjectStore& store, StoreHealth& health, Disk& disk,
                                               const Clock& clock, MetricRegistry& metrics) {
  CD_TRY_VOID(options.validate());
  CD_TRY_VOID(make_dirs_durably(disk, options.directory));
  std::uint64_t staging_max = options.staging_bytes_max;
  if (staging_max == 0) {
    CD_TRY(const Disk::Space space, disk.space(options.directory));
    staging_max = space.free_bytes / 10 * 8;
  }
  auto journal = std::make_unique<DriveJournal>(options, meta, tree, blocks, store, health, disk, clock, metrics,
                                                staging_max);
  CD_TRY_VOID(journal->open_directory());
  return journal;
}

}  // namespace cd
