// What a drive costs: requests by price class and bytes, counted since the month began, and an estimate of the month's
// bill by a price table. An estimate: free allowances and taxes are not known here, nor what others do to the bucket.
//
// CostMeter counts over restarts: the sums of the month lie in <state>/<drive>/costs.json, written at most once a
// minute and at the end; a kill costs what was counted since. Thread-safe. The registry and the disk outlive it.
#pragma once

#include <cstdint>
#include <string>

#include "app/config.h"
#include "base/disk.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "remote/open_store.h"

namespace cd {

struct Prices {              // US dollars
  std::string table;         // "r2", "s3", "own", "none"
  std::string as_of;         // when the table was true: "2025-06-01"
  double storage_gb_month = 0;
  double class_a_million = 0;  // PUT, COPY, LIST and multipart
  double class_b_million = 0;  // GET, HEAD
  double egress_gb = 0;
  double gb_bytes = 1e9;
};
[[nodiscard]] Prices prices_of(const Config& config, const StoreUrl& url);

struct RequestCounts {
  std::uint64_t class_a = 0;
  std::uint64_t class_b = 0;
  std::uint64_t free = 0;    // DELETE, abort
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  RequestCounts& operator+=(const RequestCounts& more);
  friend bool operator==(const RequestCounts&, const RequestCounts&) = default;
};

struct CostReport {
  std::string month;         // "2026-01", UTC
  RequestCounts requests;    // since it began
  std::uint64_t bytes_stored = 0;
  Prices prices;
  double storage = 0;        // dollars: the whole month at what is stored now
  double class_a = 0;
  double class_b = 0;
  double egress = 0;
  [[nodiscard]] double total() const { return storage + class_a + class_b + egress; }
};
[[nodiscard]] CostReport estimate(const RequestCounts& requests, std::string month, std::uint64_t bytes_stored,
                                  const Prices& prices);
[[nodiscard]] std::string cost_json(const CostReport& report);
[[nodiscard]] std::string dollars(double amount);     // "$1.23", "under 1 ¢"
[[nodiscard]] std::string cost_line(const CostReport& report);  // for status

class CostMeter {
 public:
  CostMeter(MetricRegistry& metrics, Disk& disk, const Clock& clock, std::string file);
  ~CostMeter();

  // The month so far.
  [[nodiscard]] RequestCounts counts(std::string& month);

 private:
  [[nodiscard]] RequestCounts since_start() const;
  void load();
  void save() CD_REQUIRES(mutex_);

  MetricRegistry& metrics_;
  Disk& disk_;
  const Clock& clock_;
  const std::string file_;
  Mutex mutex_;
  std::string month_ CD_GUARDED_BY(mutex_);
  RequestCounts before_ CD_GUARDED_BY(mutex_);    // of this month, by earlier mounts
  RequestCounts not_ours_ CD_GUARDED_BY(mutex_);  // of this mount, in earlier months
  std::int64_t saved_ns_ CD_GUARDED_BY(mutex_) = 0;
};

}  // namespace cd
