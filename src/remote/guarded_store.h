// GuardedStore: keeps ObjectStore's promise that a condition is always checked. Where the store below does
// not honour one (its traits say so, or nothing was probed yet), it asks by HEAD just before; a race window
// remains between the question and the deed. Costs nothing where the store does it itself.
// Thread-safe. The store below must outlive it.
#pragma once

#include "remote/forwarding_store.h"

namespace cd {

class GuardedStore final : public ForwardingStore {
 public:
  explicit GuardedStore(ObjectStore& below) : below_(below) {}

  void put(PutRequest request, CallOptions options, Done<PutReply> done) override;
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override;
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override;
  void multipart_part(PartRequest request, CallOptions options, Done<Part> done) override;
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override;

 private:
  [[nodiscard]] ObjectStore& below() const override { return below_; }

  // Asks for `key` and goes on with `deed`, given what is left of the time, if the condition holds.
  using Deed = std::function<void(CallOptions rest)>;
  void ask_first(const std::string& key, const Condition& condition, const CallOptions& options,
                 std::function<void(Error)> refuse, Deed deed);

  ObjectStore& below_;
};

}  // namespace cd
