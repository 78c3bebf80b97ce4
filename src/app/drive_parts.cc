#include "app/drive_parts.h"

#include <unistd.h>

#include <cstdio>
#include <set>

#include "base/child_process.h"

#include "cache/label_index.h"

namespace cd {

namespace {

constexpr std::size_t kUploadsOnDashboard = 8;
constexpr std::size_t kSamplesShown = 12;

// Second number of /proc/self/statm, in bytes; 0 if it cannot be read.
std::int64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int found = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return found == 2 ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace

std::vector<SampleCard> DriveParts::newest_samples() const {
  std::vector<InodeId> newest;
  (void)LabelIndex(meta).scan_all(Facet::recent, "", [&](const LabelRow& row) {
    newest.push_back(row.ino);
    return newest.size() < kSamplesShown;
  });
  std::vector<SampleCard> out;
  for (const InodeId ino : newest) {
    const auto entry = meta.entry(ino);
    const auto path = meta.path_of(ino);
    if (!entry || !*entry || !path) continue;
    const auto label = [&](const char* name) {
      const auto found = (*entry)->record.metadata.find(name);
      return found == (*entry)->record.metadata.end() ? std::string() : found->second;
    };
    out.push_back({*path, label("wave"), label("class").empty() ? label("kind") : label("class"), label("bpm"), label("key"),
                   label("lufs"), label("duration")});
  }
  return out;
}

DriveStatus DriveParts::status() const {
  DriveStatus s;
  s.url = url.to_string();
  s.mount_point = mount_point;
  s.mounted_at_ns = mounted_at_ns;
  s.store = health.snapshot();
  s.traits = store.traits();
  s.limits = store.limits();
  s.uploads = journal.totals();
  s.cache = blocks.stats();
  s.library = meta.totals();
  s.samples = newest_samples();
  s.batches = conductor.batches();
  s.cost = cost_line(cost());
  s.now_ns = clock.wall_ns();  // last: no age is negative
  return s;
}

HealthFacts DriveParts::health_facts() const {
  HealthFacts facts;
  facts.drive = status();
  facts.tree = tree.stats();
  facts.recovery = journal.recovery();
  facts.cache_dir = place.cache_dir;
  facts.state_dir = place.state_dir;
  const BatchOptions batch = config.batch_options();
  std::set<std::string> programs;
  for (const Enricher& enricher : batch.enrichers) programs.insert(enricher.argv[0]);
  if (!batch.on_batch_done.empty()) programs.insert(batch.on_batch_done[0]);
  for (const std::string& program : programs) {
    if (!is_program(program)) facts.missing_programs.push_back(program);
  }
  if (auto space = disk.space(place.cache_dir)) facts.cache_disk = *space;
  if (auto space = disk.space(place.state_dir)) facts.state_disk = *space;
  return facts;
}

CostReport DriveParts::cost() const {
  std::string month;
  const RequestCounts requests = costs.counts(month);
  return estimate(requests, month, meta.totals().bytes, prices_of(config, url));
}

DashboardFacts DriveParts::dashboard_facts() const {
  DashboardFacts facts;
  const HealthFacts health_now = health_facts();
  facts.drive = health_now.drive;
  facts.health = examine(health_now);
  facts.cost = cost();
  if (facts.drive.uploads.pending_uploads > 0) facts.uploads = journal.uploads(kUploadsOnDashboard);
  return facts;
}

std::string DriveParts::metrics_text() const {
  const DriveStatus s = status();
  const auto set = [this](std::string_view name, std::string_view help, std::uint64_t value) {
    metrics.gauge(name, help).set(static_cast<std::int64_t>(value));
  };
  set("cratedrive_pending_uploads", "Changes that the bucket does not have yet", s.uploads.pending_uploads);
  set("cratedrive_pending_bytes", "Bytes that the bucket does not have yet", s.uploads.pending_bytes);
  set("cratedrive_failed_uploads", "Uploads that wait for retry", s.uploads.failed);
  set("cratedrive_staged_bytes", "Bytes staged on the local disk, inbox included", s.uploads.staged_bytes);
  set("cratedrive_store_reachable", "1 while the store answers", health.reachable() ? 1 : 0);
  set("cratedrive_entries", "Files and folders known", s.library.entries);
  set("cratedrive_resident_bytes", "Resident memory of the daemon", static_cast<std::uint64_t>(resident_bytes()));
  return metrics.prometheus_text();
}

}  // namespace cd
