#include "remote/limited_store.h"

#include <algorithm>
#include <chrono>

namespace cd {
namespace {

constexpr double kSecond = 1e9;
constexpr double kKeptSeconds = 0.1;

std::int64_t steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
std::uint64_t size_of(const SharedBytes& bytes) { return bytes ? bytes->size() : 0; }

}  // namespace

void Allowance::flow(std::uint64_t per_second, std::int64_t now_ns) {
  if (per_second_ != per_second) {
    per_second_ = per_second;  // a new limit begins without debts of the old one
    balance_ = 0;
  } else if (per_second > 0) {
    const auto rate = static_cast<double>(per_second);
    balance_ += rate * static_cast<double>(now_ns - then_ns_) / kSecond;
    balance_ = std::min(balance_, rate * kKeptSeconds);
  }
  then_ns_ = now_ns;
}

void Allowance::spend(std::uint64_t amount) {
  if (per_second_ > 0) balance_ -= static_cast<double>(amount);
}

std::int64_t Allowance::wait_ns() const {
  if (is_there()) return 0;
  return static_cast<std::int64_t>(-balance_ / static_cast<double>(per_second_) * kSecond) + 1;
}

LimitedStore::LimitedStore(std::unique_ptr<ObjectStore> below, RateLimits limits)
    : limited_(limits.any()), limits_(limits), below_(std::move(below)),
      thread_("limit", [this](const std::stop_token& stop) { run(stop); }) {}

LimitedStore::~LimitedStore() {
  thread_.request_stop();
  std::list<WaitingPtr> left;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    left.splice(left.end(), interactive_);
    left.splice(left.end(), background_);
    changed_.notify_all();
  }
  thread_.join();
  for (const WaitingPtr& waiting : left) {
    waiting->on_cancel.reset();
    waiting->give_up({Code::cancelled, "the drive is being unmounted"});
  }
  below_.reset();
}

void LimitedStore::set_limits(const RateLimits& limits) {
  MutexLock lock(mutex_);
  limits_ = limits;
  limited_ = limits.any();
  changed_.notify_all();
}

RateLimits LimitedStore::limits() const {
  MutexLock lock(mutex_);
  return limits_;
}

std::size_t LimitedStore::waiting() const {
  MutexLock lock(mutex_);
  return interactive_.size() + background_.size();
}

LimitedStore::WaitingPtr LimitedStore::next(std::int64_t& wait_ns) {
  wait_ns = -1;
  const std::int64_t now = steady_now();
  up_.flow(limits_.up, now);
  down_.flow(limits_.down, now);
  requests_.flow(limits_.requests, now);
  if (limits_.connections > 0 && under_way_ >= limits_.connections) return nullptr;  // an end wakes us
  for (auto* queue : {&interactive_, &background_}) {
    for (auto at = queue->begin(); at != queue->end(); ++at) {
      const WaitingPtr waiting = *at;
      std::int64_t wait = requests_.wait_ns();
      if (waiting->up > 0) wait = std::max(wait, up_.wait_ns());
      if (waiting->down) wait = std::max(wait, down_.wait_ns());
      if (wait == 0) {
        queue->erase(at);
        requests_.spend(1);
        up_.spend(waiting->up);
        ++under_way_;
        return waiting;
      }
      wait_ns = wait_ns < 0 ? wait : std::min(wait_ns, wait);
      if (requests_.wait_ns() > 0) break;  // nobody behind may begin either
    }
  }
  return nullptr;
}

void LimitedStore::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    WaitingPtr waiting;
    {
      MutexLock lock(mutex_);
      std::int64_t wait_ns = -1;
      if (stopping_) return;
      waiting = next(wait_ns);
      if (!waiting && wait_ns < 0) {
        changed_.wait(mutex_);
      } else if (!waiting) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(wait_ns);
        (void)changed_.wait_until(mutex_, until);
      }
    }
    if (!waiting) continue;
    waiting->on_cancel.reset();  // from here on the store below listens to it
    waiting->begin();
  }
}

void LimitedStore::ended(std::uint64_t received) {
  MutexLock lock(mutex_);
  down_.spend(received);
  --under_way_;
  changed_.notify_all();
}

void LimitedStore::give_up(std::uint64_t id) {
  WaitingPtr found;
  {
    MutexLock lock(mutex_);
    for (auto* queue : {&interactive_, &background_}) {
      const auto at = std::find_if(queue->begin(), queue->end(), [id](const auto& one) { return one->id == id; });
      if (at == queue->end()) continue;
      found = *at;
      queue->erase(at);
      break;
    }
  }
  if (found) found->give_up({Code::cancelled, "cancelled"});
}

void LimitedStore::enqueue(const WaitingPtr& waiting, const CallOptions& options) {
  std::uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    id = waiting->id = next_id_++;
  }
  // Before it can be found by the thread that would take the callback away again.
  waiting->on_cancel.emplace(options.cancel, [this, id] { give_up(id); });
  bool refused = options.cancel.stop_requested();
  if (!refused) {
    MutexLock lock(mutex_);
    refused = stopping_;
    if (!refused) (options.priority == Priority::interactive ? interactive_ : background_).push_back(waiting);
    changed_.notify_all();
  }
  if (refused) return waiting->give_up({Code::cancelled, "cancelled"});
  if (options.cancel.stop_requested()) give_up(id);  // it came in between
}

template <class T>
void LimitedStore::pass(std::uint64_t up, bool down, CallOptions options, Done<T> done,
                        std::function<void(CallOptions, Done<T>)> send) {
  if (!limited_.load(std::memory_order_relaxed)) return send(std::move(options), std::move(done));
  const auto answer = std::make_shared<Done<T>>(std::move(done));
  auto waiting = std::make_shared<Waiting>();
  waiting->up = up;
  waiting->down = down;
  waiting->begin = [this, options, answer, send = std::move(send)] {
    send(options, [this, answer](Result<T> result) {
      std::uint64_t received = 0;
      if constexpr (std::is_same_v<T, GetReply>) received = result ? size_of(result->body) : 0;
      ended(received);
      (*answer)(std::move(result));
    });
  };
  waiting->give_up = [answer](Error error) { (*answer)(fail(std::move(error))); };
  enqueue(waiting, options);
}

void LimitedStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  pass<GetReply>(0, true, std::move(options), std::move(done),
                 [this, r = std::move(request)](CallOptions o, Done<GetReply> d) { below_->get(r, std::move(o), std::move(d)); });
}
void LimitedStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  pass<ObjectHead>(0, false, std::move(options), std::move(done),
                   [this, k = std::move(key)](CallOptions o, Done<ObjectHead> d) { below_->head(k, std::move(o), std::move(d)); });
}
void LimitedStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  pass<ListReply>(0, false, std::move(options), std::move(done),
                  [this, r = std::move(request)](CallOptions o, Done<ListReply> d) { below_->list(r, std::move(o), std::move(d)); });
}
void LimitedStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  const std::uint64_t bytes = size_of(request.body);
  pass<PutReply>(bytes, false, std::move(options), std::move(done),
                 [this, r = std::move(request)](CallOptions o, Done<PutReply> d) { below_->put(r, std::move(o), std::move(d)); });
}
void LimitedStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  pass<PutReply>(0, false, std::move(options), std::move(done),
                 [this, r = std::move(request)](CallOptions o, Done<PutReply> d) { below_->copy(r, std::move(o), std::move(d)); });
}
void LimitedStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  pass<void>(0, false, std::move(options), std::move(done),
             [this, k = std::move(key), e = std::move(etag)](CallOptions o, Done<void> d) { below_->remove(k, e, std::move(o), std::move(d)); });
}
void LimitedStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  pass<UploadId>(0, false, std::move(options), std::move(done), [this, r = std::move(request)](CallOptions o, Done<UploadId> d) {
    below_->multipart_begin(r, std::move(o), std::move(d));
  });
}
void LimitedStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  const std::uint64_t bytes = size_of(request.body);
  pass<Part>(bytes, false, std::move(options), std::move(done), [this, r = std::move(request)](CallOptions o, Done<Part> d) {
    below_->multipart_part(r, std::move(o), std::move(d));
  });
}
void LimitedStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  pass<PutReply>(0, false, std::move(options), std::move(done), [this, r = std::move(request)](CallOptions o, Done<PutReply> d) {
    below_->multipart_finish(r, std::move(o), std::move(d));
  });
}
void LimitedStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  pass<void>(0, false, std::move(options), std::move(done), [this, u = std::move(upload)](CallOptions o, Done<void> d) {
    below_->multipart_abort(u, std::move(o), std::move(d));
  });
}

}  // namespace cd
