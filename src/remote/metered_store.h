// MeteredStore: an ObjectStore that counts. Every request of the store below goes by here once a try:
//   cratedrive_store_requests_total{verb="get"}, cratedrive_store_errors_total{code="timeout"},
//   cratedrive_store_bytes_sent_total, cratedrive_store_bytes_received_total
// It feeds StoreHealth, and it is the offline gate: while the drive is offline on purpose every verb fails
// at once with Code::unreachable and is not counted as a request.
// Thread-safe. Store below, health and metrics must outlive it.
#pragma once

#include <array>

#include "base/metrics.h"
#include "remote/forwarding_store.h"
#include "remote/store_health.h"

namespace cd {

class MeteredStore final : public ForwardingStore {
 public:
  MeteredStore(ObjectStore& below, StoreHealth& health, MetricRegistry& metrics);

  void get(GetRequest request, CallOptions options, Done<GetReply> done) override;
  void head(std::string key, CallOptions options, Done<ObjectHead> done) override;
  void list(ListRequest request, CallOptions options, Done<ListReply> done) override;
  void put(PutRequest request, CallOptions options, Done<PutReply> done) override;
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override;
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override;
  void multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) override;
  void multipart_part(PartRequest request, CallOptions options, Done<Part> done) override;
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override;
  void multipart_abort(UploadId upload, CallOptions options, Done<void> done) override;

 private:
  [[nodiscard]] ObjectStore& below() const override { return below_; }

  enum Verb { kGet, kHead, kList, kPut, kCopy, kRemove, kBegin, kPart, kFinish, kAbort, kVerbs };

  template <class T>
  bool stopped_by_gate(const Done<T>& done) const;
  // Counts the request now, and wraps `done` to count its outcome.
  template <class T>
  Done<T> count(Verb verb, std::uint64_t bytes_sent, Done<T> done);
  void count_outcome(const Error* error);

  ObjectStore& below_;
  StoreHealth& health_;
  MetricRegistry& metrics_;
  std::array<Counter*, kVerbs> requests_{};
  Counter& bytes_sent_;
  Counter& bytes_received_;
};

}  // namespace cd
