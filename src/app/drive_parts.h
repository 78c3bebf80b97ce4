// DriveParts: the rooms of a running drive, lent to those who show and steer them. Everything outlives whoever
// holds this. Plain references; no behaviour.
#pragma once

#include <string>

#include "app/config.h"
#include "app/cost.h"
#include "app/dashboard.h"
#include "app/drive_place.h"
#include "app/event_log.h"
#include "app/status_report.h"
#include "app/health_report.h"
#include "app/importer.h"
#include "app/report_reader.h"
#include "base/metrics.h"
#include "batch/conductor.h"
#include "cache/block_cache.h"
#include "cache/meta_store.h"
#include "cache/tree_cache.h"
#include "journal/journal.h"
#include "remote/limited_store.h"
#include "remote/store_health.h"

namespace cd {

struct DriveParts {
  const Config& config;
  const DrivePlace& place;
  const StoreUrl& url;
  const std::string& mount_point;
  std::int64_t mounted_at_ns;
  const Clock& clock;
  Disk& disk;
  MetricRegistry& metrics;
  EventLog& events;
  StoreHealth& health;
  LimitedStore& store;
  MetaStore& meta;
  TreeCache& tree;
  BlockCache& blocks;
  Journal& journal;
  Conductor& conductor;
  ReportReader& reports;
  CostMeter& costs;
  Importer& importer;

  // The moment, gathered from all rooms; from memory and LMDB, never from the network. Thread-safe.
  [[nodiscard]] std::vector<SampleCard> newest_samples() const;
  [[nodiscard]] DriveStatus status() const;
  [[nodiscard]] HealthFacts health_facts() const;
  [[nodiscard]] CostReport cost() const;
  [[nodiscard]] DashboardFacts dashboard_facts() const;
  // Prometheus text, gauges of the moment included.
  [[nodiscard]] std::string metrics_text() const;
};

}  // namespace cd
