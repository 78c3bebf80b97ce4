// ProxyRule: one fault of FaultProxy, as a line of text.
//
//   <action> [method=PUT] [path=PIECE] [nth=2] [times=1] [percent=50] [ms=30] [code=503] [retry_after=1] [after=N]
//            [error=SlowDown] [words=Please_wait] [skew=SECONDS]
//
// It takes effect on requests with this method ("" = any) whose target (path and query) holds the piece, from the
// nth of them on, so many times (-1 = for ever), by chance if percent < 100. The first rule in effect decides, but
// for `latency`, which adds to whatever else happens. Actions:
//   latency       `ms` before the request goes on
//   stall_header  no answer; the request is passed on
//   stall_body    head and `after` bytes of the answer's body (default: half), then silence
//   reset         the same, then a TCP reset         reset_request  a reset after `after` bytes of the request's body
//   truncate      the same, then an orderly close    lost           passed on and applied; closed without an answer
//   corrupt       one bit of the answer's body is wrong: of the byte at `after`, default: at random
//   wrong_etag    the ETag of the answer, in its header or its XML, is not the object's
//   wrong_range   the Content-Range of the answer is one byte further on
//   status        an S3 error of `code` from the proxy itself, with Retry-After if given; not passed on. `error` is its
//                 name (default: the usual one), `words` its message, `skew` how far its Date is ahead
//   error200      200 with an <Error> document; not passed on
//   refuse        nobody listens any more, and open connections are reset; other fields have no meaning
// Stalls last until the rules change, the client gives up, or the proxy ends. Values; parsing is pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cd::testing {

enum class ProxyAction : std::uint8_t {
  latency, stall_header, stall_body, reset, reset_request, truncate, lost, corrupt, wrong_etag, status, error200, refuse,
  wrong_range
};

struct ProxyRule {
  ProxyAction action = ProxyAction::latency;
  std::string method;
  std::string path_part;
  std::int64_t nth = 1;
  std::int64_t times = -1;
  std::int64_t percent = 100;
  std::int64_t ms = 0;
  std::int64_t code = 503;
  std::int64_t retry_after = -1;  // seconds; -1 = no header
  std::int64_t after = -1;        // bytes; -1 = half of the body
  std::int64_t skew = 0;          // seconds
  std::string error;              // "" = the status's own
  std::string words = "made by the fault proxy";

  [[nodiscard]] bool covers(std::string_view request_method, std::string_view target) const;
};

// Lines; empty ones and those that begin with '#' are skipped. invalid names the line.
[[nodiscard]] Result<std::vector<ProxyRule>> parse_rules(std::string_view text);

// What S3 calls the error of an HTTP status: 503 → "SlowDown".
[[nodiscard]] std::string_view s3_error_name(std::int64_t status);

}  // namespace cd::testing
