#include "remote/s3_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/text.h"

namespace cd {

namespace {

struct Known {
  std::string_view code;
  Code meaning;
  std::string_view cure;  // "" = the store's own words say it
};
// Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what other servers were seen to send.
constexpr Known kKnown[] = {
    {"NoSuchKey", Code::not_found, ""},
    {"NoSuchUpload", Code::not_found, ""},
    {"NoSuchVersion", Code::not_found, ""},
    {"PreconditionFailed", Code::precondition_failed, ""},
    {"ConditionalRequestConflict", Code::busy, ""},
    {"OperationAborted", Code::busy, ""},
    {"SlowDown", Code::throttled, ""},
    {"TooManyRequests", Code::throttled, ""},
    {"RequestLimitExceeded", Code::throttled, ""},
    {"Throttling", Code::throttled, ""},
    {"ThrottlingException", Code::throttled, ""},
    {"BandwidthLimitExceeded", Code::throttled, ""},
    {"ServiceUnavailable", Code::throttled, ""},
    {"NotImplemented", Code::unsupported, ""},
    {"RequestTimeout", Code::io, ""},
    {"InternalError", Code::io, ""},
    {"BadDigest", Code::io, ""},  // the bytes changed on their way: worth another try
    {"IncompleteBody", Code::io, ""},
    {"EntityTooLarge", Code::too_large, ""},
    {"MetadataTooLarge", Code::too_large, "the labels of one object may have about 2 KB"},
    {"KeyTooLongError", Code::name_too_long, "a key may have 1,024 bytes"},
    {"QuotaExceeded", Code::no_space, ""},
    {"InsufficientStorage", Code::no_space, ""},
    {"InvalidAccessKeyId", Code::credentials, "the access key is not known there: check AWS_ACCESS_KEY_ID or the profile"},
    {"SignatureDoesNotMatch", Code::credentials, "the secret key is wrong: check AWS_SECRET_ACCESS_KEY or the profile"},
    {"ExpiredToken", Code::credentials, "the session has expired: sign in again"},
    {"InvalidToken", Code::credentials, "the session token is not valid: check AWS_SESSION_TOKEN"},
    {"AccessDenied", Code::permission, "these credentials may not do that: check the bucket's policy"},
    {"AllAccessDisabled", Code::permission, ""},
};

const Known* find_known(std::string_view code) {
  const auto* found = std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& k) { return k.code == code; });
  return found == std::end(kKnown) ? nullptr : found;
}

Code code_of_status(int status) {
  switch (status) {
    case 304:
    case 412: return Code::precondition_failed;
    case 401: return Code::credentials;
    case 403: return Code::permission;
    case 404: return Code::not_found;
    case 408: return Code::io;
    case 409: return Code::busy;
    case 413: return Code::too_large;
    case 429:
    case 503: return Code::throttled;
    case 501: return Code::unsupported;
    case 507: return Code::no_space;
    default: return status >= 500 ? Code::io : Code::invalid;
  }
}

// Cloudflare has been seen to answer 403 where it means "too many requests".
bool means_slow_down(const HttpResponse& response, const S3ErrorDocument& document) {
  const std::string words = to_lower_ascii(document.message);
  return !response.header("retry-after").empty() || words.find("rate limit") != std::string::npos ||
         words.find("too many requests") != std::string::npos || words.find("reduce your") != std::string::npos;
}

std::string skew_sentence(const HttpResponse& response, std::int64_t wall_ns) {
  const auto server = parse_http_date(response.header("date"));
  if (!server) return "this machine's clock is wrong: set it (timedatectl set-ntp true)";
  const double seconds = static_cast<double>(std::llabs(*server - wall_ns)) / 1e9;
  return fmt::format("this machine's clock is {} {} the store's: set it (timedatectl set-ntp true)",
                     human_duration(seconds), *server < wall_ns ? "ahead of" : "behind");
}

bool is_wrong_region(const HttpResponse& response, const S3ErrorDocument& document) {
  return response.status == 301 || response.status == 307 || document.code == "PermanentRedirect" ||
         document.code == "AuthorizationHeaderMalformed" || document.code == "IllegalLocationConstraintException";
}

std::string in_store_words(const HttpResponse& response, const S3ErrorDocument& document) {
  std::string words = fmt::format("HTTP {}", response.status);
  if (!document.code.empty()) words += " " + printable(shorten(document.code, 60));
  if (!document.message.empty()) words += ": " + printable(shorten(document.message, 200));
  return words;
}

}  // namespace

Millis retry_after(const HttpResponse& response, std::int64_t wall_ns) {
  const std::string text = response.header("retry-after");
  long long seconds = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (wrong == std::errc() && end == text.data() + text.size()) return Millis(std::clamp(seconds, 0LL, 3600LL) * 1000);
  if (const auto when = parse_http_date(text)) return Millis(std::max<std::int64_t>(0, (*when - wall_ns) / 1'000'000));
  return Millis(0);
}

Error error_from_answer(const HttpResponse& response, const S3Place& place, std::string_view what,
                        std::int64_t wall_ns) {
  const S3ErrorDocument document = parse_error_document(response.body).value_or(S3ErrorDocument{});
  const std::string words = in_store_words(response, document);
  const auto say = [&](Code code, std::string_view cure) {
    return Error{code, cure.empty() ? fmt::format("{}: {}", what, words) : fmt::format("{}: {} ({})", what, cure, words)};
  };
  if (document.code == "NoSuchBucket") {  // not "not_found": that would say that one object is not there
    return say(Code::invalid, fmt::format("the bucket {} does not exist there: create it or check its name", place.bucket));
  }
  if (document.code == "RequestTimeTooSkewed") return say(Code::credentials, skew_sentence(response, wall_ns));
  if (is_wrong_region(response, document)) {
    const std::string region = document.region.empty() ? response.header("x-amz-bucket-region") : document.region;
    if (!region.empty()) {
      return say(Code::invalid, fmt::format("the bucket {} is in the region {}: set AWS_REGION={}", place.bucket,
                                            printable(region), printable(region)));
    }
    return say(Code::invalid, fmt::format("the region {} is not right for the bucket {}: set AWS_REGION", place.region,
                                          place.bucket));
  }
  if (response.status == 403 && means_slow_down(response, document)) return say(Code::throttled, "");
  if (const Known* known = find_known(document.code)) return say(known->meaning, known->cure);
  if (response.ok()) return say(Code::io, "");  // 200 with an error document that nobody knows
  if (response.status == 404 && document.code.empty()) return Error{Code::not_found, fmt::format("{}: not there", what)};
  if (response.status == 403 && document.code.empty()) {
    return say(Code::permission, "the store refuses: check the credentials, and what they may do with this bucket");
  }
  return say(code_of_status(response.status), "");
}

}  // namespace cd
