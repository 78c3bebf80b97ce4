#include "remote/guarded_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "remote/deadline.h"

namespace cd {

namespace {

bool honoured(const Condition& condition, bool if_absent, bool if_match) {
  switch (condition.kind) {
    case Condition::Kind::none: return true;
    case Condition::Kind::if_absent: return if_absent;
    case Condition::Kind::if_match: return if_match;
  }
  return false;
}

Error not_met(const std::string& key, const Condition& condition) {
  return {Code::precondition_failed,
          fmt::format("\"{}\" {}", printable(key),
                      condition.kind == Condition::Kind::if_absent ? "exists already" : "is another version by now")};
}

template <class T>
std::function<void(Error)> refuse_with(const Done<T>& done) {
  return [done](Error error) { done(fail(std::move(error))); };
}

}  // namespace

void GuardedStore::ask_first(const std::string& key, const Condition& condition, const CallOptions& options,
                             std::function<void(Error)> refuse, Deed deed) {
  const SteadyTime deadline = deadline_of(options);
  below_.head(key, options,
              [key, condition, options, deadline, refuse = std::move(refuse),
               deed = std::move(deed)](Result<ObjectHead> head) {
                if (!head && head.error().code != Code::not_found) return refuse(std::move(head.error()));
                const bool holds = condition.kind == Condition::Kind::if_absent
                                       ? !head.has_value()
                                       : head.has_value() && head->info.etag == condition.etag;
                if (!holds) return refuse(not_met(key, condition));
                deed(rest_of(options, deadline));
              });
}

void GuardedStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  const StoreTraits traits = below_.traits();
  if (honoured(request.condition, traits.put_if_absent, traits.put_if_match)) {
    return below_.put(std::move(request), options, std::move(done));
  }
  const std::string key = request.key;
  const Condition condition = request.condition;
  auto deed = [this, request = std::move(request), done](CallOptions rest) { below_.put(request, rest, done); };
  ask_first(key, condition, options, refuse_with(done), std::move(deed));
}

void GuardedStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  // Conditions on the destination of a copy are new at Amazon and unknown elsewhere: always asked.
  if (request.condition.kind != Condition::Kind::none) {
    const std::string key = request.key;
    const Condition condition = std::exchange(request.condition, Condition::none());
    auto deed = [this, request = std::move(request), done](CallOptions rest) { copy(request, rest, done); };
    return ask_first(key, condition, options, refuse_with(done), std::move(deed));
  }
  if (request.source_etag.empty() || below_.traits().copy_source_if_match) {
    return below_.copy(std::move(request), options, std::move(done));
  }
  const std::string source = request.source_key;
  const Condition unchanged = Condition::if_match(request.source_etag);
  auto deed = [this, request = std::move(request), done](CallOptions rest) { below_.copy(request, rest, done); };
  ask_first(source, unchanged, options, refuse_with(done), std::move(deed));
}

void GuardedStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  if (etag.empty() || below_.traits().delete_if_match) {
    return below_.remove(std::move(key), std::move(etag), options, std::move(done));
  }
  const SteadyTime deadline = deadline_of(options);
  below_.head(key, options, [this, key, etag, options, deadline, done = std::move(done)](Result<ObjectHead> head) {
    if (!head && head.error().code == Code::not_found) return done({});
    if (!head) return done(fail(std::move(head.error())));
    if (head->info.etag != etag) return done(fail(not_met(key, Condition::if_match(etag))));
    below_.remove(key, etag, rest_of(options, deadline), done);
  });
}

void GuardedStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  if (request.body || request.source_etag.empty() || below_.traits().copy_source_if_match) {
    return below_.multipart_part(std::move(request), options, std::move(done));
  }
  const std::string source = request.source_key;
  const Condition unchanged = Condition::if_match(request.source_etag);
  auto deed = [this, request = std::move(request), done](CallOptions rest) {
    below_.multipart_part(request, rest, done);
  };
  ask_first(source, unchanged, options, refuse_with(done), std::move(deed));
}

void GuardedStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  if (honoured(request.condition, below_.traits().finish_if_absent, false)) {
    return below_.multipart_finish(std::move(request), options, std::move(done));
  }
  const std::string key = request.upload.key;
  const Condition condition = request.condition;
  auto deed = [this, request = std::move(request), done](CallOptions rest) {
    below_.multipart_finish(request, rest, done);
  };
  ask_first(key, condition, options, refuse_with(done), std::move(deed));
}

}  // namespace cd
