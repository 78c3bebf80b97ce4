#include "batch/conductor.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "batch/conductor_core.h"
#include "batch/placement.h"

namespace cd {
namespace {
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kIdle = 30'000 * kMillisecond;  // a look around now and then, whatever was heard
}  // namespace

Status BatchOptions::validate() const {
  if (directory.empty()) return fail(Code::invalid, "the folder for batches is not set");
  if (settle < Millis{0} || settle > Millis{3'600'000}) return fail(Code::invalid, "settle is not within 0 s and 1 h");
  if (analysis_threads < 1 || analysis_threads > 256) {
    return fail(Code::invalid, "analysis_threads is not within 1 and 256");
  }
  if (uploads_ahead < 1 || uploads_ahead > 10'000) return fail(Code::invalid, "uploads_ahead is not within 1 and 10000");
  if (archive_depth < 1 || archive_depth > kDepthMax) return fail(Code::invalid, "archive_depth is not within 1 and 7");
  if (archive_files_max > 90'000) return fail(Code::invalid, "archive_files_max is not within 1 and 90000");
  if (part_bytes == 0) return fail(Code::invalid, "part_bytes is 0");
  for (const Enricher& enricher : enrichers) CD_TRY_VOID(enricher.validate());
  return validate_template(destination);
}

Result<std::unique_ptr<Conductor>> Conductor::open(const BatchOptions& options, MetaStore& meta, TreeCache& tree,
                                                   Journal& journal, Disk& disk, const Clock& clock,
                                                   MetricRegistry& metrics, EventSink events) {
  CD_TRY_VOID(options.validate());
  auto core = std::make_unique<ConductorCore>(options, meta, tree, journal, disk, clock, metrics, std::move(events));
  CD_TRY_VOID(core->load());
  return core;
}

ConductorCore::ConductorCore(const BatchOptions& options, MetaStore& meta, TreeCache& tree, Journal& journal,
                             Disk& disk, const Clock& clock, MetricRegistry& metrics, EventSink events)
    : options_(options),
      meta_(meta),
      journal_(journal),
      tree_(tree),
      disk_(disk),
      clock_(clock),
      metrics_(metrics),
      events_(std::move(events)),
      library_(meta),
      inbox_(meta, journal.tree()),
      inbox_path_(inbox_.path()),
      mailbox_(std::make_shared<Mailbox>()) {
  observe_journal(journal, mailbox_);
}

ConductorCore::~ConductorCore() { stop(); }

void ConductorCore::start() {
  if (thread_.joinable()) return;
  AnalysisOptions analysis;
  analysis.threads = options_.analysis_threads;
  analysis.analyze = options_.analyze;
  analysis.skip_duplicates = options_.skip_duplicates;
  analysis.part_bytes = options_.part_bytes;
  pool_ = std::make_unique<AnalysisPool>(analysis, library_, index_,
                                         [mail = mailbox_](AnalysisDone done) { mail->analysed(std::move(done)); });
  const UnpackLimits limits{options_.archive_bytes_max, options_.archive_files_max, options_.archive_ratio_max};
  unpacker_ = std::make_unique<Unpacker>(limits, meta_, journal_.tree(),
                                         [mail = mailbox_](UnpackDone done) { mail->unpacked(std::move(done)); });
  if (!options_.enrichers.empty()) {
    enrich_pool_ = std::make_unique<EnrichPool>(options_.enrichers, options_.directory,
                                                [mail = mailbox_](EnrichDone done) { mail->enriched(std::move(done)); });
  }
  if (!options_.on_batch_done.empty()) {
    done_command_ = std::make_unique<DoneCommand>(
        options_.on_batch_done, options_.on_batch_done_timeout,
        [this](const FinishedBatch& batch, const Status& outcome) { command_ended(batch, outcome); });
  }
  thread_ = Thread("batch", [this](std::stop_token stop) { run(std::move(stop)); });
}

void ConductorCore::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  mailbox_->stop();
  thread_.join();
  for (const DropPtr& drop : drops_) drop->cancel.request_stop();
  done_command_.reset();
  enrich_pool_.reset();
  unpacker_.reset();
  pool_.reset();
  mailbox_->close();
}

void ConductorCore::run(std::stop_token stop) {
  recover();
  tell_untold();
  while (!stop.stop_requested()) {
    // A scan that is wanted has its time already.
    Mail mail = mailbox_->take(pause_until_due(), scan_wanted_ ? Mailbox::Inbox::waits : Mailbox::Inbox::wakes);
    if (stop.stop_requested()) break;
    const std::int64_t now = clock_.steady_ns();
    wake_ns_ = now + kIdle;
    for (const BatchCommand& command : mail.commands) carry_out(command);
    for (const Status& status : mail.library) library_answered(status);
    for (const UploadOutcome& outcome : mail.outcomes) finish_upload(outcome);
    for (AnalysisDone& done : mail.analysed) finish_analysis(std::move(done));
    for (const UnpackDone& done : mail.unpacked) finish_unpack(done);
    for (const EnrichDone& done : mail.enriched) finish_enrich(done);
    scan_wanted_ = scan_wanted_ || mail.inbox_changed;
    scan(now);
    look_at_uploads(now);
    for (const DropPtr& drop : open_drops()) advance(*drop);
    ask_for_library(now);
    dispatch_analysis();
    dispatch_archives();
    dispatch_places();
    listen_early();
    for (const DropPtr& drop : open_drops()) advance(*drop);
    look_for_stuck(now);
    publish_metrics();
  }
}

Millis ConductorCore::pause_until_due() const {
  const std::int64_t left = wake_ns_ - clock_.steady_ns();
  return Millis{std::clamp<std::int64_t>((left + kMillisecond - 1) / kMillisecond, 0, 30'000)};
}

void ConductorCore::wake_at(std::int64_t steady_ns) { wake_ns_ = std::min(wake_ns_, steady_ns); }

DropPtr ConductorCore::find(std::string_view id) const {
  for (const DropPtr& drop : drops_) {
    if (drop->batch->head.id == id) return drop;
  }
  return nullptr;
}

DropPtr ConductorCore::find(std::uint32_t serial) const {
  for (const DropPtr& drop : drops_) {
    if (drop->serial == serial) return drop;
  }
  return nullptr;
}

std::vector<DropPtr> ConductorCore::open_drops() const {
  std::vector<DropPtr> out;
  for (const DropPtr& drop : drops_) {
    if (!is_final(drop->batch->head.state)) out.push_back(drop);
  }
  return out;
}

std::vector<std::vector<DropPtr>> ConductorCore::open_by_priority() const {
  std::map<int, std::vector<DropPtr>, std::greater<>> groups;
  for (const DropPtr& drop : open_drops()) groups[drop->batch->head.priority].push_back(drop);
  std::vector<std::vector<DropPtr>> out;
  for (auto& [priority, drops] : groups) out.push_back(std::move(drops));
  return out;
}

// They are in the order of their serials.
std::size_t ConductorCore::turn_behind(std::uint32_t serial, const std::vector<DropPtr>& open) {
  const auto next = std::find_if(open.begin(), open.end(), [&](const DropPtr& drop) { return drop->serial > serial; });
  return next == open.end() ? 0 : static_cast<std::size_t>(next - open.begin());
}

std::vector<BatchProgress> ConductorCore::batches() const {
  std::vector<BatchProgress> out;
  {
    MutexLock lock(mutex_);
    for (auto drop = drops_.rbegin(); drop != drops_.rend(); ++drop) {
      out.push_back((*drop)->batch->progress(clock_.steady_ns()));
    }
  }
  std::stable_partition(out.begin(), out.end(), [](const BatchProgress& b) { return !is_final(b.state); });
  return out;
}

Result<BatchProgress> ConductorCore::batch(std::string_view id) const {
  MutexLock lock(mutex_);
  const DropPtr drop = find(id);
  if (!drop) return fail(Code::not_found, "there is no batch " + std::string(id));
  return drop->batch->progress(clock_.steady_ns());
}

Status ConductorCore::items(std::string_view id, const std::function<void(const ItemRow&)>& visit) const {
  constexpr std::size_t kChunk = 256;
  DropPtr drop;
  std::size_t from = 0;
  for (;;) {  // a chunk at a time, as long as the items are in memory
    std::vector<Item> some;
    std::vector<std::vector<EnrichRecord>> answers;
    std::shared_ptr<ItemLog> log;
    {
      MutexLock lock(mutex_);
      if (!drop) drop = find(id);
      if (!drop) return fail(Code::not_found, "there is no batch " + std::string(id));
      log = drop->log;
      if (!log) break;
      const std::vector<Item>& all = drop->batch->items();
      for (std::size_t n = from; n < std::min(from + kChunk, all.size()); ++n) {
        some.push_back(all[n]);
        answers.push_back(drop->batch->enriched.of(static_cast<std::uint32_t>(n)));
      }
    }
    if (some.empty()) return {};
    for (std::size_t i = 0; i < some.size(); ++i) visit(row_of(some[i], answers[i], *log));
    from += some.size();
  }
  // Final, perhaps only just now: its files are read anew.
  ItemLog::Contents contents;
  MutexLock lock(drop->files);
  CD_TRY(const auto closed, ItemLog::open(disk_, options_.directory, std::string(id), contents));
  lock.unlock();
  for (; from < contents.items.size(); ++from) {
    visit(row_of(contents.items[from], contents.enriched.of(static_cast<std::uint32_t>(from)), *closed));
  }
  return {};
}

Result<std::string> ConductorCore::report_json(std::string_view id) const {
  {
    MutexLock lock(mutex_);
    if (!find(id)) return fail(Code::not_found, "there is no batch " + std::string(id));
  }
  return read_file(disk_, options_.directory + "/" + std::string(id) + ".report.json");
}

void ConductorCore::publish_metrics() {
  constexpr const char* kHelp = "Files of open batches, by their state";
  std::array<std::uint64_t, kSteps> sums{};
  std::int64_t open = 0;
  for (const DropPtr& drop : open_drops()) {
    ++open;
    for (std::size_t s = 0; s < kSteps; ++s) sums[s] += drop->batch->count(static_cast<Step>(s));
  }
  metrics_.gauge("cratedrive_batches_open", "Batches that are not final").set(open);
  const auto waiting = sums[static_cast<std::size_t>(Step::waiting)] + sums[static_cast<std::size_t>(Step::twin)] +
                       sums[static_cast<std::size_t>(Step::ready)];
  metrics_.gauge("cratedrive_batch_files", kHelp, "state=\"waiting\"").set(static_cast<std::int64_t>(waiting));
  for (const Step step : {Step::analysing, Step::filing}) {
    const std::string label = "state=\"" + std::string(name_of(state_of(step))) + "\"";
    metrics_.gauge("cratedrive_batch_files", kHelp, label)
        .set(static_cast<std::int64_t>(sums[static_cast<std::size_t>(step)]));
  }
}

void ConductorCore::tell(const Drop& drop, const char* event, const Item* item) {
  if (item != nullptr) {
    metrics_.counter("cratedrive_batch_items_total", "Files that batches are done with, by outcome",
                     "outcome=\"" + std::string(name_of(state_of(item->step))) + "\"").add();
  }
  if (!events_) return;
  nlohmann::ordered_json out;
  out["time"] = format_utc_ms(clock_.wall_ns());
  out["event"] = event;
  out["batch"] = drop.batch->head.id;
  if (item != nullptr) {
    out["path"] = item->path;
    out["bytes"] = item->stamp.bytes;
    if (!item->destination.empty()) out[item->step == Step::skipped ? "twin" : "destination"] = item->destination;
    const bool bad = item->step == Step::failed || item->step == Step::held;
    if (!item->reason.empty()) out[bad ? "error" : "note"] = item->reason;
  } else {
    const BatchProgress progress = drop.batch->progress(clock_.steady_ns());
    out["name"] = progress.name;
    out["state"] = name_of(progress.state);
    out["files_total"] = progress.files_total;
    out["files_done"] = progress.files_done;
    out["files_failed"] = progress.files_failed;
    out["files_skipped"] = progress.files_skipped;
    out["files_warned"] = progress.files_warned;
  }
  events_(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace cd
