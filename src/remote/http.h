// HTTP as this room sees it: requests and responses as values, HttpTransport as the seam to the network.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "remote/object_store.h"

namespace cd {

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  SharedBytes body;                         // null = none
  std::uint64_t answer_bytes_expected = 0;  // what to reserve memory for; 0 = a small document
  std::uint64_t answer_bytes_max = 0;       // a longer answer is refused (Code::too_large)
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

struct HttpCall {
  SteadyTime deadline;
  std::stop_token cancel;
  Priority priority = Priority::interactive;
};

class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // `done` is called exactly once, on the transport's thread. Any answer, of whatever status, is a success;
  // errors: unreachable (no connection, DNS, TLS), timeout, cancelled, too_large, io (broken off).
  virtual void send(HttpRequest request, HttpCall call, Done<HttpResponse> done) = 0;
};

// Calls back later; the seam that lets retries be tested without waiting.
class Timer {
 public:
  virtual ~Timer() = default;

  // `fire` is called exactly once: when `delay` has passed, or early when `cancel` is requested or the timer
  // ends. It must be as quick as a Done.
  virtual void after(Millis delay, std::stop_token cancel, std::function<void()> fire) = 0;
};

}  // namespace cd
