// ForwardingStore: passes every verb to the store below. Layers derive from it and override where they act.
// Thread-safe as the store below is, which must outlive every call.
#pragma once

#include <utility>

#include "remote/object_store.h"

namespace cd {

class ForwardingStore : public ObjectStore {
 public:
  void get(GetRequest request, CallOptions options, Done<GetReply> done) override {
    below().get(std::move(request), std::move(options), std::move(done));
  }
  void head(std::string key, CallOptions options, Done<ObjectHead> done) override {
    below().head(std::move(key), std::move(options), std::move(done));
  }
  void list(ListRequest request, CallOptions options, Done<ListReply> done) override {
    below().list(std::move(request), std::move(options), std::move(done));
  }
  void put(PutRequest request, CallOptions options, Done<PutReply> done) override {
    below().put(std::move(request), std::move(options), std::move(done));
  }
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override {
    below().copy(std::move(request), std::move(options), std::move(done));
  }
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override {
    below().remove(std::move(key), std::move(etag), std::move(options), std::move(done));
  }
  void multipart_begin(PutRequest request_without_body, CallOptions options, Done<UploadId> done) override {
    below().multipart_begin(std::move(request_without_body), std::move(options), std::move(done));
  }
  void multipart_part(PartRequest request, CallOptions options, Done<Part> done) override {
    below().multipart_part(std::move(request), std::move(options), std::move(done));
  }
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override {
    below().multipart_finish(std::move(request), std::move(options), std::move(done));
  }
  void multipart_abort(UploadId upload, CallOptions options, Done<void> done) override {
    below().multipart_abort(std::move(upload), std::move(options), std::move(done));
  }
  [[nodiscard]] Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) override {
    return below().presign(key, lifetime);
  }
  [[nodiscard]] StoreTraits traits() const override { return below().traits(); }

 private:
  [[nodiscard]] virtual ObjectStore& below() const = 0;
};

}  // namespace cd
