#include "remote/retrying_store.h"

#include <atomic>
#include <memory>
#include <random>
#include <utility>

#include "remote/deadline.h"
#include "remote/digest.h"

namespace cd {

namespace {

double roll() {
  thread_local std::minstd_rand dice{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(dice);
}

// The try may have been applied although we were told otherwise, or nothing.
bool leaves_open(Code code) { return code == Code::timeout || code == Code::io || code == Code::unreachable; }

}  // namespace

template <class T>
struct RetryingStore::Verb {
  CallOptions options;
  SteadyTime deadline;
  Done<T> done;
  std::function<void(CallOptions, Done<T>)> send;
  int tries = 0;
};

RetryingStore::RetryingStore(ObjectStore& below, Timer& timer, const StoreHealth& health, RetryPolicy policy)
    : below_(below), timer_(timer), health_(health), policy_(policy) {}

template <class T>
void RetryingStore::start(const CallOptions& options, Done<T> done, std::function<void(CallOptions, Done<T>)> send) {
  try_once(std::make_shared<Verb<T>>(Verb<T>{options, deadline_of(options), std::move(done), std::move(send)}));
}

template <class T>
void RetryingStore::try_once(std::shared_ptr<Verb<T>> verb) {
  ++verb->tries;
  verb->send(rest_of(verb->options, verb->deadline), [this, verb](Result<T> answer) { judge(verb, std::move(answer)); });
}

template <class T>
void RetryingStore::judge(const std::shared_ptr<Verb<T>>& verb, Result<T> answer) {
  if (answer) return verb->done(std::move(answer));
  const auto left = std::chrono::duration_cast<Millis>(verb->deadline - std::chrono::steady_clock::now());
  const auto delay = health_.is_offline() ? std::nullopt
                                          : next_delay(policy_, verb->tries, answer.error().code, left, roll());
  if (!delay) return verb->done(std::move(answer));
  timer_.after(*delay, verb->options.cancel, [this, verb] {
    if (verb->options.cancel.stop_requested()) return verb->done(fail(Code::cancelled, "the request was cancelled"));
    try_once(verb);
  });
}

void RetryingStore::was_it_us(const Sent& sent, const CallOptions& options, Error refused,
                              const Done<PutReply>& done) {
  head(sent.key, options, [this, sent, options, deadline = deadline_of(options), refused = std::move(refused),
                           done](Result<ObjectHead> head) {
    if (head && sent.is_ours(*head)) return done(PutReply{std::move(head->info.etag)});
    // Could not ask: then "refused" is not known to be true either.
    if (!head && head.error().code != Code::not_found) return done(fail(std::move(head.error())));
    const bool may_be_ours = head && sent.body && head->info.size == sent.body->size();
    if (!may_be_ours) return done(fail(refused));
    compare_bytes(sent, head->info.etag, rest_of(options, deadline), refused, done);
  });
}

void RetryingStore::compare_bytes(const Sent& sent, const std::string& etag, const CallOptions& options,
                                  Error refused, const Done<PutReply>& done) {
  get(GetRequest{sent.key, 0, UINT64_MAX, etag}, options,
      [sent, etag, refused = std::move(refused), done](Result<GetReply> reply) {
        if (reply && *reply->body == *sent.body) return done(PutReply{etag});
        if (!reply && is_transient(reply.error().code)) return done(fail(std::move(reply.error())));
        done(fail(refused));
      });
}

void RetryingStore::start_write(Sent sent, const CallOptions& options, Done<PutReply> done,
                                std::function<void(CallOptions, Done<PutReply>)> send) {
  auto open = std::make_shared<std::atomic<bool>>(false);  // a try before this one may have been applied
  auto watched = [open, send = std::move(send)](CallOptions rest, Done<PutReply> told) {
    send(rest, [open, told = std::move(told)](Result<PutReply> answer) {
      if (!answer && leaves_open(answer.error().code)) *open = true;
      told(std::move(answer));
    });
  };
  auto settled = [this, sent = std::move(sent), options, open, deadline = deadline_of(options),
                  done = std::move(done)](Result<PutReply> answer) {
    const bool refused = !answer && (answer.error().code == Code::precondition_failed ||
                                     answer.error().code == Code::not_found);
    if (!refused || !*open) return done(std::move(answer));
    was_it_us(sent, rest_of(options, deadline), std::move(answer.error()), done);
  };
  start<PutReply>(options, std::move(settled), std::move(watched));
}

void RetryingStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  start<GetReply>(options, std::move(done), [this, request = std::move(request)](CallOptions rest, Done<GetReply> told) {
    below_.get(request, rest, std::move(told));
  });
}

void RetryingStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  start<ObjectHead>(options, std::move(done), [this, key = std::move(key)](CallOptions rest, Done<ObjectHead> told) {
    below_.head(key, rest, std::move(told));
  });
}

void RetryingStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  start<ListReply>(options, std::move(done),
                   [this, request = std::move(request)](CallOptions rest, Done<ListReply> told) {
                     below_.list(request, rest, std::move(told));
                   });
}

void RetryingStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  auto send = [this, request](CallOptions rest, Done<PutReply> told) { below_.put(request, rest, std::move(told)); };
  if (request.condition.kind == Condition::Kind::none) return start<PutReply>(options, std::move(done), std::move(send));
  auto is_ours = [body = request.body](const ObjectHead& head) {
    return head.info.etag == md5_hex(body ? std::string_view(*body) : std::string_view());
  };
  start_write({request.key, std::move(is_ours), request.body}, options, std::move(done), std::move(send));
}

void RetryingStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  auto send = [this, request](CallOptions rest, Done<PutReply> told) { below_.copy(request, rest, std::move(told)); };
  // A copy onto itself may change the ETag (of a multipart object), so its labels must tell.
  auto is_ours = [request](const ObjectHead& head) {
    return (request.key == request.source_key || head.info.etag == request.source_etag) &&
           head.metadata == request.metadata;
  };
  start_write({request.key, std::move(is_ours), nullptr}, options, std::move(done), std::move(send));
}

void RetryingStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  start<void>(options, std::move(done),
              [this, key = std::move(key), etag = std::move(etag)](CallOptions rest, Done<void> told) {
                below_.remove(key, etag, rest, std::move(told));
              });
}

void RetryingStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  start<UploadId>(options, std::move(done), [this, request = std::move(request)](CallOptions rest, Done<UploadId> told) {
    below_.multipart_begin(request, rest, std::move(told));
  });
}

void RetryingStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  start<Part>(options, std::move(done), [this, request = std::move(request)](CallOptions rest, Done<Part> told) {
    below_.multipart_part(request, rest, std::move(told));
  });
}

void RetryingStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  auto send = [this, request](CallOptions rest, Done<PutReply> told) {
    below_.multipart_finish(request, rest, std::move(told));
  };
  std::vector<std::string> etags;
  for (const Part& part : request.parts) etags.push_back(part.etag);
  auto is_ours = [expected = multipart_etag(etags)](const ObjectHead& head) {
    return !expected.empty() && head.info.etag == expected;
  };
  start_write({request.upload.key, std::move(is_ours), nullptr}, options, std::move(done), std::move(send));
}

void RetryingStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  start<void>(options, std::move(done), [this, upload = std::move(upload)](CallOptions rest, Done<void> told) {
    below_.multipart_abort(upload, rest, std::move(told));
  });
}

}  // namespace cd
