// sync: a folder of this machine and a bucket, one way or both. Files go side by side; each is whole or not there, and
// no version that was not seen is overwritten: conditions on the bucket, size and time on the folder.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "app/commands.h"
#include "app/drive_place.h"
#include "app/mounts.h"
#include "app/sync_memory.h"
#include "app/sync_plan.h"
#include "app/sync_sides.h"
#include "base/hash.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/thread.h"
#include "journal/conflict_name.h"
#include "remote/open_store.h"

namespace cd {

namespace {

constexpr int kWorkers = 8;
constexpr int kBarColumns = 26;

struct Job {
  std::string path;
  SyncStep step = SyncStep::nothing;
  std::optional<LocalEntry> local;
  std::optional<ObjectInfo> object;
};

std::string_view verb_of(SyncStep step, bool a_is_local) {
  switch (step) {
    case SyncStep::copy_to_a: return a_is_local ? "download" : "upload";
    case SyncStep::copy_to_b: return a_is_local ? "upload" : "download";
    case SyncStep::remove_a: return a_is_local ? "remove here" : "remove there";
    case SyncStep::remove_b: return a_is_local ? "remove there" : "remove here";
    case SyncStep::keep_both: return "keep both";
    case SyncStep::keep_a_aside: return a_is_local ? "keep aside here, download" : "keep aside there, upload";
    case SyncStep::keep_b_aside: return a_is_local ? "keep aside there, upload" : "keep aside here, download";
    case SyncStep::nothing: break;
  }
  return "";
}

bool moves_to_bucket(SyncStep step, bool a_is_local) {
  return step == (a_is_local ? SyncStep::copy_to_b : SyncStep::copy_to_a) ||
         step == (a_is_local ? SyncStep::keep_b_aside : SyncStep::keep_a_aside);
}
bool keeps_aside(SyncStep step) { return step == SyncStep::keep_a_aside || step == SyncStep::keep_b_aside; }
bool removes_local(SyncStep step, bool a_is_local) { return step == (a_is_local ? SyncStep::remove_a : SyncStep::remove_b); }
bool removes_object(SyncStep step, bool a_is_local) { return step == (a_is_local ? SyncStep::remove_b : SyncStep::remove_a); }

class Sync {
 public:
  Sync(const SyncArguments& arguments, LocalSide& local, BucketSide& bucket, SyncMemory& memory, SyncSizes sizes, bool a_is_local)
      : arguments_(arguments), local_(local), bucket_(bucket), memory_(memory), sizes_(sizes), a_is_local_(a_is_local) {
    char host[256] = {};
    host_ = ::gethostname(host, sizeof host - 1) == 0 ? host : "this-machine";
  }

  Outcome run() {
    if (const Status planned = plan(); !planned) return Outcome::fail(ExitCode::failed, planned.error());
    if (arguments_.dry_run) return show();
    local_.sweep();
    {
      std::vector<Thread> workers;
      for (int i = 0; i < std::min<int>(kWorkers, static_cast<int>(jobs_.size())); ++i)
        workers.emplace_back("sync-" + std::to_string(i), [this](const std::stop_token&) { work(); });
      for (Thread& worker : workers) worker.join();
    }
    if (terminal_) std::printf("\r\033[K");
    if (const Status saved = memory_.save(); !saved) return Outcome::fail(ExitCode::failed, saved.error());
    std::printf("%s up, %s down, %s removed, %s in conflict (both kept), %s the same%s\n", human_count(up_).c_str(),
                human_count(down_).c_str(), human_count(removed_).c_str(), human_count(conflicts_).c_str(), human_count(same_).c_str(),
                left_out_ == 0 ? "" : fmt::format(", {} left out", human_count(left_out_)).c_str());
    if (failures_.empty()) return Outcome::ok();
    for (std::size_t i = 0; i + 1 < failures_.size() && i < 20; ++i) std::fprintf(stderr, "cratedrive: %s\n", failures_[i].c_str());
    return Outcome::fail(ExitCode::failed, fmt::format("{}; {} failed in all; the same command takes them up again", failures_.back(),
                                                       human_count(failures_.size())));
  }

 private:
  Status plan() {
    CD_TRY(const auto here, local_.list(left_out_));
    CD_TRY(const auto there, bucket_.list(left_out_));
    memory_.load();
    std::map<std::string, Job> all;
    for (const auto& [path, entry] : here) all[path].local = entry;
    for (const auto& [path, object] : there) all[path].object = object;
    for (const auto& [path, record] : memory_.records) all[path];
    for (auto& [path, job] : all) {
      job.path = path;
      CD_TRY(job.step, step_of(job));
      if (job.step != SyncStep::nothing) jobs_.push_back(std::move(job));
    }
    return {};
  }

  Result<SyncStep> step_of(const Job& job) {
    const auto known = memory_.records.find(job.path);
    const bool had = known != memory_.records.end();
    SyncSide local{job.local.has_value(), !had || !job.local || *job.local != known->second.local};
    SyncSide object{job.object.has_value(), !had || !job.object || job.object->etag != known->second.etag};
    bool equal = local.there && object.there && !local.changed && !object.changed;
    if (!equal && local.there && object.there && job.local->size == job.object->size) {
      CD_TRY(const auto etags, local_.etags(job.path, sizes_));
      equal = std::ranges::find(etags, job.object->etag) != etags.end();
    }
    if (equal) {
      ++same_;
      memory_.records[job.path] = {*job.local, job.object->etag};
    } else if (!local.there && !object.there) {
      memory_.records.erase(job.path);
    }
    SyncRules rules;
    rules.way = arguments_.both ? SyncRules::Way::both : SyncRules::Way::a_to_b;
    rules.remove = arguments_.remove;
    return a_is_local_ ? sync_step(rules, local, object, equal, had) : sync_step(rules, object, local, equal, had);
  }

  Outcome show() const {
    std::uint64_t bytes = 0;
    for (const Job& job : jobs_) {
      const bool up = moves_to_bucket(job.step, a_is_local_);
      const std::uint64_t size = up && job.local ? job.local->size : job.object ? job.object->size : 0;
      const bool moves = !removes_local(job.step, a_is_local_) && !removes_object(job.step, a_is_local_);
      if (moves) bytes += size;
      std::printf("%s\n", fmt::format("{:<14} {}  {}", verb_of(job.step, a_is_local_), printable(job.path), moves ? human_bytes(size) : "").c_str());
    }
    std::printf("%s to do, %s; %s the same. Nothing was changed.\n", human_count(jobs_.size()).c_str(), human_bytes(bytes).c_str(),
                human_count(same_).c_str());
    return Outcome::ok();
  }

  void work() {
    for (std::size_t n = next_++; n < jobs_.size(); n = next_++) {
      const Status done = carry_out(jobs_[n]);
      MutexLock lock(mutex_);
      if (!done) failures_.push_back(printable(jobs_[n].path) + ": " + printable(done.error().message));
      ++over_;
      if (terminal_) {
        const double fraction = static_cast<double>(over_) / static_cast<double>(jobs_.size());
        std::printf("\r\033[K%s %3d %%  %s of %s", progress_bar(fraction, kBarColumns).c_str(), static_cast<int>(fraction * 100),
                    human_count(over_).c_str(), human_count(jobs_.size()).c_str());
        std::fflush(stdout);
      }
    }
  }

  Status carry_out(const Job& job) {
    if (removes_local(job.step, a_is_local_)) {
      CD_TRY_VOID(local_.remove(job.path, *job.local));
      return forget(job.path);
    }
    if (removes_object(job.step, a_is_local_)) {
      CD_TRY_VOID(bucket_.remove(*job.object));
      return forget(job.path);
    }
    if (job.step == SyncStep::keep_both) return keep_both(job);
    const bool up = moves_to_bucket(job.step, a_is_local_);
    if (keeps_aside(job.step)) {
      const std::string aside = conflict_path(job.path, host_, system_clock().wall_ns(), 1);
      if (up) CD_TRY_VOID(bucket_.copy(*job.object, aside));
      else CD_TRY_VOID(local_.rename(job.path, aside));
      MutexLock lock(mutex_);
      ++conflicts_;
    }
    if (up) return upload(job.path, job.object ? job.object->etag : "");
    return download(*job.object, job.local && !keeps_aside(job.step) ? &*job.local : nullptr);
  }

  // The bucket's version keeps the name; ours is renamed here, and goes up under its new name.
  Status keep_both(const Job& job) {
    const std::string ours = conflict_path(job.path, host_, system_clock().wall_ns(), 1);
    CD_TRY_VOID(local_.rename(job.path, ours));
    {
      MutexLock lock(mutex_);
      ++conflicts_;
    }
    CD_TRY_VOID(download(*job.object, nullptr));
    return upload(ours, "");
  }

  Status upload(const std::string& path, const std::string& over) {
    CD_TRY(const LocalEntry before, local_.look(path));
    CD_TRY(const std::string etag, bucket_.upload(local_, path, over));
    MutexLock lock(mutex_);
    memory_.records[path] = {before, etag};
    ++up_;
    return {};
  }

  Status download(const ObjectInfo& object, const LocalEntry* expected) {
    CD_TRY_VOID(bucket_.download(object, local_, expected));
    CD_TRY(const LocalEntry now, local_.look(object.key));
    MutexLock lock(mutex_);
    memory_.records[object.key] = {now, object.etag};
    ++down_;
    return {};
  }

  Status forget(const std::string& path) {
    MutexLock lock(mutex_);
    memory_.records.erase(path);
    ++removed_;
    return {};
  }

  const SyncArguments& arguments_;
  LocalSide& local_;
  BucketSide& bucket_;
  SyncMemory& memory_;  // guarded by mutex_ while workers run
  const SyncSizes sizes_;
  const bool a_is_local_;
  const bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
  std::string host_;
  std::vector<Job> jobs_;  // constant while workers run
  std::uint64_t same_ = 0;
  std::uint64_t left_out_ = 0;
  std::atomic<std::size_t> next_{0};

  Mutex mutex_;
  std::uint64_t over_ = 0;
  std::uint64_t up_ = 0;
  std::uint64_t down_ = 0;
  std::uint64_t removed_ = 0;
  std::uint64_t conflicts_ = 0;
  std::vector<std::string> failures_;
};

bool is_url(const std::string& text) { return text.find("://") != std::string::npos; }

}  // namespace

Outcome run_sync(const SyncArguments& arguments, const CommandContext& context) {
  if (is_url(arguments.a) == is_url(arguments.b)) {
    return Outcome::fail(ExitCode::usage, "one side is a folder of this machine, the other the URL of a bucket (s3://, r2://, file://)");
  }
  const bool a_is_local = !is_url(arguments.a);
  const auto url = StoreUrl::parse(a_is_local ? arguments.b : arguments.a);
  if (!url) return Outcome::fail(ExitCode::usage, url.error());
  const auto config = context.config(url->to_string());
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const std::string& folder = a_is_local ? arguments.a : arguments.b;
  std::error_code error;
  if (!a_is_local && !arguments.dry_run) std::filesystem::create_directories(folder, error);
  const auto directory = absolute_path(folder);
  if (!directory || !std::filesystem::is_directory(*directory, error))
    return Outcome::fail(ExitCode::usage, printable(folder) + " is not a folder");
  for (const MountedDrive& drive : mounted_drives(state_home(*config))) {
    if (*directory == drive.mount_point || directory->starts_with(drive.mount_point + "/"))
      return Outcome::fail(ExitCode::usage, "the folder is on a mounted drive, which is a bucket already");
  }
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  const auto store = open_store(*url, config->store_options(), health, metrics);
  if (!store) return Outcome::fail(ExitCode::store, store.error());
  const SyncSizes sizes{config->multipart_size, config->part_size};
  Pacer pacer(arguments.bytes_per_second);
  LocalSide local(*directory);
  BucketSide bucket(**store, pacer, sizes, {config->inbox_name, config->control_name});
  SyncMemory memory(system_disk(), fmt::format("{}/sync/{}-{:016x}.jsonl", state_home(*config), drive_id(*url, config->endpoint),
                                               xxh3_64(*directory)));
  return Sync(arguments, local, bucket, memory, sizes, a_is_local).run();
}

}  // namespace cd
