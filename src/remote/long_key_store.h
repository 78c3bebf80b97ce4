// LongKeyStore: takes keys of any length, and keeps those that the store below would refuse under short ones
// (long_keys.h). Costs nothing but one more LIST for each folder whose key is so long that something below it may
// be too long. A flat LIST gives the long keys of a page behind its other ones (and then the last of those again, for
// LISTs go on behind the last key); a delimited one gives them on pages of their own, after the others. The short
// keys themselves are never shown.
// Thread-safe. Owns the store below.
#pragma once

#include <functional>
#include <memory>

#include "remote/forwarding_store.h"
#include "remote/long_keys.h"
#include "remote/probeable.h"

namespace cd {

class LongKeyStore final : public ForwardingStore, public Probeable {
 public:
  LongKeyStore(std::unique_ptr<ObjectStore> below, LongKeys keys) : keys_(std::move(keys)), below_(std::move(below)) {}

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

  [[nodiscard]] Result<StoreTraits> probe(Millis deadline) override { return probe_any(*below_, deadline); }
  void adopt(const StoreTraits& traits) override { adopt_any(*below_, traits); }

 private:
  struct Step;
  struct Walk;
  using WalkPtr = std::shared_ptr<Walk>;

  [[nodiscard]] ObjectStore& below() const override { return *below_; }
  // `send` goes to the store below when the folders above a long key have their markers; at once for a key that fits.
  template <class T, class Send>
  void when_marked(const std::string& key, CallOptions options, Done<T> done, Send send);
  void mark_above(std::string key, const CallOptions& options, std::function<void(Result<void>)> then);
  void list_below(ListRequest request, const CallOptions& options, Done<ListReply> done);  // without the short keys
  void list_folder(ListRequest request, std::string folder, const CallOptions& options, Done<ListReply> done);
  void list_long(ListRequest request, std::string folder, const CallOptions& options, Done<ListReply> done);
  void list_flat(const WalkPtr& walk, const std::string& folder);
  void next_step(const WalkPtr& walk);

  const LongKeys keys_;
  const std::unique_ptr<ObjectStore> below_;  // last: its end completes LISTs that go on here
};

}  // namespace cd
