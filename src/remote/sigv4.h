// SigV4: AWS Signature Version 4 for S3 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
// and sigv4-query-string-auth.html). Pure: time and credentials are arguments.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cd {

struct SigningKeys {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // "" for lasting keys

  friend bool operator==(const SigningKeys&, const SigningKeys&) = default;
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  std::int64_t wall_ns = 0;
};

struct RequestToSign {
  std::string method;
  std::string path;  // percent-encoded once, as S3 wants it ("/bucket/a%20b")
  std::vector<std::pair<std::string, std::string>> query;    // decoded
  std::vector<std::pair<std::string, std::string>> headers;  // all are signed; names in any case; "host" is one
  std::string payload_hash;  // hex SHA-256 of the body, or "UNSIGNED-PAYLOAD"
};

inline constexpr const char* kUnsignedPayload = "UNSIGNED-PAYLOAD";

// The intermediate texts, as the published test vectors give them.
[[nodiscard]] std::string canonical_query(std::vector<std::pair<std::string, std::string>> query);
[[nodiscard]] std::string canonical_request(const RequestToSign& request);
[[nodiscard]] std::string string_to_sign(const std::string& canonical, const SigningScope& scope);

// Adds x-amz-date and, with a session, x-amz-security-token, and signs. Gives the value of "Authorization".
[[nodiscard]] std::string sign_headers(RequestToSign& request, const SigningKeys& keys, const SigningScope& scope);
// Adds the X-Amz-… parameters to the query and gives it whole, signature included, encoded.
[[nodiscard]] std::string sign_query(RequestToSign request, const SigningKeys& keys, const SigningScope& scope,
                                     std::chrono::seconds lifetime);

}  // namespace cd
