#include "remote/open_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "remote/directory_store.h"
#include "remote/long_key_store.h"
#include "remote/metered_store.h"
#include "remote/opened_s3.h"
#include "remote/url_text.h"

namespace cd {

namespace {

// A folder with its meter. Below it nothing is retried: a disk that fails once fails again.
class OpenedFolder final : public ForwardingStore, public Probeable {
 public:
  OpenedFolder(std::unique_ptr<DirectoryStore> folder, StoreHealth& health, MetricRegistry& metrics)
      : metered_(*folder, health, metrics), folder_(std::move(folder)) {}

  Result<StoreTraits> probe(Millis deadline) override { return folder_->probe(deadline); }
  void adopt(const StoreTraits& traits) override { folder_->adopt(traits); }

 private:
  [[nodiscard]] ObjectStore& below() const override { return metered_; }

  mutable MeteredStore metered_;
  std::unique_ptr<DirectoryStore> folder_;  // last: its end completes requests that are metered above
};

Result<std::unique_ptr<ObjectStore>> open_bare(const StoreUrl& url, const StoreOptions& options, StoreHealth& health,
                                               MetricRegistry& metrics) {
  if (url.scheme == "file") {
    CD_TRY(auto folder, DirectoryStore::open(url.bucket, DirectoryOptions{}));
    return std::unique_ptr<ObjectStore>(std::make_unique<OpenedFolder>(std::move(folder), health, metrics));
  }
  const Environment environment = process_environment();
  CD_TRY(S3Place place, place_of(url, options, environment));
  CD_TRY(auto credentials, Credentials::open(environment, {url.scheme, options.profile}, system_clock()));
  return std::unique_ptr<ObjectStore>(
      std::make_unique<OpenedS3>(std::move(place), options, std::move(credentials), health, metrics));
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_store(const StoreUrl& url, const StoreOptions& options, StoreHealth& health,
                                                MetricRegistry& metrics) {
  CD_TRY_VOID(options.validate());
  CD_TRY(auto store, open_bare(url, options, health, metrics));
  LongKeys keys;
  keys.key_bytes_max -= std::min(keys.key_bytes_max / 2, url.prefix.size());
  return std::unique_ptr<ObjectStore>(std::make_unique<LongKeyStore>(std::move(store), std::move(keys)));
}

Result<StoreTraits> probe_store(ObjectStore& store, const StoreUrl&, Millis deadline) {
  CD_TRY(auto traits, probe_any(store, deadline));
  adopt_any(store, traits);
  return traits;
}

void adopt_traits(ObjectStore& store, const StoreTraits& traits) { adopt_any(store, traits); }

}  // namespace cd
