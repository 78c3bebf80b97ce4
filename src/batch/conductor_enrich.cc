#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "analyze/analyze_file.h"
#include "base/crash_point.h"
#include "batch/conductor_core.h"

namespace cd {
namespace {

constexpr std::uint64_t kProductBytesMax = 16u << 20;

std::string text_of(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

// Phase 2: every file that was stored meets the enrichers that are for it. True: there is nothing left to do.
bool ConductorCore::enrich(Drop& drop) {
  if (!enrich_pool_) return true;
  Batch& batch = *drop.batch;
  const auto count = static_cast<std::uint32_t>(batch.items().size());
  while (!batch.head.paused && drop.enrich_next < count && enrich_pool_->room() > 0) {
    const std::uint32_t n = drop.enrich_next++;
    if (drop.enriching.contains(n)) continue;
    auto job = enrich_job(drop, n);
    if (!job) continue;
    const std::uint64_t number = job->job;
    if (!enrich_pool_->try_submit(std::move(*job))) {
      --drop.enrich_next;
      break;
    }
    drop.enriching[n] = number;
  }
  return drop.enrich_next >= count && drop.enriching.empty();
}

// Empty: no enricher is for it, or all have seen it.
std::optional<EnrichJob> ConductorCore::enrich_job(Drop& drop, std::uint32_t n) {
  const Item& item = drop.batch->item(n);
  if (item.step != Step::done || item.destination.empty()) return std::nullopt;
  const auto result = drop.log->read_result(item.result);
  if (!result) return std::nullopt;  // an archive: it was unpacked, not stored
  EnrichJob job;
  const EnrichFile file{item.destination, result->type, result->kind};
  for (std::size_t e = 0; e < options_.enrichers.size(); ++e) {
    const Enricher& enricher = options_.enrichers[e];
    if (is_for(enricher, file) && !drop.batch->enriched.has(n, enricher_id(enricher.name))) job.chain.push_back(e);
  }
  if (job.chain.empty()) return std::nullopt;
  job.item = {drop.serial, n};
  job.job = drop.next_job++;
  job.file = options_.library_root + "/" + item.destination;
  job.name = item.destination;
  nlohmann::ordered_json labels(result->labels);
  for (const EnrichRecord& record : drop.batch->enriched.of(n)) {
    if (const auto earlier = drop.log->read_enriched(record.extent)) labels.update(nlohmann::ordered_json(earlier->labels));
  }
  job.labels = text_of(labels);
  job.cancel = drop.cancel.get_token();
  return job;
}

void ConductorCore::finish_enrich(const EnrichDone& done) {
  const DropPtr found = find(done.item.batch);
  const auto job = found ? found->enriching.find(done.item.number) : std::unordered_map<std::uint32_t, std::uint64_t>::iterator{};
  const bool expected = found && job != found->enriching.end() && job->second == done.job;
  if (expected && done.last) found->enriching.erase(job);
  const bool cancelled = !done.labels && done.labels.error().code == Code::cancelled;
  if (expected && found->log && !cancelled) note_enriched(*found, done);
  if (!done.product.empty()) ::unlink(done.product.c_str());
}

void ConductorCore::note_enriched(Drop& drop, const EnrichDone& done) {
  const std::uint32_t n = done.item.number;
  const Item& item = drop.batch->item(n);
  EnrichResult result;
  result.enricher = options_.enrichers[done.enricher].name;
  if (done.labels) result.labels = *done.labels;
  else result.error = done.labels.error().message;
  if (!done.product.empty()) {
    const auto key = store_product(drop, n, done.product);
    if (key) result.labels[result.enricher + ".file"] = *key;
    else result.error = "what it made could not be stored: " + key.error().message;
  }
  // Labels go with the file before they are noted: what dies in between is asked once more.
  if (const auto entry = meta_.resolve(item.destination); entry && *entry) {
    for (const auto& [name, value] : result.labels) {
      const Status set = journal_.tree().set_xattr((*entry)->record.ino, kLabelXattr + name, value);
      if (!set && result.error.empty()) result.error = "its labels could not be set: " + set.error().message;
    }
  }
  const auto extent = drop.log->append_enriched_result(result);
  EnrichRecord record{n, enricher_id(result.enricher), result.error.empty(), extent ? *extent : ResultExtent{}};
  if (extent && !drop.log->append_enriched(record)) filing_pause_ns_ = clock_.steady_ns() + 2'000'000'000;
  {
    MutexLock lock(mutex_);
    drop.batch->enriched.add(record);
    drop.batch->progressed_ns = clock_.steady_ns();
  }
  crash_point("batch.after_enriched");
  if (!events_) return;
  nlohmann::ordered_json event;
  event["time"] = format_utc_ms(clock_.wall_ns());
  event["event"] = record.ok ? "item-enriched" : "item-enrich-failed";
  event["batch"] = drop.batch->head.id;
  event["path"] = item.path;
  event["enricher"] = result.enricher;
  event["tries"] = done.tries;
  if (!record.ok) event["error"] = result.error;
  events_(text_of(event));
}

// "<prefix>2026-01-31/<xxh128>.opus": an object of its own, not a file of the library.
Result<std::string> ConductorCore::store_product(const Drop& drop, std::uint32_t n, const std::string& file) {
  if (options_.processed_prefix.empty()) return fail(Code::unsupported, "processed_prefix is empty");
  CD_TRY(auto opened, disk_.open(file, OpenMode::read));
  CD_TRY(const std::uint64_t size, opened->size());
  if (size > kProductBytesMax) return fail(Code::too_large, "it is larger than 16 MiB");
  std::string bytes(size, '\0');
  CD_TRY(const std::size_t got, opened->read(0, bytes.data(), bytes.size()));
  bytes.resize(got);
  const std::string key = options_.processed_prefix + format_utc(drop.batch->head.created_at_ns).substr(0, 10) + "/" +
                          drop.batch->item(n).content.hex() + file.substr(file.rfind('.'));
  const std::string type = sniff_type(std::string_view(bytes).substr(0, kSniffBytes), file);
  CD_TRY_VOID(journal_.put_object(key, std::move(bytes), type, ""));
  return key;
}

// `enrich`: what failed is asked again, of one item or of all. The rest stays as it is.
void ConductorCore::enrich_again(const DropPtr& drop, const std::string& path) {
  const bool ended = is_final(drop->batch->head.state);
  if (!enrich_pool_ || drop->batch->head.state == BatchState::receiving || (ended && !reopen(*drop))) return;
  const auto item = path.empty() ? std::nullopt : drop->batch->find(path);
  std::uint64_t due = 0;
  {
    MutexLock lock(mutex_);
    if (path.empty() || item) due = drop->batch->enriched.forget_failed(item);
  }
  drop->enrich_next = 0;
  if (!ended) return;
  if (due == 0) {
    MutexLock lock(mutex_);
    drop->log.reset();
    return drop->batch->forget_items();
  }
  take_up(*drop, BatchState::processing);
}

}  // namespace cd
