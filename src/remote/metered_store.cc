#include "remote/metered_store.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>

namespace cd {

namespace {

std::uint64_t size_of(const SharedBytes& bytes) { return bytes ? bytes->size() : 0; }

// Answers that say no, from a store that is well.
bool is_an_answer(Code code) {
  switch (code) {
    case Code::unreachable:
    case Code::timeout:
    case Code::throttled:
    case Code::no_descriptors:
    case Code::io:
    case Code::permission:
    case Code::credentials:
    case Code::corrupt: return false;
    default: return true;
  }
}

}  // namespace

MeteredStore::MeteredStore(ObjectStore& below, StoreHealth& health, MetricRegistry& metrics)
    : below_(below),
      health_(health),
      metrics_(metrics),
      bytes_sent_(metrics.counter("cratedrive_store_bytes_sent_total", "Bytes of objects sent to the store")),
      bytes_received_(metrics.counter("cratedrive_store_bytes_received_total", "Bytes of objects received")) {
  static constexpr const char* kNames[kVerbs] = {"get",  "head",  "list", "put",    "copy",
                                                 "remove", "begin", "part", "finish", "abort"};
  for (std::size_t verb = 0; verb < kVerbs; ++verb) {
    requests_[verb] = &metrics.counter("cratedrive_store_requests_total", "Requests to the store, repeated ones too",
                                       fmt::format("verb=\"{}\"", kNames[verb]));
  }
}

template <class T>
bool MeteredStore::stopped_by_gate(const Done<T>& done) const {
  if (!health_.is_offline()) return false;
  done(fail(Code::unreachable, "the drive is offline on purpose: write online to .cratedrive/control"));
  return true;
}

void MeteredStore::count_outcome(const Error* error) {
  if (error == nullptr) {
    health_.request_succeeded();
    return;
  }
  if (error->code == Code::cancelled) return;
  metrics_
      .counter("cratedrive_store_errors_total", "Requests that failed, by code",
               fmt::format("code=\"{}\"", name_of(error->code)))
      .add();
  if (!is_an_answer(error->code)) {
    health_.request_failed(*error);
  } else if (error->code == Code::not_found || error->code == Code::precondition_failed) {
    health_.request_succeeded();  // others, "invalid" say, may never have left this machine
  }
}

template <class T>
Done<T> MeteredStore::count(Verb verb, std::uint64_t bytes_sent, Done<T> done) {
  requests_[verb]->add();
  bytes_sent_.add(bytes_sent);
  return [this, done = std::move(done)](Result<T> answer) {
    if constexpr (std::is_same_v<T, GetReply>) {
      if (answer) bytes_received_.add(size_of(answer->body));
    }
    count_outcome(answer ? nullptr : &answer.error());
    done(std::move(answer));
  };
}

void MeteredStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  if (stopped_by_gate(done)) return;
  below_.get(std::move(request), options, count(kGet, 0, std::move(done)));
}

void MeteredStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  if (stopped_by_gate(done)) return;
  below_.head(std::move(key), options, count(kHead, 0, std::move(done)));
}

void MeteredStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  if (stopped_by_gate(done)) return;
  below_.list(std::move(request), options, count(kList, 0, std::move(done)));
}

void MeteredStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  if (stopped_by_gate(done)) return;
  const std::uint64_t bytes = size_of(request.body);
  below_.put(std::move(request), options, count(kPut, bytes, std::move(done)));
}

void MeteredStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  if (stopped_by_gate(done)) return;
  below_.copy(std::move(request), options, count(kCopy, 0, std::move(done)));
}

void MeteredStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  if (stopped_by_gate(done)) return;
  below_.remove(std::move(key), std::move(etag), options, count(kRemove, 0, std::move(done)));
}

void MeteredStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  if (stopped_by_gate(done)) return;
  below_.multipart_begin(std::move(request), options, count(kBegin, 0, std::move(done)));
}

void MeteredStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  if (stopped_by_gate(done)) return;
  const std::uint64_t bytes = size_of(request.body);
  below_.multipart_part(std::move(request), options, count(kPart, bytes, std::move(done)));
}

void MeteredStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  if (stopped_by_gate(done)) return;
  below_.multipart_finish(std::move(request), options, count(kFinish, 0, std::move(done)));
}

void MeteredStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  if (stopped_by_gate(done)) return;
  below_.multipart_abort(std::move(upload), options, count(kAbort, 0, std::move(done)));
}

}  // namespace cd
