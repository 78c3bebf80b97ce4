// MemoryStore: a bucket in memory that keeps the whole contract of ObjectStore. For tests of the rooms
// above `remote`, which need a bucket that is quick, can be looked into, and starts empty.
//
// ETags are a hash of the content (32 hexadecimal digits), so equal content has an equal ETag, as with
// single PUTs to S3; a multipart object has "<hash of hashes>-<parts>".
// With `threads` = 0 every verb is answered before it returns, on the caller's thread; otherwise on threads
// of the store, in the order of the calls when there is one. Deadlines never pass here: nothing takes time.
// Thread-safe. The clock must outlive it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/queue.h"
#include "base/thread.h"
#include "remote/object_store.h"

namespace cd::testing {

struct MemoryStoreOptions {
  int threads = 1;
  std::uint64_t part_bytes_min = 5u << 20;  // smaller ones make tests of multipart cheap
  std::string presign_base;                 // "" = presign is unsupported; else the URL in front of the key
};

class MemoryStore final : public ObjectStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options = {}, const Clock& clock = system_clock());
  ~MemoryStore() override;

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
  [[nodiscard]] Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) override;
  [[nodiscard]] StoreTraits traits() const override;

  // The bucket behind the back of whoever is under test: at once, without a request.
  std::string put_object(const std::string& key, std::string bytes, Metadata metadata = {},
                         std::string content_type = "application/octet-stream");  // gives the ETag
  void remove_object(const std::string& key);
  [[nodiscard]] std::optional<std::string> bytes_of(const std::string& key) const;
  [[nodiscard]] std::optional<ObjectHead> head_of(const std::string& key) const;
  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] std::size_t open_uploads() const;  // multipart uploads neither finished nor aborted
  // What traits() says from now on; conditions are kept whatever it says, unless set_conditions says otherwise.
  void set_traits(StoreTraits traits);
  // What the server makes of a condition on a write: there are those that overlook it.
  enum class Conditions : std::uint8_t { kept, if_absent, ignored };  // if_absent: that one alone is kept
  void set_conditions(Conditions conditions);

 private:
  struct Object {
    ObjectHead head;
    SharedBytes bytes;
  };
  struct StoredPart {
    SharedBytes bytes;
    std::string etag;
  };
  struct Upload {
    PutRequest request;
    std::map<int, StoredPart> parts;
    std::string finished_etag;  // not empty: finished; asked again it gives the same answer, as S3 does
  };
  using Job = std::function<void()>;

  template <class T>
  void answer(const CallOptions& options, Done<T> done, std::function<Result<T>()> apply);

  Result<GetReply> apply_get(const GetRequest& request) const CD_REQUIRES(mutex_);
  Result<ListReply> apply_list(const ListRequest& request) const CD_REQUIRES(mutex_);
  Result<PutReply> apply_copy(const CopyRequest& request) CD_REQUIRES(mutex_);
  Result<Part> apply_part(const PartRequest& request) CD_REQUIRES(mutex_);
  Result<PutReply> apply_finish(const FinishRequest& request) CD_REQUIRES(mutex_);
  Result<const Object*> find(const std::string& key, const std::string& etag) const CD_REQUIRES(mutex_);
  Status check(const std::string& key, const Condition& condition) const CD_REQUIRES(mutex_);
  Result<Upload*> find_upload(const UploadId& upload) CD_REQUIRES(mutex_);
  PutReply store(const PutRequest& request, SharedBytes bytes, std::string etag) CD_REQUIRES(mutex_);

  const MemoryStoreOptions options_;
  const Clock& clock_;

  mutable Mutex mutex_;
  std::map<std::string, Object> objects_ CD_GUARDED_BY(mutex_);
  std::map<std::string, Upload> uploads_ CD_GUARDED_BY(mutex_);  // by id
  std::uint64_t next_upload_ CD_GUARDED_BY(mutex_) = 1;
  StoreTraits traits_ CD_GUARDED_BY(mutex_);
  Conditions conditions_ CD_GUARDED_BY(mutex_) = Conditions::kept;

  std::atomic<bool> closing_{false};
  BoundedQueue<Job> jobs_{std::size_t{1} << 20};
  std::vector<Thread> threads_;  // last: stopped first
};

}  // namespace cd::testing
