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
#include "remote/opened_store.h"
#include "remote/retrying_store.h"
#include "remote/s3_store.h"

namespace cd {

// From URL, options, environment and profile. Pure but for the profile's files.
[[nodiscard]] Result<S3Place> place_of(const StoreUrl& url, const StoreOptions& options,
                                       const Environment& environment);

class OpenedS3 final : public OpenedStore {
 public:
  OpenedS3(S3Place place, const StoreOptions& options, std::unique_ptr<Credentials> credentials, StoreHealth& health,
           MetricRegistry& metrics);
  ~OpenedS3() override;

  void get(GetRequest r, CallOptions o, Done<GetReply> d) override { top_.get(std::move(r), o, std::move(d)); }
  void head(std::string k, CallOptions o, Done<ObjectHead> d) override { top_.head(std::move(k), o, std::move(d)); }
  void list(ListRequest r, CallOptions o, Done<ListReply> d) override { top_.list(std::move(r), o, std::move(d)); }
  void put(PutRequest r, CallOptions o, Done<PutReply> d) override { top_.put(std::move(r), o, std::move(d)); }
  void copy(CopyRequest r, CallOptions o, Done<PutReply> d) override { top_.copy(std::move(r), o, std::move(d)); }
  void remove(std::string k, std::string e, CallOptions o, Done<void> d) override {
    top_.remove(std::move(k), std::move(e), o, std::move(d));
  }
  void multipart_begin(PutRequest r, CallOptions o, Done<UploadId> d) override {
    top_.multipart_begin(std::move(r), o, std::move(d));
  }
  void multipart_part(PartRequest r, CallOptions o, Done<Part> d) override {
    top_.multipart_part(std::move(r), o, std::move(d));
  }
  void multipart_finish(FinishRequest r, CallOptions o, Done<PutReply> d) override {
    top_.multipart_finish(std::move(r), o, std::move(d));
  }
  void multipart_abort(UploadId u, CallOptions o, Done<void> d) override {
    top_.multipart_abort(std::move(u), o, std::move(d));
  }
  [[nodiscard]] Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) override {
    return top_.presign(key, lifetime);
  }
  [[nodiscard]] StoreTraits traits() const override { return top_.traits(); }

  [[nodiscard]] Result<StoreTraits> probe(Millis deadline) override;
  void adopt(const StoreTraits& traits) override;

 private:
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
  RetryingStore top_;
};

}  // namespace cd
