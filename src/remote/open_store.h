// How a URL becomes a store: parse_url, open_store, probe_store.
//
//   file:///abs/folder            a folder as the bucket; must exist
//   s3://bucket/prefix            any S3: endpoint, region, path style from StoreOptions or AWS_* variables
//   r2://bucket/prefix            Cloudflare R2: endpoint from R2_ACCOUNT_ID
//
// open_store makes no request. probe_store asks the bucket what it honours; it writes and removes objects
// under ".cratedrive/probe/" only. The returned store already carries retry, throttling, metrics and health.
#pragma once

#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "remote/object_store.h"
#include "remote/store_health.h"

namespace cd {

struct StoreUrl {
  std::string scheme;  // "file", "s3", "r2"
  std::string bucket;  // file: the absolute folder
  std::string prefix;  // "" or ends with '/'

  [[nodiscard]] std::string to_string() const;                  // canonical; the same bucket gives the same text
  static Result<StoreUrl> parse(const std::string& text);       // Code::invalid names what is wrong and the cure
};

struct StoreOptions {
  std::string endpoint;            // "" = AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's for the region
  std::string region;              // "" = AWS_REGION, AWS_DEFAULT_REGION, profile, else "us-east-1"
  std::string addressing = "auto"; // "path", "virtual", "auto" (virtual for Amazon, path elsewhere)
  std::string profile;             // "" = AWS_PROFILE, else "default"
  std::string ca_file;             // "" = the system's; a PEM file for a private authority
  int connections = 64;
  Millis connect_timeout{5'000};
  Millis stall_timeout{20'000};    // no byte for so long: the try has failed
  Millis default_deadline{60'000};
  std::uint64_t body_memory_bytes = 64u << 20;  // request and answer bodies in flight; further verbs wait their turn

  [[nodiscard]] Status validate() const;
};

// A store ready for use. `health` and `metrics` must outlive it.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_store(const StoreUrl& url, const StoreOptions& options,
                                                              StoreHealth& health, MetricRegistry& metrics);

// One round of questions; blocking, a few seconds at most. The store adopts the answer as its traits().
// Errors are ready to be shown to a person: missing bucket, bad credentials, clock skew, no such host …,
// each with its cure. A read-only bucket is not an error: `probed` stays false.
[[nodiscard]] Result<StoreTraits> probe_store(ObjectStore& store, const StoreUrl& url, Millis deadline);
// For a mount with the store away: what an earlier probe found.
void adopt_traits(ObjectStore& store, const StoreTraits& traits);

}  // namespace cd
