// FlakyStore: any store, with faults on order. It counts and records every call, and where a fault
// matches, it fails the call, loses or falsifies the answer, or holds the call until the test lets it go.
//
//   FlakyStore flaky(memory);
//   flaky.add({.on = {Verb::put, "kick"}, .kind = FaultKind::answer_lost, .nth = 1});
//   flaky.add({.on = {Verb::get}, .kind = FaultKind::hold});
//   ... flaky.wait_held(2); flaky.release_held();
//
// `done` is called on a thread of the inner store; for a fault without a request to the inner store before
// the verb returns; for a held call that is failed or cancelled on the thread that does so.
// Nothing here waits for a time: tests wait for counts (wait_calls, wait_held).
// Thread-safe. The inner store must outlive it. Its destructor ends held calls as cancelled.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "remote/forwarding_store.h"

namespace cd::testing {

enum class Verb : std::uint8_t { get, head, list, put, copy, remove, begin, part, finish, abort, any };

struct Match {
  Verb verb = Verb::any;
  std::string key_part;  // a piece of the key (of the prefix for list); "" = every key

  [[nodiscard]] bool covers(Verb call, const std::string& key) const;
};

enum class FaultKind : std::uint8_t {
  error,           // not applied; answered with `error`
  answer_lost,     // applied; answered with `error`
  hold,            // kept back before it is applied, until release_held, fail_held or its cancel token
  truncated_body,  // get: half of the body, as a store would give that breaks its contract
  corrupt_body,    // get: one bit of the body is wrong
  wrong_etag,      // get, head, put, copy, part, finish: an ETag that is not the object's
};

struct Fault {
  Match on;
  FaultKind kind = FaultKind::error;
  Error error{Code::unreachable, "the store does not answer (fault)"};
  int nth = 1;     // begins with the nth matching call after add()
  int times = -1;  // so many calls; -1 = until clear()
};

struct Call {
  Verb verb = Verb::any;
  std::string key;
  std::uint64_t offset = 0;  // get
  std::uint64_t length = 0;  // get: as asked; put, part: bytes in the body
};

class FlakyStore final : public ForwardingStore {
 public:
  explicit FlakyStore(ObjectStore& inner) : below_(inner) {}
  ~FlakyStore() override;

  void add(Fault fault);
  void clear();  // no more faults; held calls stay held
  // Every verb answers `unreachable` until it is called with false.
  void set_down(bool down);

  void release_held();         // they go on to the inner store, in the order of the calls; later ones too are held
  void fail_held(Error error);
  void wait_held(std::size_t count) const;  // until so many are held
  [[nodiscard]] std::size_t held() const;

  [[nodiscard]] std::size_t calls(const Match& match = {}) const;
  [[nodiscard]] std::vector<Call> recorded() const;
  void wait_calls(const Match& match, std::size_t count) const;  // until so many were made
  void forget_calls();

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

 private:
  [[nodiscard]] ObjectStore& below() const override { return below_; }

  struct Armed {
    Fault fault;
    int seen = 0;
  };
  struct Held {
    std::uint64_t id = 0;
    std::function<void()> resume;
    std::function<void(Error)> give_up;
    std::optional<std::stop_callback<std::function<void()>>> on_cancel;
  };
  struct Decision {
    FaultKind kind{};
    Error error;
  };
  using HeldPtr = std::shared_ptr<Held>;

  template <class T>
  void pass(Call call, CallOptions options, Done<T> done, std::function<void(CallOptions, Done<T>)> forward);
  std::optional<Decision> note(Call call);
  void hold(std::stop_token cancel, std::function<void()> resume, std::function<void(Error)> give_up);
  HeldPtr take(std::uint64_t id);  // null: somebody else took it
  std::list<HeldPtr> take_all();

  ObjectStore& below_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::vector<Armed> faults_ CD_GUARDED_BY(mutex_);
  std::vector<Call> calls_ CD_GUARDED_BY(mutex_);
  std::list<HeldPtr> held_ CD_GUARDED_BY(mutex_);
  std::uint64_t next_held_ CD_GUARDED_BY(mutex_) = 1;
  bool down_ CD_GUARDED_BY(mutex_) = false;
};

}  // namespace cd::testing
