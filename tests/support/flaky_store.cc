#include "tests/support/flaky_store.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace cd::testing {

namespace {

void falsify(std::string& etag) {
  if (etag.empty()) etag = "0";
  etag[0] = etag[0] == '0' ? '1' : '0';
}

void damage_body(FaultKind kind, GetReply& reply) {
  std::string bytes = *reply.body;
  if (kind == FaultKind::truncated_body) bytes.resize(bytes.size() / 2);
  if (kind == FaultKind::corrupt_body && !bytes.empty()) bytes[bytes.size() / 2] ^= 1;
  reply.body = share(std::move(bytes));
}

template <class T>
void damage(FaultKind kind, Result<T>& result) {
  if (!result) return;
  if constexpr (std::is_same_v<T, GetReply>) {
    if (kind == FaultKind::wrong_etag) falsify(result->head.info.etag);
    else damage_body(kind, *result);
  } else if constexpr (std::is_same_v<T, ObjectHead>) {
    if (kind == FaultKind::wrong_etag) falsify(result->info.etag);
  } else if constexpr (std::is_same_v<T, PutReply> || std::is_same_v<T, Part>) {
    if (kind == FaultKind::wrong_etag) falsify(result->etag);
  }
}

std::uint64_t size_of(const SharedBytes& body) { return body ? body->size() : 0; }

}  // namespace

bool Match::covers(Verb call, const std::string& key) const {
  return (verb == Verb::any || verb == call) && key.find(key_part) != std::string::npos;
}

FlakyStore::~FlakyStore() { fail_held(Error{Code::cancelled, "the store is closing"}); }

void FlakyStore::add(Fault fault) {
  MutexLock lock(mutex_);
  faults_.push_back(Armed{std::move(fault), 0});
}

void FlakyStore::clear() {
  MutexLock lock(mutex_);
  faults_.clear();
}

void FlakyStore::set_down(bool down) {
  MutexLock lock(mutex_);
  down_ = down;
}

std::optional<FlakyStore::Decision> FlakyStore::note(Call call) {
  MutexLock lock(mutex_);
  std::optional<Decision> decision;
  if (down_) decision = Decision{FaultKind::error, Error{Code::unreachable, "the store does not answer (fault)"}};
  for (Armed& armed : faults_) {
    if (!armed.fault.on.covers(call.verb, call.key)) continue;
    const int number = ++armed.seen;
    const bool due = number >= armed.fault.nth &&
                     (armed.fault.times < 0 || number < armed.fault.nth + armed.fault.times);
    if (due && !decision) decision = Decision{armed.fault.kind, armed.fault.error};
  }
  calls_.push_back(std::move(call));
  changed_.notify_all();
  return decision;
}

template <class T>
void FlakyStore::pass(Call call, CallOptions options, Done<T> done,
                      std::function<void(CallOptions, Done<T>)> forward) {
  const std::optional<Decision> decision = note(std::move(call));
  if (!decision) return forward(std::move(options), std::move(done));
  switch (decision->kind) {
    case FaultKind::error:
      return done(fail(decision->error));
    case FaultKind::answer_lost:
      return forward(std::move(options),
                     [done = std::move(done), error = decision->error](Result<T>) { done(fail(error)); });
    case FaultKind::hold: {
      const std::stop_token cancel = options.cancel;
      return hold(cancel, [options, done, forward] { forward(options, done); },
                  [done](Error error) { done(fail(std::move(error))); });
    }
    case FaultKind::truncated_body:
    case FaultKind::corrupt_body:
    case FaultKind::wrong_etag:
      return forward(std::move(options), [done = std::move(done), kind = decision->kind](Result<T> result) {
        damage(kind, result);
        done(std::move(result));
      });
  }
}

void FlakyStore::hold(std::stop_token cancel, std::function<void()> resume, std::function<void(Error)> give_up) {
  auto held = std::make_shared<Held>();
  held->resume = std::move(resume);
  held->give_up = std::move(give_up);
  MutexLock lock(mutex_);
  const std::uint64_t id = held->id = next_held_++;
  held_.push_back(held);
  changed_.notify_all();
  lock.unlock();
  // Armed without the lock: a token that is stopped already runs the callback here and now. Whoever takes
  // the call from the list answers it, so it is answered once.
  held->on_cancel.emplace(std::move(cancel), [this, id] {
    if (const HeldPtr mine = take(id)) mine->give_up(Error{Code::cancelled, "the request was cancelled"});
  });
}

FlakyStore::HeldPtr FlakyStore::take(std::uint64_t id) {
  MutexLock lock(mutex_);
  const auto at = std::find_if(held_.begin(), held_.end(), [id](const HeldPtr& h) { return h->id == id; });
  if (at == held_.end()) return nullptr;
  HeldPtr mine = *at;
  held_.erase(at);
  return mine;
}

std::list<FlakyStore::HeldPtr> FlakyStore::take_all() {
  MutexLock lock(mutex_);
  return std::exchange(held_, {});
}

void FlakyStore::release_held() {
  for (const HeldPtr& held : take_all()) held->resume();
}

void FlakyStore::fail_held(Error error) {
  for (const HeldPtr& held : take_all()) held->give_up(error);
}

void FlakyStore::wait_held(std::size_t count) const {
  MutexLock lock(mutex_);
  while (held_.size() < count) changed_.wait(mutex_);
}

std::size_t FlakyStore::held() const {
  MutexLock lock(mutex_);
  return held_.size();
}

std::size_t FlakyStore::calls(const Match& match) const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      calls_.begin(), calls_.end(), [&](const Call& call) { return match.covers(call.verb, call.key); }));
}

std::vector<Call> FlakyStore::recorded() const {
  MutexLock lock(mutex_);
  return calls_;
}

void FlakyStore::wait_calls(const Match& match, std::size_t count) const {
  MutexLock lock(mutex_);
  for (;;) {
    const auto made = std::count_if(calls_.begin(), calls_.end(),
                                    [&](const Call& call) { return match.covers(call.verb, call.key); });
    if (static_cast<std::size_t>(made) >= count) return;
    changed_.wait(mutex_);
  }
}

void FlakyStore::forget_calls() {
  MutexLock lock(mutex_);
  calls_.clear();
}

void FlakyStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  Call call{Verb::get, request.key, request.offset, request.length};
  pass<GetReply>(std::move(call), std::move(options), std::move(done),
                 [this, request = std::move(request)](CallOptions o, Done<GetReply> d) {
                   below_.get(request, std::move(o), std::move(d));
                 });
}

void FlakyStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  pass<ObjectHead>(Call{Verb::head, key}, std::move(options), std::move(done),
                   [this, key](CallOptions o, Done<ObjectHead> d) { below_.head(key, std::move(o), std::move(d)); });
}

void FlakyStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  pass<ListReply>(Call{Verb::list, request.prefix}, std::move(options), std::move(done),
                  [this, request](CallOptions o, Done<ListReply> d) {
                    below_.list(request, std::move(o), std::move(d));
                  });
}

void FlakyStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  pass<PutReply>(Call{Verb::put, request.key, 0, size_of(request.body)}, std::move(options), std::move(done),
                 [this, request](CallOptions o, Done<PutReply> d) {
                   below_.put(request, std::move(o), std::move(d));
                 });
}

void FlakyStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  pass<PutReply>(Call{Verb::copy, request.key}, std::move(options), std::move(done),
                 [this, request](CallOptions o, Done<PutReply> d) {
                   below_.copy(request, std::move(o), std::move(d));
                 });
}

void FlakyStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  pass<void>(Call{Verb::remove, key}, std::move(options), std::move(done),
             [this, key, etag](CallOptions o, Done<void> d) { below_.remove(key, etag, std::move(o), std::move(d)); });
}

void FlakyStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  pass<UploadId>(Call{Verb::begin, request.key}, std::move(options), std::move(done),
                 [this, request](CallOptions o, Done<UploadId> d) {
                   below_.multipart_begin(request, std::move(o), std::move(d));
                 });
}

void FlakyStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  pass<Part>(Call{Verb::part, request.upload.key, 0, size_of(request.body)}, std::move(options), std::move(done),
             [this, request](CallOptions o, Done<Part> d) {
               below_.multipart_part(request, std::move(o), std::move(d));
             });
}

void FlakyStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  pass<PutReply>(Call{Verb::finish, request.upload.key}, std::move(options), std::move(done),
                 [this, request](CallOptions o, Done<PutReply> d) {
                   below_.multipart_finish(request, std::move(o), std::move(d));
                 });
}

void FlakyStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  pass<void>(Call{Verb::abort, upload.key}, std::move(options), std::move(done),
             [this, upload](CallOptions o, Done<void> d) {
               below_.multipart_abort(upload, std::move(o), std::move(d));
             });
}

}  // namespace cd::testing
