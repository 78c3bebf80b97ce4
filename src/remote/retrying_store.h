// RetryingStore: tries again what may be tried again, within the verb's deadline (retry.h decides).
//
// Every verb can be repeated safely. A write whose answer was lost may have been applied, and then its own
// condition fails at the next try: so after a failure that leaves this open, "precondition failed" (or "no
// such upload") is looked into by HEAD; if what is there is what we sent, it was us, and it is a success.
// While the drive is offline on purpose nothing is tried again.
// Thread-safe. Tries run on the caller's thread, later ones on the timer's. All references must outlive it.
#pragma once

#include <functional>
#include <memory>

#include "remote/http.h"
#include "remote/forwarding_store.h"
#include "remote/retry.h"
#include "remote/store_health.h"

namespace cd {

class RetryingStore final : public ForwardingStore {
 public:
  RetryingStore(ObjectStore& below, Timer& timer, const StoreHealth& health, RetryPolicy policy = {});

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

  template <class T>
  struct Verb;  // one call of a verb with its tries
  template <class T>
  void start(const CallOptions& options, Done<T> done, std::function<void(CallOptions, Done<T>)> send);
  template <class T>
  void try_once(std::shared_ptr<Verb<T>> verb);
  template <class T>
  void judge(const std::shared_ptr<Verb<T>>& verb, Result<T> answer);

  // What was sent, as far as it helps to recognise it.
  struct Sent {
    std::string key;
    std::function<bool(const ObjectHead&)> is_ours;
    SharedBytes body;  // of a put: compared byte for byte where the ETag does not tell (SSE-KMS)
  };
  // Looks at what lies there after `refused` came behind a lost answer.
  void was_it_us(const Sent& sent, const CallOptions& options, Error refused, const Done<PutReply>& done);
  void compare_bytes(const Sent& sent, const std::string& etag, const CallOptions& options, Error refused,
                     const Done<PutReply>& done);
  // A verb that leaves an object: start, and was_it_us where needed.
  void start_write(Sent sent, const CallOptions& options, Done<PutReply> done,
                   std::function<void(CallOptions, Done<PutReply>)> send);

  ObjectStore& below_;
  Timer& timer_;
  const StoreHealth& health_;
  const RetryPolicy policy_;
};

}  // namespace cd
