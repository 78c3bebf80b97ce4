// S3Store: the S3 API over an HttpTransport. One verb is one request; a get past the end, and
// the end of an upload where the server does not tell the ETag, ask by HEAD too.
// It sends a condition where the traits say that the server honours it, and not otherwise; asking by HEAD
// instead is GuardedStore's work, trying again is RetryingStore's.
//
// Every answer is compared with what was asked: ETag against the MD5 of what was sent, Content-Range and
// Content-Length against the range; a 200 that carries an <Error> document is an error.
// Thread-safe. Digests and signatures are made on the caller's thread, answers are read on the transport's.
// All references must outlive it.
#pragma once

#include <functional>
#include <memory>

#include "base/mutex.h"
#include "remote/credentials.h"
#include "remote/http.h"
#include "remote/s3_request.h"
#include "remote/throttle.h"

namespace cd {

// The traits that all layers of one store share; replaced as a whole.
class TraitsCell {
 public:
  explicit TraitsCell(StoreTraits traits) : traits_(std::make_shared<const StoreTraits>(std::move(traits))) {}
  [[nodiscard]] std::shared_ptr<const StoreTraits> get() const {
    MutexLock lock(mutex_);
    return traits_;
  }
  void set(StoreTraits traits) {
    auto next = std::make_shared<const StoreTraits>(std::move(traits));
    MutexLock lock(mutex_);
    traits_ = std::move(next);
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const StoreTraits> traits_ CD_GUARDED_BY(mutex_);
};

struct S3Parts {
  HttpTransport& transport;
  Credentials& credentials;
  Throttle& throttle;
  const Clock& clock;
  std::function<void(std::int64_t)> on_server_clock;  // wall ns of an answer's Date; may be empty
};

class S3Store final : public ObjectStore {
 public:
  S3Store(S3Place place, S3Parts parts, const TraitsCell& traits, std::uint64_t body_bytes_max);

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
  [[nodiscard]] Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) override;
  [[nodiscard]] StoreTraits traits() const override { return *traits_.get(); }

 private:
  // Sends, and hands `read` every answer that is a success; failures become errors named after `what`.
  template <class T>
  void call(S3Request request, const CallOptions& options, std::string what, Done<T> done,
            std::function<Result<T>(HttpResponse)> read);
  // Success or error; tells throttle and clock what the answer says of them.
  Status check(const HttpResponse& response, S3Answers accepted, const std::string& what);
  [[nodiscard]] std::string full(const std::string& key) const { return place_.prefix + key; }
  [[nodiscard]] std::string if_match_value(const std::string& etag) const;
  void get_verified(const GetRequest& request, const CallOptions& options, const std::string& doubted_md5,
                    Done<GetReply> done);
  void get_past_end(const GetRequest& request, const CallOptions& options, Done<GetReply> done);

  void confirm(const std::string& key, const std::string& expected, const CallOptions& options, Done<PutReply> done);

  const S3Place place_;
  const S3Parts parts_;
  const TraitsCell& traits_;
  const std::uint64_t body_bytes_max_;
};

}  // namespace cd
