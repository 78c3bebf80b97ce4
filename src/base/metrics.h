// MetricRegistry: counters and gauges, shown as Prometheus text (exposition format 0.0.4) by the `metrics`
// file. One registry a daemon. A Counter or Gauge lives as long as its registry; adding is one relaxed
// atomic. Names are `cratedrive_<noun>_<unit>[_total]`; docs/METRICS.md lists them all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace cd {

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

class MetricRegistry {
 public:
  // The same name and labels give the same object. `labels` as Prometheus writes them: `verb="get"`, or "".
  Counter& counter(std::string_view name, std::string_view help, std::string_view labels = "");
  Gauge& gauge(std::string_view name, std::string_view help, std::string_view labels = "");

  [[nodiscard]] std::string prometheus_text() const;
  // Sum over all labels of a counter; 0 if there is none of that name.
  [[nodiscard]] std::uint64_t counter_sum(std::string_view name) const;

 private:
  struct Family {
    std::string help;
    std::map<std::string, std::unique_ptr<Counter>> counters;  // by labels
    std::map<std::string, std::unique_ptr<Gauge>> gauges;
  };
  mutable Mutex mutex_;
  std::map<std::string, Family, std::less<>> families_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
