// S3Request: one call of the S3 API as a value, and how it becomes an HTTP request: path style or virtual
// host, canonical query, headers, signature. And the way back: headers to ObjectHead, answers to errors. Pure.
//
// User metadata travels as x-amz-meta-<name>: printable ASCII and other UTF-8 as they are (every store keeps
// the bytes; some give them back as RFC 2047 words). What a header cannot carry (control characters, blanks
// at an end or in a row, something that looks like an RFC 2047 word) is written as such a word.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "remote/http.h"
#include "remote/object_store.h"
#include "remote/s3_xml.h"
#include "remote/sigv4.h"
#include "remote/url_text.h"

namespace cd {

// Where a bucket is.
struct S3Place {
  Endpoint endpoint;
  std::string bucket;
  std::string prefix;  // "" or ends with '/'
  std::string region;
  bool path_style = true;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Which answers are not errors, beyond a plain 2xx.
enum class S3Answers : std::uint8_t {
  success,
  success_or_error_in_200,  // complete and copy may answer 200 and mean an error: the body is looked at
  success_or_past_end,      // 416 to a get: the range lies behind the object's end
};

struct S3Request {
  std::string method;
  std::string key = {};  // with the prefix; "" = the bucket itself
  Pairs query = {};
  Pairs headers = {};
  SharedBytes body = {};
  std::uint64_t answer_bytes_expected = 0;
  std::uint64_t answer_bytes_max = 1u << 20;
  S3Answers answers = S3Answers::success;
};

[[nodiscard]] HttpRequest signed_request(const S3Place& place, S3Request request, const SigningKeys& keys,
                                         std::int64_t wall_ns);
[[nodiscard]] std::string presigned_url(const S3Place& place, const std::string& key, const SigningKeys& keys,
                                        std::int64_t wall_ns, std::chrono::seconds lifetime);
// "/bucket/key", as x-amz-copy-source wants it.
[[nodiscard]] std::string copy_source(const S3Place& place, const std::string& key);

// Code::invalid for a name that no header can have.
[[nodiscard]] Status add_labels(Pairs& headers, const std::string& content_type, const Metadata& metadata);
[[nodiscard]] std::string encode_metadata_value(const std::string& value);
[[nodiscard]] std::string decode_metadata_value(const std::string& value);

// Sizes aside: those depend on what was asked.
[[nodiscard]] ObjectHead head_of(const std::string& key, const HttpResponse& response);

}  // namespace cd
