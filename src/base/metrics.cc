#include "base/metrics.h"

#include <fmt/format.h>

namespace cd {

namespace {

template <class Map>
auto& find_or_make(Map& map, std::string_view labels) {
  auto& slot = map[std::string(labels)];
  if (!slot) slot = std::make_unique<typename Map::mapped_type::element_type>();
  return *slot;
}

template <class Map>
void append_samples(std::string& out, std::string_view name, const Map& map) {
  for (const auto& [labels, metric] : map) {
    if (labels.empty()) {
      out += fmt::format("{} {}\n", name, metric->value());
    } else {
      out += fmt::format("{}{{{}}} {}\n", name, labels, metric->value());
    }
  }
}

}  // namespace

Counter& MetricRegistry::counter(std::string_view name, std::string_view help, std::string_view labels) {
  MutexLock lock(mutex_);
  Family& family = families_[std::string(name)];
  family.help = help;
  return find_or_make(family.counters, labels);
}

Gauge& MetricRegistry::gauge(std::string_view name, std::string_view help, std::string_view labels) {
  MutexLock lock(mutex_);
  Family& family = families_[std::string(name)];
  family.help = help;
  return find_or_make(family.gauges, labels);
}

std::string MetricRegistry::prometheus_text() const {
  MutexLock lock(mutex_);
  std::string out;
  for (const auto& [name, family] : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name,
                       family.counters.empty() ? "gauge" : "counter");
    append_samples(out, name, family.counters);
    append_samples(out, name, family.gauges);
  }
  return out;
}

std::uint64_t MetricRegistry::counter_sum(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = families_.find(name);
  if (found == families_.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [labels, counter] : found->second.counters) sum += counter->value();
  return sum;
}

}  // namespace cd
