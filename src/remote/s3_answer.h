// What a successful answer of S3 must be, compared with what was asked. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "remote/http.h"
#include "remote/object_store.h"

namespace cd {

// The body and the size of the whole object, from a 200 or 206. Code::io when range and length do not fit.
[[nodiscard]] Result<GetReply> read_get(const GetRequest& request, HttpResponse response);
[[nodiscard]] Result<ObjectHead> read_head(const std::string& key, const HttpResponse& response);
// False: encrypted with a key of KMS or of the customer; then an ETag looks like an MD5 and is none.
[[nodiscard]] bool has_plain_etag(const HttpResponse& response);
// Code::corrupt when the store's ETag is an MD5 and not the one expected ("" = nothing is expected).
[[nodiscard]] Status check_etag(const HttpResponse& response, const std::string& etag, const std::string& expected);
// The prefix taken off keys and folders; Code::io for a key outside of it.
[[nodiscard]] Status strip_prefix(ListReply& reply, const std::string& prefix);

}  // namespace cd
