#include "app/drive_parts.h"

#include <unistd.h>

#include <cstdio>

namespace cd {

namespace {

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

DriveStatus DriveParts::status() const {
  DriveStatus s;
  s.url = url.to_string();
  s.mount_point = mount_point;
  s.mounted_at_ns = mounted_at_ns;
  s.store = health.snapshot();
  s.traits = store.traits();
  s.uploads = journal.totals();
  s.cache = blocks.stats();
  s.library = meta.totals();
  s.batches = conductor.batches();
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
  if (auto space = disk.space(place.cache_dir)) facts.cache_disk = *space;
  if (auto space = disk.space(place.state_dir)) facts.state_disk = *space;
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
