// SHA-256 and its HMAC (OpenSSL) for signatures, and the spellings of digests: hex and base64. MD5 is base's.
// Pure functions, thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace cd {

[[nodiscard]] std::string sha256(std::string_view bytes);  // 32 bytes
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);

[[nodiscard]] std::string to_hex(std::string_view bytes);  // lower case
[[nodiscard]] std::optional<std::string> from_hex(std::string_view hex);
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);  // with padding, as mail and S3 write it

[[nodiscard]] inline std::string md5_hex(std::string_view bytes) { return hex(md5(bytes)); }
[[nodiscard]] inline std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

// 32 hexadecimal digits: an ETag that may be an MD5.
[[nodiscard]] bool looks_like_md5(std::string_view etag);
// S3's ETag of a multipart upload: md5 of the parts' binary MD5s, "-", their number. Empty when a part's
// ETag is no MD5 (encrypted with a customer's key), where nothing can be foretold.
[[nodiscard]] std::string multipart_etag(const std::vector<std::string>& part_etags);

}  // namespace cd
