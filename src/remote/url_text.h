// Percent-encoding (RFC 3986, the unreserved set that SigV4 asks for), host of a URL, and S3's dates. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cd {

enum class KeepSlashes : bool { no, yes };

// A-Z a-z 0-9 - . _ ~ stay, everything else becomes %XX in upper case.
[[nodiscard]] std::string percent_encode(std::string_view text, KeepSlashes slashes);
// Empty: a '%' without two hexadecimal digits. '+' stays '+'.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

// For messages: a URL without what stands before an '@', which may be a secret.
[[nodiscard]] std::string without_userinfo(std::string_view url);

struct Endpoint {
  std::string scheme;  // "http" or "https"
  std::string host;    // with ":port" unless it is the scheme's own
  // Empty: not "http(s)://host[:port]" with at most a '/' behind it.
  static std::optional<Endpoint> parse(std::string_view url);
};

// "Wed, 21 Oct 2015 07:28:00 GMT" (HTTP) and "2015-10-21T07:28:00.000Z" (XML), in ns since 1970; empty: neither.
[[nodiscard]] std::optional<std::int64_t> parse_http_date(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_iso_date(std::string_view text);

}  // namespace cd
