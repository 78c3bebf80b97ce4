// LimitedStore: holds a store to what people allow it: bytes a second up and down, requests a second, requests at
// one time. The limits can be changed while requests wait; without any it costs one relaxed load a request.
//
// A request begins when none of the limits is used up, then its bytes are owed: so the mean is kept whatever the size
// of a request, and bursts are those of one request (at most a part). What is received is owed when it has come.
// Interactive requests go before the others. Time spent waiting here is not taken from the deadline of a request:
// a slow line that was asked for is no fault of the store. `cancel` ends the wait.
// Thread-safe. Waiting requests begin on the thread `limit`. Owns the store below; its destructor ends what waits as
// cancelled and lets the store below end the rest.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/thread.h"
#include "remote/forwarding_store.h"
#include "remote/probeable.h"

namespace cd {

struct RateLimits {  // 0 = no limit
  std::uint64_t up = 0;        // bytes a second
  std::uint64_t down = 0;
  std::uint64_t requests = 0;  // a second
  std::uint64_t connections = 0;

  [[nodiscard]] bool any() const { return up + down + requests + connections > 0; }
  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

// What may be spent, as it flows in with time. Pure.
class Allowance {
 public:
  // Unspent allowance is kept for a tenth of a second, so that a pause is not followed by a flood.
  void flow(std::uint64_t per_second, std::int64_t now_ns);
  [[nodiscard]] bool is_there() const { return per_second_ == 0 || balance_ >= 0; }
  void spend(std::uint64_t amount);
  // Nanoseconds until it is there again.
  [[nodiscard]] std::int64_t wait_ns() const;

 private:
  std::uint64_t per_second_ = 0;
  double balance_ = 0;
  std::int64_t then_ns_ = 0;
};

class LimitedStore final : public ForwardingStore, public Probeable {
 public:
  LimitedStore(std::unique_ptr<ObjectStore> below, RateLimits limits);
  ~LimitedStore() override;

  void set_limits(const RateLimits& limits);
  [[nodiscard]] RateLimits limits() const;
  [[nodiscard]] std::size_t waiting() const;

  void get(GetRequest request, CallOptions options, Done<GetReply> done) override;
  void head(std::string key, CallOptions options, Done<ObjectHead> done) override;
  void list(ListRequest request, CallOptions options, Done<ListReply> done) override;
  void put(PutRequest request, CallOptions options, Done<PutReply> done) override;
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override;
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override;
  void multipart_begin(PutRequest request_without_body, CallOptions options, Done<UploadId> done) override;
  void multipart_part(PartRequest request, CallOptions options, Done<Part> done) override;
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override;
  void multipart_abort(UploadId upload, CallOptions options, Done<void> done) override;

  [[nodiscard]] Result<StoreTraits> probe(Millis deadline) override { return probe_any(*below_, deadline); }
  void adopt(const StoreTraits& traits) override { adopt_any(*below_, traits); }

 private:
  struct Waiting {
    std::uint64_t id = 0;
    std::uint64_t up = 0;
    bool down = false;  // waits for the allowance of what is received
    std::function<void()> begin;
    std::function<void(Error)> give_up;
    std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  };
  using WaitingPtr = std::shared_ptr<Waiting>;

  [[nodiscard]] ObjectStore& below() const override { return *below_; }
  template <class T>
  void pass(std::uint64_t up, bool down, CallOptions options, Done<T> done, std::function<void(CallOptions, Done<T>)> send);
  void enqueue(const WaitingPtr& waiting, const CallOptions& options);
  void give_up(std::uint64_t id);
  void ended(std::uint64_t received);
  void run(const std::stop_token& stop);
  // The next that may begin; null: none, and `wait_ns` is until one may, or -1.
  WaitingPtr next(std::int64_t& wait_ns) CD_REQUIRES(mutex_);

  std::atomic<bool> limited_;

  mutable Mutex mutex_;
  CondVar changed_;
  RateLimits limits_ CD_GUARDED_BY(mutex_);
  Allowance up_ CD_GUARDED_BY(mutex_);
  Allowance down_ CD_GUARDED_BY(mutex_);
  Allowance requests_ CD_GUARDED_BY(mutex_);
  std::uint64_t under_way_ CD_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_id_ CD_GUARDED_BY(mutex_) = 1;
  std::list<WaitingPtr> interactive_ CD_GUARDED_BY(mutex_);
  std::list<WaitingPtr> background_ CD_GUARDED_BY(mutex_);
  bool stopping_ CD_GUARDED_BY(mutex_) = false;

  std::unique_ptr<ObjectStore> below_;  // its end completes requests that come by here
  Thread thread_;                       // last: joined first
};

}  // namespace cd
