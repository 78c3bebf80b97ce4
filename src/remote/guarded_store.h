// GuardedStore: keeps ObjectStore's promise that a condition is always checked. Where the store below does
// not honour one (its traits say so, or nothing was probed yet), it asks by HEAD just before; a race window
// remains between the question and the deed. Costs nothing where the store does it itself.
// Thread-safe. The store below must outlive it.
#pragma once

#include "remote/object_store.h"

namespace cd {

class GuardedStore final : public ObjectStore {
 public:
  explicit GuardedStore(ObjectStore& below) : below_(below) {}

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
  [[nodiscard]] StoreTraits traits() const override { return below_.traits(); }

 private:
  // Asks for `key` and goes on with `deed`, given what is left of the time, if the condition holds.
  using Deed = std::function<void(CallOptions rest)>;
  void ask_first(const std::string& key, const Condition& condition, const CallOptions& options,
                 std::function<void(Error)> refuse, Deed deed);

  ObjectStore& below_;
};

}  // namespace cd
