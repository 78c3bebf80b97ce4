// CurlTransfer and CurlMulti: libcurl, one RAII type for each of its handles. The only place that names curl.
// Everything here belongs to one thread, but for CurlMulti::wake.
#pragma once

#include <curl/curl.h>

#include <string>

#include "base/clock.h"
#include "remote/http.h"

namespace cd {

struct CurlSettings {
  std::string ca_file;  // "" = the system's
  Millis connect_timeout{5'000};
  int connections = 64;
};

// One request on its way. Reusable: `begin` again after `take`.
class CurlTransfer {
 public:
  explicit CurlTransfer(const CurlSettings& settings);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  void begin(HttpRequest request);
  // What came of it, once curl says that it is done.
  [[nodiscard]] Result<HttpResponse> take(CURLcode code);

  [[nodiscard]] SteadyTime last_progress() const { return last_progress_; }
  [[nodiscard]] CURL* handle() const { return handle_; }

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept;
  static int on_request(void* self, char*, char*, int, int) noexcept;
  static int on_progress(void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) noexcept;
  void set_method();

  CURL* const handle_;
  const CurlSettings& settings_;
  curl_slist* headers_ = nullptr;
  HttpRequest request_;
  HttpResponse response_;
  bool too_large_ = false;
  int sends_ = 0;  // how often curl set out to send this request
  curl_off_t bytes_moved_ = 0;
  SteadyTime last_progress_;
  char error_[CURL_ERROR_SIZE] = {};
};

class CurlMulti {
 public:
  explicit CurlMulti(const CurlSettings& settings);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  void add(CurlTransfer& transfer);
  void remove(CurlTransfer& transfer);
  void perform();
  // The next finished handle, or null.
  struct Finished {
    CURL* handle = nullptr;
    CURLcode code = CURLE_OK;
  };
  [[nodiscard]] Finished next_finished();
  void wait(Millis at_most);
  void wake();  // any thread

 private:
  CURLM* const handle_;
};

}  // namespace cd
