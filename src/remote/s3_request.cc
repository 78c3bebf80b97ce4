#include "remote/s3_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "remote/digest.h"

namespace cd {

namespace {

constexpr std::string_view kMetaPrefix = "x-amz-meta-";

std::string host_of(const S3Place& place) {
  return place.path_style ? place.endpoint.host : place.bucket + "." + place.endpoint.host;
}

std::string path_of(const S3Place& place, const std::string& key) {
  return (place.path_style ? "/" + place.bucket : std::string()) + "/" + percent_encode(key, KeepSlashes::yes);
}

bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool travels_as_it_is(const std::string& value) {
  if (value.empty()) return true;
  if (value.front() == ' ' || value.back() == ' ') return false;
  if (value.find("  ") != std::string::npos || value.find("=?") != std::string::npos) return false;
  const bool control = std::any_of(value.begin(), value.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b < 0x20 || b == 0x7F;
  });
  return !control && is_valid_utf8(value);
}

std::string decode_q(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_') {
      out.push_back(' ');
    } else if (text[i] == '=' && i + 2 < text.size()) {
      const auto byte = from_hex(text.substr(i + 1, 2));
      if (!byte) return {};
      out += *byte;
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// The word "=?charset?B?…?=" at the start of `text`, decoded; its length comes back in `length`. Empty: none.
std::optional<std::string> leading_word(std::string_view text, std::size_t& length) {
  if (!text.starts_with("=?")) return std::nullopt;
  const std::size_t charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() || text[charset_end + 2] != '?') {
    return std::nullopt;
  }
  if (to_lower_ascii(text.substr(2, charset_end - 2)) != "utf-8") return std::nullopt;
  const std::size_t begin = charset_end + 3;
  const std::size_t end = text.find("?=", begin);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view payload = text.substr(begin, end - begin);
  length = end + 2;
  switch (text[charset_end + 1]) {
    case 'B':
    case 'b': return from_base64(payload);
    case 'Q':
    case 'q': return decode_q(payload);
    default: return std::nullopt;
  }
}

}  // namespace

HttpRequest signed_request(const S3Place& place, S3Request request, const SigningKeys& keys, std::int64_t wall_ns) {
  // The body's hash is not signed: Content-MD5, which is, guards it at a fraction of SHA-256's cost.
  RequestToSign to_sign{request.method, path_of(place, request.key), std::move(request.query),
                        std::move(request.headers), kUnsignedPayload};
  to_sign.headers.emplace_back("host", host_of(place));
  to_sign.headers.emplace_back("x-amz-content-sha256", kUnsignedPayload);
  std::string authorization = sign_headers(to_sign, keys, SigningScope{place.region, "s3", wall_ns});
  HttpRequest http;
  http.method = request.method;
  http.url = fmt::format("{}://{}{}", place.endpoint.scheme, host_of(place), to_sign.path);
  if (!to_sign.query.empty()) http.url += "?" + canonical_query(std::move(to_sign.query));
  http.headers = std::move(to_sign.headers);
  http.headers.emplace_back("Authorization", std::move(authorization));
  http.body = std::move(request.body);
  http.answer_bytes_expected = request.answer_bytes_expected;
  http.answer_bytes_max = request.answer_bytes_max;
  return http;
}

std::string presigned_url(const S3Place& place, const std::string& key, const SigningKeys& keys, std::int64_t wall_ns,
                          std::chrono::seconds lifetime) {
  const RequestToSign to_sign{"GET", path_of(place, key), {}, {{"host", host_of(place)}}, kUnsignedPayload};
  return fmt::format("{}://{}{}?{}", place.endpoint.scheme, host_of(place), to_sign.path,
                     sign_query(to_sign, keys, SigningScope{place.region, "s3", wall_ns}, lifetime));
}

std::string copy_source(const S3Place& place, const std::string& key) {
  return "/" + place.bucket + "/" + percent_encode(key, KeepSlashes::yes);
}

Status add_labels(Pairs& headers, const std::string& content_type, const Metadata& metadata) {
  const bool bad_type = std::any_of(content_type.begin(), content_type.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F;
  });
  if (bad_type) return fail(Code::invalid, fmt::format("\"{}\" is no content type", printable(content_type)));
  headers.emplace_back("Content-Type", content_type.empty() ? "application/octet-stream" : content_type);
  for (const auto& [name, value] : metadata) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_token)) {
      return fail(Code::invalid, fmt::format("\"{}\" cannot be the name of a label: letters, digits and '-' only",
                                             printable(name)));
    }
    headers.emplace_back(std::string(kMetaPrefix) + to_lower_ascii(name), encode_metadata_value(value));
  }
  return {};
}

std::string encode_metadata_value(const std::string& value) {
  return travels_as_it_is(value) ? value : "=?UTF-8?B?" + to_base64(value) + "?=";
}

std::string decode_metadata_value(const std::string& value) {
  std::string out;
  std::string_view rest = value;
  bool after_word = false;
  while (!rest.empty()) {
    std::size_t length = 0;
    if (auto word = leading_word(rest, length)) {
      out += *word;
      rest.remove_prefix(length);
      after_word = true;
      // Blanks between two words only fold the line (RFC 2047, 6.2).
      const std::size_t next = rest.find_first_not_of(" \t");
      if (next != std::string_view::npos && rest.substr(next).starts_with("=?")) rest.remove_prefix(next);
    } else {
      out.push_back(rest.front());
      rest.remove_prefix(1);
    }
  }
  return after_word && !is_valid_utf8(out) ? value : out;
}

ObjectHead head_of(const std::string& key, const HttpResponse& response) {
  ObjectHead head;
  head.info.key = key;
  head.info.etag = unquoted(response.header("etag"));
  head.info.modified_ns = parse_http_date(response.header("last-modified")).value_or(0);
  head.content_type = response.header("content-type");
  for (const auto& [name, value] : response.headers) {
    if (name.starts_with(kMetaPrefix)) head.metadata[name.substr(kMetaPrefix.size())] = decode_metadata_value(value);
  }
  return head;
}

}  // namespace cd
