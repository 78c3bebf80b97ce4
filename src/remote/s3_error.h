// What an answer of S3 that is not a success means: HTTP status and error document to Error. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "remote/http.h"
#include "remote/s3_request.h"

namespace cd {

// `what` names the verb and the object, for the message ("put \"a/b.wav\"").
[[nodiscard]] Error error_from_answer(const HttpResponse& response, const S3Place& place, std::string_view what,
                                      std::int64_t wall_ns);
// "Retry-After" in seconds or as a date; zero where there is none.
[[nodiscard]] Millis retry_after(const HttpResponse& response, std::int64_t wall_ns);

}  // namespace cd
