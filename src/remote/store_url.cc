// StoreUrl: text to scheme, bucket and prefix, and back; what StoreOptions may be. Pure.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "remote/open_store.h"
#include "remote/url_text.h"

namespace cd {

namespace {

tl::unexpected<Error> bad(const std::string& text, std::string_view why) {
  return fail(Code::invalid, fmt::format("{}: {}", printable(without_userinfo(text)), why));
}

Result<StoreUrl> parse_file(const std::string& text, const std::string& rest) {
  const auto folder = percent_decode(rest);
  if (!folder) return bad(text, "a % must be followed by two hexadecimal digits; write %25 for the sign itself");
  if (!folder->starts_with('/')) {
    return bad(text, "file:// needs an absolute folder, with three slashes: file:///home/me/crate");
  }
  if (folder->find('\0') != std::string::npos) return bad(text, "a folder's name cannot hold a NUL byte");
  std::string path = std::filesystem::path(*folder).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return StoreUrl{"file", path, ""};
}

Status check_bucket(const std::string& text, const std::string& scheme, const std::string& bucket) {
  if (bucket.empty()) {
    return bad(text, fmt::format("the bucket's name is missing: write {}://bucket or {}://bucket/prefix", scheme, scheme));
  }
  if (bucket.find('@') != std::string::npos) {
    return bad(text, "credentials do not belong in the URL: put them in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  if (bucket.find(':') != std::string::npos) {
    return bad(text, "the endpoint does not belong in the URL: give it with --endpoint or AWS_ENDPOINT_URL");
  }
  const bool fits = bucket.size() <= 255 && std::all_of(bucket.begin(), bucket.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
  if (!fits || bucket == "." || bucket == "..") {
    return bad(text, fmt::format("\"{}\" cannot be a bucket's name: letters, digits, '.', '-' and '_' only",
                                 printable(bucket)));
  }
  return {};
}

Result<StoreUrl> parse_bucket(const std::string& text, const std::string& scheme, const std::string& rest) {
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  StoreUrl url{scheme, rest.substr(0, slash), ""};
  CD_TRY_VOID(check_bucket(text, scheme, url.bucket));
  if (slash + 1 >= rest.size()) return url;
  const auto prefix = percent_decode(std::string_view(rest).substr(slash + 1));
  if (!prefix) return bad(text, "a % must be followed by two hexadecimal digits; write %25 for the sign itself");
  if (rest.find('?') != std::string::npos || rest.find('#') != std::string::npos) {
    return bad(text, "a URL of a store has no '?' or '#' part; write %3F or %23 if the prefix has that sign");
  }
  url.prefix = prefix->ends_with('/') ? *prefix : *prefix + "/";
  if (url.prefix.starts_with('/') || url.prefix.find("//") != std::string::npos) {
    return bad(text, "the prefix has an empty part: remove the doubled '/'");
  }
  if (!is_valid_utf8(url.prefix)) return bad(text, "the prefix is not UTF-8");
  return url;
}

}  // namespace

std::string StoreUrl::to_string() const {
  if (scheme == "file") return "file://" + percent_encode(bucket, KeepSlashes::yes);
  return fmt::format("{}://{}{}{}", scheme, bucket, prefix.empty() ? "" : "/",
                     percent_encode(prefix, KeepSlashes::yes));
}

Result<StoreUrl> StoreUrl::parse(const std::string& text) {
  const std::size_t mark = text.find("://");
  if (mark == std::string::npos) {
    return bad(text, "this is no URL of a store: write s3://bucket/prefix, r2://bucket or file:///folder");
  }
  const std::string scheme = to_lower_ascii(text.substr(0, mark));
  const std::string rest = text.substr(mark + 3);
  if (scheme == "file") return parse_file(text, rest);
  if (scheme == "s3" || scheme == "r2") return parse_bucket(text, scheme, rest);
  if (scheme == "http" || scheme == "https") {
    return bad(text, "write s3://bucket/prefix, and give the server with --endpoint or AWS_ENDPOINT_URL");
  }
  return bad(text, fmt::format("\"{}\" stores are not supported: s3://, r2:// and file:// are", printable(scheme)));
}

Status StoreOptions::validate() const {
  if (!endpoint.empty() && !Endpoint::parse(endpoint)) {
    return fail(Code::invalid, fmt::format("the endpoint {} is not of the form https://host or http://host:port",
                                           printable(without_userinfo(endpoint))));
  }
  if (addressing != "auto" && addressing != "path" && addressing != "virtual") {
    return fail(Code::invalid, fmt::format("addressing is \"{}\": it must be auto, path or virtual", addressing));
  }
  if (connections < 1 || connections > 1024) return fail(Code::invalid, "connections must be 1 to 1024");
  if (connect_timeout <= Millis(0) || stall_timeout <= Millis(0) || default_deadline <= Millis(0)) {
    return fail(Code::invalid, "the timeouts of the store must be longer than 0");
  }
  if (body_memory_bytes < (1u << 20)) return fail(Code::invalid, "body_memory_bytes must be at least 1 MiB");
  return {};
}

}  // namespace cd
