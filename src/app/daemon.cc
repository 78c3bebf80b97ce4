#include "app/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>

#include "app/drive_control.h"
#include "app/drive_events.h"
#include "app/drive_files.h"
#include "app/drive_log.h"
#include "app/drive_parts.h"
#include "app/event_log.h"
#include "app/known_drive.h"
#include "app/reconnector.h"
#include "app/signal_watch.h"
#include "base/text.h"
#include "base/thread.h"
#include "fs/filesystem.h"
#include "fs/fuse_session.h"
#include "fs/kernel_notifier.h"
#include "remote/blocking.h"

namespace cd {

namespace {

constexpr Millis kProbeDeadline{20'000};
constexpr Millis kProbeDeadlineKnown{8'000};  // a drive that can mount without the store does not wait as long
constexpr Millis kUploadGrace{500};
constexpr std::chrono::seconds kStopPatience{10};

using Stage = tl::expected<void, Outcome>;

tl::unexpected<Outcome> stop_with(ExitCode code, const Error& error) {
  return tl::make_unexpected(Outcome::fail(code, error));
}

// "The store was away" is no reason not to mount a drive that was mounted before.
bool is_away(const Error& error) {
  return error.code == Code::unreachable || error.code == Code::timeout || error.code == Code::throttled;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "this-machine";
  return name;
}

// Ends the process when an orderly stop takes too long. Owned by the daemon, armed once.
class StopWatchdog {
 public:
  ~StopWatchdog() {
    {
      MutexLock lock(mutex_);
      over_ = true;
      wake_.notify_all();
    }
    thread_.join();
  }
  void arm(std::string mount_point) {
    MutexLock lock(mutex_);
    if (armed_) return;
    armed_ = true;
    thread_ = Thread("watchdog", [this, mount_point](const std::stop_token&) { watch(mount_point); });
  }

 private:
  void watch(const std::string& mount_point) {
    const auto until = std::chrono::steady_clock::now() + kStopPatience;
    {
      MutexLock lock(mutex_);
      while (!over_) {
        if (!wake_.wait_until(mutex_, until)) break;
      }
      if (over_) return;
    }
    spdlog::error("stopping took too long; ending at once. Nothing is lost: the journal goes on at the next mount");
    if (!unmount(mount_point, true)) spdlog::error("the mount point {} stays behind", printable(mount_point));
    spdlog::shutdown();
    ::_exit(0);
  }

  Mutex mutex_;
  CondVar wake_;
  bool over_ CD_GUARDED_BY(mutex_) = false;
  bool armed_ CD_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace

struct Daemon::Impl {
  explicit Impl(const MountPlan& p) : plan(p), health(clock) {}
  ~Impl();

  Stage open_places();
  Stage watch_signals();
  Stage open_store_of_drive();
  Stage check_reserved();
  Stage open_rooms();
  Stage mount();
  void begin_work();
  void store_changed(StoreState before, StoreState now);
  void ask_to_stop(int signal);

  const MountPlan plan;
  std::string note;
  const Clock& clock = system_clock();
  Disk& disk = system_disk();
  StopWatchdog watchdog;                     // outlives all that could hang
  std::optional<DriveLock> lock;
  MetricRegistry metrics;
  std::unique_ptr<EventLog> events;
  std::unique_ptr<DriveEvents> drive_events;
  StoreHealth health;
  bool probed = false;
  std::unique_ptr<LimitedStore> store;
  std::unique_ptr<MetaStore> meta;
  std::unique_ptr<KernelNotifier> notifier;  // before those who tell it; attached later by the session
  std::unique_ptr<TreeCache> tree;
  std::unique_ptr<BlockCache> blocks;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Conductor> conductor;
  std::unique_ptr<ReportReader> reports;
  std::unique_ptr<CostMeter> costs;
  std::unique_ptr<Importer> importer;
  std::unique_ptr<Reconnector> reconnector;
  std::atomic<Reconnector*> to_poke{nullptr};  // null before and after: the health's observer may come at any time
  std::unique_ptr<DriveParts> parts;
  std::unique_ptr<DriveControl> control;
  std::unique_ptr<DriveFiles> files;
  std::unique_ptr<Filesystem> filesystem;
  std::unique_ptr<FuseSession> session;
  std::atomic<FuseSession*> to_stop{nullptr};
  std::atomic<bool> stop_asked{false};
  std::unique_ptr<SignalWatch> signals;
  bool mounted = false;
};

// ---- start

Stage Daemon::Impl::open_places() {
  for (const std::string& dir : {plan.place.state_dir, plan.place.cache_dir}) {
    if (const Status made = disk.make_dirs(dir); !made) return stop_with(ExitCode::failed, made.error());
  }
  auto taken = DriveLock::take(plan.place.state_dir, [](const DaemonRecord& holder) {
    const auto state = mount_state(holder.mount_point);  // a daemon that was unmounted or killed will be gone soon
    return !state || *state != MountState::ours;
  });
  if (!taken) return stop_with(taken.error().code == Code::busy ? ExitCode::busy : ExitCode::failed, taken.error());
  lock.emplace(std::move(*taken));
  DaemonRecord record{::getpid(), plan.mount_point, plan.url.to_string(), plan.config.control_name, {}};
  if (const Status told = lock->describe(record); !told) return stop_with(ExitCode::failed, told.error());

  const LogOptions log{plan.place.state_dir + "/cratedrive.log", plan.config.log_level, plan.foreground};
  if (const Status started = start_log(log); !started) return stop_with(ExitCode::failed, started.error());
  auto opened = EventLog::open(disk, plan.place.state_dir + "/events.jsonl", clock);
  if (!opened) return stop_with(ExitCode::failed, opened.error());
  events = std::move(*opened);
  drive_events = std::make_unique<DriveEvents>(*events);
  return {};
}

// The first thread beside the main one: the log that it writes to is there, and signals are blocked for all later ones.
Stage Daemon::Impl::watch_signals() {
  signals = std::make_unique<SignalWatch>([this](int signal) { ask_to_stop(signal); });
  return {};
}

Stage Daemon::Impl::open_store_of_drive() {
  health.observe([this](StoreState before, StoreState now) { store_changed(before, now); });
  auto opened = open_store(plan.url, plan.config.store_options(), health, metrics);
  if (!opened) return stop_with(ExitCode::store, opened.error());
  store = std::make_unique<LimitedStore>(std::move(*opened), plan.config.rate_limits());

  const auto known = recall_drive(disk, plan.place.state_dir);
  const auto traits = probe_store(*store, plan.url, known ? kProbeDeadlineKnown : kProbeDeadline);
  if (traits) {
    probed = true;
    const Status kept = remember_drive(disk, plan.place.state_dir, {plan.url.to_string(), *traits});
    return kept ? Stage{} : stop_with(ExitCode::failed, kept.error());
  }
  if (!known || !is_away(traits.error())) return stop_with(ExitCode::store, traits.error());
  adopt_traits(*store, known->traits);
  note = "the store is away (" + traits.error().message + "); what is cached can be read, and changes wait here";
  return {};
}

// Keys of the bucket under our two names would be hidden by the drive: better not to mount than to hide.
Stage Daemon::Impl::check_reserved() {
  if (!probed) return {};
  const auto keys_below = [&](const std::string& prefix) {
    CallOptions options;
    options.deadline = kProbeDeadline;
    ListRequest request;
    request.prefix = prefix;
    return blocking<ListReply>([&](Done<ListReply> done) { store->list(request, options, std::move(done)); });
  };
  const auto refuse = [&](const std::string& key, const char* option) -> Stage {
    return tl::make_unexpected(Outcome::fail(
        ExitCode::store, fmt::format("the bucket has the key {} already, which the drive's own folder would hide; rename "
                                     "it, or choose another name for ours with {}", printable(key), option)));
  };
  const std::string inbox = plan.config.inbox_name + "/";
  const auto in_inbox = keys_below(inbox);
  if (!in_inbox) return stop_with(ExitCode::store, in_inbox.error());
  if (!in_inbox->objects.empty()) return refuse(in_inbox->objects[0].key, "--inbox-name");
  if (!in_inbox->folders.empty()) return refuse(in_inbox->folders[0], "--inbox-name");

  const std::string control_prefix = plan.config.control_name + "/";
  const auto ours = [&](const std::string& key) {
    return key == control_prefix || key.starts_with(control_prefix + "probe/") || key.starts_with(control_prefix + "batches/") ||
           key.starts_with(control_prefix + "processed/") ||
           (!plan.config.report_prefix.empty() &&
            (key.starts_with(plan.config.report_prefix) || plan.config.report_prefix.starts_with(key)));
  };
  const auto in_control = keys_below(control_prefix);
  if (!in_control) return stop_with(ExitCode::store, in_control.error());
  for (const ObjectInfo& object : in_control->objects) {
    if (!ours(object.key)) return refuse(object.key, "--control-name");
  }
  for (const std::string& folder : in_control->folders) {
    if (!ours(folder)) return refuse(folder, "--control-name");
  }
  return {};
}

Stage Daemon::Impl::open_rooms() {
  MetaStoreOptions meta_options;
  meta_options.directory = plan.place.cache_dir;
  auto opened_meta = MetaStore::open(meta_options, disk, clock);
  if (!opened_meta) return stop_with(ExitCode::failed, opened_meta.error());
  meta = std::move(*opened_meta);
  notifier = std::make_unique<KernelNotifier>();
  tree = std::make_unique<TreeCache>(*meta, *store, health, clock, metrics, plan.config.tree_options());
  tree->set_observer(notifier.get());

  BlockCacheOptions block_options = plan.config.block_options();
  block_options.directory = plan.place.cache_dir + "/blocks";
  if (const Status fine = block_options.validate(); !fine) return stop_with(ExitCode::usage, fine.error());
  blocks = std::make_unique<BlockCache>(*meta, *store, disk, clock, metrics, block_options);
  blocks->on_head([this](const RemoteVersion& version, const ObjectHead& head) { tree->learn(version, head); });

  JournalOptions journal_options = plan.config.journal_options();
  journal_options.directory = plan.place.state_dir;
  journal_options.host = host_name();
  journal_options.default_uid = ::getuid();
  journal_options.default_gid = ::getgid();
  if (const Status fine = journal_options.validate(); !fine) return stop_with(ExitCode::usage, fine.error());
  auto opened_journal = Journal::open(journal_options, *meta, *tree, *blocks, *store, health, disk, clock, metrics);
  if (!opened_journal) return stop_with(ExitCode::failed, opened_journal.error());
  journal = std::move(*opened_journal);
  journal->add_observer(notifier.get());
  journal->add_observer(drive_events.get());

  BatchOptions batch_options = plan.config.batch_options();
  batch_options.directory = plan.place.state_dir + "/batches";
  batch_options.library_root = plan.mount_point;
  if (const Status fine = batch_options.validate(); !fine) return stop_with(ExitCode::usage, fine.error());
  auto opened_batch = Conductor::open(batch_options, *meta, *tree, *journal, disk, clock, metrics,
                                      [this](std::string json) { events->add_json(json); });
  if (!opened_batch) return stop_with(ExitCode::failed, opened_batch.error());
  conductor = std::move(*opened_batch);
  return {};
}

Stage Daemon::Impl::mount() {
  reconnector = std::make_unique<Reconnector>(*store, plan.url, health, *journal, [this](const StoreTraits& traits) {
    if (!remember_drive(disk, plan.place.state_dir, {plan.url.to_string(), traits})) {
      spdlog::warn("what the store honours could not be remembered in {}", plan.place.state_dir);
    }
  });
  reports = std::make_unique<ReportReader>(
      *meta, *tree, *store, clock, ReportReader::Options{plan.config.report_prefix, plan.config.metadata_ttl});
  costs = std::make_unique<CostMeter>(metrics, disk, clock, plan.place.state_dir + "/costs.json");
  importer = std::make_unique<Importer>(*meta, *tree, *journal, *conductor, plan.config.part_size);
  parts.reset(new DriveParts{plan.config, plan.place, plan.url, plan.mount_point, clock.wall_ns(), clock, disk, metrics,
                             *events, health, *store, *meta, *tree, *blocks, *journal, *conductor, *reports, *costs, *importer});
  control = std::make_unique<DriveControl>(*parts, [this] { reconnector->poke(); });
  files = std::make_unique<DriveFiles>(*parts, *control);

  FilesystemOptions fs_options;
  fs_options.inbox_name = plan.config.inbox_name;
  fs_options.control_name = plan.config.control_name;
  fs_options.metadata_ttl = plan.config.metadata_ttl;
  fs_options.read_deadline = plan.config.read_deadline;
  fs_options.durability_remote = plan.config.durability == "remote";
  fs_options.uid = ::getuid();
  fs_options.gid = ::getgid();
  filesystem = std::make_unique<Filesystem>(*meta, *tree, *blocks, *journal, health, *files, disk, clock, metrics,
                                            fs_options);
  FuseOptions fuse;
  fuse.mount_point = plan.mount_point;
  fuse.source = plan.url.to_string();
  fuse.allow_other = plan.config.allow_other;
  fuse.threads = plan.config.fuse_threads;
  auto opened = FuseSession::mount(fuse, *filesystem, *notifier);
  if (!opened) return stop_with(ExitCode::mount, opened.error());
  session = std::move(*opened);
  return {};
}

void Daemon::Impl::begin_work() {
  mounted = true;
  to_stop = session.get();
  if (stop_asked) session->stop();  // a signal came while we were starting
  journal->start();
  conductor->start();
  reconnector->start(!probed);
  to_poke = reconnector.get();
  events->add("mounted", {{"url", plan.url.to_string()}, {"on", plan.mount_point}, {"version", CD_VERSION}});
  spdlog::info("mounted {} on {}", plan.url.to_string(), printable(plan.mount_point));
  const Journal::Recovery found = journal->recovery();
  if (found.intents > 0) spdlog::info("{} changes from before go on", found.intents);
  for (const std::string& problem : found.problems) spdlog::warn("recovery: {}", printable(problem));
}

void Daemon::Impl::store_changed(StoreState before, StoreState now) {
  drive_events->store_changed(before, now, health.snapshot().last_error);
  if (Reconnector* r = to_poke.load()) r->poke();
}

void Daemon::Impl::ask_to_stop(int signal) {
  spdlog::info("signal {}: stopping", signal);
  watchdog.arm(plan.mount_point);
  stop_asked = true;
  if (FuseSession* s = to_stop.load()) s->stop();
}

// ---- stop: in reverse. What waits for the store ends first, so that nobody waits for it behind us.

Daemon::Impl::~Impl() {
  if (mounted) watchdog.arm(plan.mount_point);
  to_stop = nullptr;
  signals.reset();
  if (reconnector) reconnector->stop();
  if (importer) importer->cancel();
  if (mounted) {
    conductor->stop();
    journal->stop(kUploadGrace);
  }
  session.reset();
  filesystem.reset();
  files.reset();
  control.reset();
  parts.reset();
  importer.reset();
  costs.reset();
  reports.reset();
  conductor.reset();
  journal.reset();
  blocks.reset();
  tree.reset();
  notifier.reset();
  if (meta && mounted) {
    if (const Status closed = meta->close_clean(); !closed) spdlog::warn("cache: {}", closed.error().message);
  }
  meta.reset();
  store.reset();
  to_poke = nullptr;  // only now is nobody left who tells of the store
  if (mounted && events) events->add("unmounted", {{"url", plan.url.to_string()}, {"on", plan.mount_point}});
  if (mounted) spdlog::info("unmounted");
}

Daemon::Daemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Daemon::~Daemon() = default;

tl::expected<std::unique_ptr<Daemon>, Outcome> Daemon::start(const MountPlan& plan) {
  auto impl = std::make_unique<Impl>(plan);
  Impl& d = *impl;
  for (Stage (Impl::*stage)() : {&Impl::open_places, &Impl::watch_signals, &Impl::open_store_of_drive,
                                 &Impl::check_reserved, &Impl::open_rooms, &Impl::mount}) {
    if (d.stop_asked) return tl::make_unexpected(Outcome::fail(ExitCode::failed, "interrupted"));
    if (const Stage done = (d.*stage)(); !done) {
      if (d.drive_events) spdlog::error("not mounted: {}", printable(done.error().message));
      return tl::make_unexpected(done.error());
    }
  }
  d.begin_work();
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

const std::string& Daemon::note() const { return impl_->note; }

Outcome Daemon::run() {
  const Status served = impl_->session->run();
  if (served) return Outcome::ok();
  spdlog::error("serving ended: {}", served.error().message);
  return Outcome::fail(ExitCode::mount, served.error());
}

}  // namespace cd
