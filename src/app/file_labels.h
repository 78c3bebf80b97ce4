// FileLabels: the virtual extended attributes of a library file, user.cratedrive.*: state (the receipt), etag,
// version, url, and one for each label that analysis or others wrote into the object's metadata.
//
// user.cratedrive.url is a presigned URL that works for an hour, made afresh at each read (or the public URL where
// one is configured); user.cratedrive.url.<seconds> works so long, and is not listed.
// Thread-safe; from memory and LMDB only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/drive_parts.h"

namespace cd {

class FileLabels {
 public:
  explicit FileLabels(const DriveParts& parts) : parts_(parts) {}

  [[nodiscard]] std::vector<std::string> names(std::string_view path) const;
  // not_found: no such file or attribute.
  [[nodiscard]] Result<std::string> value(std::string_view path, std::string_view name) const;

 private:
  [[nodiscard]] Result<std::string> url_of(const MetaRecord& record, std::chrono::seconds lifetime) const;
  const DriveParts& parts_;
};

// Where the catalogue says that an object is: below the public URL where one is configured, else by the URL of the bucket,
// like "s3://bucket/prefix/Drums/kick.wav". "" as long as it is not stored.
[[nodiscard]] std::function<std::string(const MetaRecord& record)> catalog_urls(const Config& config, const StoreUrl& url);

// `base`/`key`, the key with everything percent-encoded but unreserved characters and '/'.
[[nodiscard]] std::string public_url(std::string base, std::string_view key);

}  // namespace cd
