// OpenedS3: an S3 bucket with all its layers, from the caller down:
//   RetryingStore → GuardedStore → MeteredStore → S3Store → CurlLoop (thread `net`), slowed by one Throttle.
// Health and metrics see every try. Ends by ending the transport first: whatever is under way is cancelled
// while all the layers that it passes on its way back are still there.
#pragma once

#include <memory>

#include "base/metrics.h"
#include "remote/credentials.h"
#include "remote/curl_loop.h"
#include "remote/guarded_store.h"
#include "remote/metered_store.h"
#include "remote/open_store.h"
#include "remote/probeable.h"
#include "remote/retrying_store.h"
#include "remote/s3_store.h"

namespace cd {

// From URL, options, environment and profile. Pure but for the profile's files.
[[nodiscard]] Result<S3Place> place_of(const StoreUrl& url, const StoreOptions& options,
                                       const Environment& environment);

class OpenedS3 final : public ForwardingStore, public Probeable {
 public:
  OpenedS3(S3Place place, const StoreOptions& options, std::unique_ptr<Credentials> credentials, StoreHealth& health,
           MetricRegistry& metrics);
  ~OpenedS3() override;

  [[nodiscard]] Result<StoreTraits> probe(Millis deadline) override;
  void adopt(const StoreTraits& traits) override;

 private:
  [[nodiscard]] ObjectStore& below() const override { return top_; }
  [[nodiscard]] S3Parts parts();
  [[nodiscard]] std::string description() const;

  const S3Place place_;
  const std::uint64_t body_bytes_max_;
  StoreHealth& health_;
  const std::unique_ptr<Credentials> credentials_;
  Throttle throttle_;
  TraitsCell traits_;
  std::unique_ptr<CurlLoop> loop_;
  S3Store s3_;
  MeteredStore metered_;
  GuardedStore guarded_;
  mutable RetryingStore top_;
};

}  // namespace cd
