#include "remote/sigv4.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "base/text.h"
#include "remote/digest.h"
#include "remote/url_text.h"

namespace cd {

namespace {

std::string amz_time(std::int64_t wall_ns) {
  const time_t seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm t{};
  ::gmtime_r(&seconds, &t);
  char text[32];
  ::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &t);
  return text;
}

std::string scope_text(const SigningScope& scope) {
  return fmt::format("{}/{}/{}/aws4_request", amz_time(scope.wall_ns).substr(0, 8), scope.region, scope.service);
}

// Outer blanks removed, runs of blanks inside made one, as the canonical form wants header values.
std::string folded(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c != ' ' && c != '\t') {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::vector<std::pair<std::string, std::string>> canonical_headers(const RequestToSign& request) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : request.headers) headers.emplace_back(to_lower_ascii(name), folded(value));
  std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return headers;
}

std::string signed_names(const RequestToSign& request) {
  std::string names;
  std::string before;
  for (const auto& [name, value] : canonical_headers(request)) {
    if (name == before) continue;
    before = name;
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

std::string signature(const RequestToSign& request, const SigningKeys& keys, const SigningScope& scope) {
  const std::string date = amz_time(scope.wall_ns).substr(0, 8);
  std::string key = hmac_sha256("AWS4" + keys.secret_key, date);
  key = hmac_sha256(key, scope.region);
  key = hmac_sha256(key, scope.service);
  key = hmac_sha256(key, "aws4_request");
  return to_hex(hmac_sha256(key, string_to_sign(canonical_request(request), scope)));
}

}  // namespace

std::string canonical_query(std::vector<std::pair<std::string, std::string>> query) {
  for (auto& [name, value] : query) {
    name = percent_encode(name, KeepSlashes::no);
    value = percent_encode(value, KeepSlashes::no);
  }
  std::sort(query.begin(), query.end());
  std::string out;
  for (const auto& [name, value] : query) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string canonical_request(const RequestToSign& request) {
  std::string out = fmt::format("{}\n{}\n{}\n", request.method, request.path, canonical_query(request.query));
  std::string before;
  for (const auto& [name, value] : canonical_headers(request)) {
    if (name == before) {  // the same name again: its values are joined
      out.back() = ',';
      out += value + "\n";
    } else {
      out += fmt::format("{}:{}\n", name, value);
    }
    before = name;
  }
  out += fmt::format("\n{}\n{}", signed_names(request), request.payload_hash);
  return out;
}

std::string string_to_sign(const std::string& canonical, const SigningScope& scope) {
  return fmt::format("AWS4-HMAC-SHA256\n{}\n{}\n{}", amz_time(scope.wall_ns), scope_text(scope),
                     sha256_hex(canonical));
}

std::string sign_headers(RequestToSign& request, const SigningKeys& keys, const SigningScope& scope) {
  request.headers.emplace_back("x-amz-date", amz_time(scope.wall_ns));
  if (!keys.session_token.empty()) request.headers.emplace_back("x-amz-security-token", keys.session_token);
  return fmt::format("AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={}", keys.access_key,
                     scope_text(scope), signed_names(request), signature(request, keys, scope));
}

std::string sign_query(RequestToSign request, const SigningKeys& keys, const SigningScope& scope,
                       std::chrono::seconds lifetime) {
  request.query.emplace_back("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
  request.query.emplace_back("X-Amz-Credential", keys.access_key + "/" + scope_text(scope));
  request.query.emplace_back("X-Amz-Date", amz_time(scope.wall_ns));
  request.query.emplace_back("X-Amz-Expires", std::to_string(lifetime.count()));
  if (!keys.session_token.empty()) request.query.emplace_back("X-Amz-Security-Token", keys.session_token);
  request.query.emplace_back("X-Amz-SignedHeaders", signed_names(request));
  const std::string signed_by = signature(request, keys, scope);
  return canonical_query(request.query) + "&X-Amz-Signature=" + signed_by;
}

}  // namespace cd
