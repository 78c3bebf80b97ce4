#include "remote/curl_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "base/text.h"

namespace cd {

namespace {

// Answers grow as they come; a length that a server only claims reserves no more than this.
constexpr std::uint64_t kReserveMax = 64u << 20;

CURL* new_easy() {
  static std::once_flag once;
  std::call_once(once, [] { CD_CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
  CURL* handle = curl_easy_init();
  CD_CHECK(handle != nullptr);
  return handle;
}

std::string host_of(const std::string& url) {
  const std::size_t mark = url.find("://");
  if (mark == std::string::npos) return url;
  return url.substr(0, url.find('/', mark + 3));
}

Error error_of(CURLcode code, const char* detail, const std::string& url) {
  const std::string host = host_of(url);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {Code::unreachable, fmt::format("no such host: {}; check the endpoint and the network", host)};
    case CURLE_COULDNT_CONNECT:
      return {Code::unreachable, fmt::format("nothing answers at {}; check the endpoint, and that the server runs", host)};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {Code::unreachable,
              fmt::format("the certificate of {} is not trusted ({}); give its authority's PEM file as ca_file", host, detail)};
    case CURLE_SSL_CONNECT_ERROR:
      return {Code::unreachable, fmt::format("no TLS connection with {} ({}); check http or https and the port", host, detail)};
    case CURLE_OPERATION_TIMEDOUT:
      return {Code::unreachable, fmt::format("no connection to {} in time", host)};
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_GOT_NOTHING: return {Code::io, fmt::format("{} closed the connection without an answer", host)};
    case CURLE_PARTIAL_FILE: return {Code::io, fmt::format("{} broke off in the middle of an answer", host)};
    default: return {Code::io, fmt::format("the connection with {} failed: {}", host, detail)};
  }
}

}  // namespace

CurlTransfer::CurlTransfer(const CurlSettings& settings) : handle_(new_easy()), settings_(settings) {}

CurlTransfer::~CurlTransfer() {
  curl_slist_free_all(headers_);
  curl_easy_cleanup(handle_);
}

void CurlTransfer::begin(HttpRequest request) {
  request_ = std::move(request);
  response_ = {};
  too_large_ = false;
  sends_ = 0;
  bytes_moved_ = 0;
  last_progress_ = std::chrono::steady_clock::now();
  error_[0] = 0;
  curl_easy_reset(handle_);  // keeps the connections
  curl_slist_free_all(headers_);
  headers_ = curl_slist_append(nullptr, "Expect:");  // no pause for "100 Continue" before a body
  for (const auto& [name, value] : request_.headers) {
    // "Name;" is curl's way to send a header without a value.
    headers_ = curl_slist_append(headers_, value.empty() ? (name + ";").c_str() : (name + ": " + value).c_str());
  }
  curl_easy_setopt(handle_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(handle_, CURLOPT_HTTPHEADER, headers_);
  curl_easy_setopt(handle_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle_, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(handle_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(handle_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_timeout.count()));
  curl_easy_setopt(handle_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(handle_, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(handle_, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  if (!settings_.ca_file.empty()) curl_easy_setopt(handle_, CURLOPT_CAINFO, settings_.ca_file.c_str());
  curl_easy_setopt(handle_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  curl_easy_setopt(handle_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  curl_easy_setopt(handle_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle_, CURLOPT_PREREQFUNCTION, &CurlTransfer::on_request);
  curl_easy_setopt(handle_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(handle_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle_, CURLOPT_XFERINFOFUNCTION, &CurlTransfer::on_progress);
  curl_easy_setopt(handle_, CURLOPT_XFERINFODATA, this);
  set_method();
}

void CurlTransfer::set_method() {
  if (request_.method == "HEAD") {
    curl_easy_setopt(handle_, CURLOPT_NOBODY, 1L);
    return;
  }
  if (request_.method == "GET" || request_.method == "DELETE") {
    curl_easy_setopt(handle_, CURLOPT_HTTPGET, 1L);
  } else {  // with a body, be it empty: curl sends it from our memory and can send it again on a new connection
    curl_easy_setopt(handle_, CURLOPT_POST, 1L);
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body ? request_.body->size() : 0));
    curl_easy_setopt(handle_, CURLOPT_POSTFIELDS, request_.body ? request_.body->data() : "");
  }
  curl_easy_setopt(handle_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

std::size_t CurlTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t n = size * count;
  std::string& body = transfer.response_.body;
  // An error document may be longer than the few bytes that were asked for.
  const std::uint64_t most = transfer.response_.ok() ? transfer.request_.answer_bytes_max
                                                     : std::max<std::uint64_t>(transfer.request_.answer_bytes_max, 1u << 20);
  if (body.size() + n > most) {
    transfer.too_large_ = true;
    return 0;
  }
  if (body.empty()) {
    curl_off_t announced = -1;
    curl_easy_getinfo(transfer.handle_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0) body.reserve(std::min({static_cast<std::uint64_t>(announced), most, kReserveMax}));
  }
  body.append(data, n);
  return n;
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) noexcept {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  std::string_view line(data, size * count);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with("HTTP/")) {  // of this answer, or of the one after a "100 Continue"
    transfer.response_.headers.clear();
    long status = 0;
    curl_easy_getinfo(transfer.handle_, CURLINFO_RESPONSE_CODE, &status);
    transfer.response_.status = static_cast<int>(status);
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  transfer.response_.headers[to_lower_ascii(line.substr(0, colon))] = std::string(value);
  return size * count;
}

// When a reused connection closes without an answer, curl sends the request again by itself. A write may have
// been applied by then, and only RetryingStore knows what to do about that: so it is told of a failure instead.
int CurlTransfer::on_request(void* self, char*, char*, int, int) noexcept {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const bool harmless = transfer.request_.method == "GET" || transfer.request_.method == "HEAD";
  return ++transfer.sends_ > 1 && !harmless ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

int CurlTransfer::on_progress(void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) noexcept {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (down + up != transfer.bytes_moved_) {
    transfer.bytes_moved_ = down + up;
    transfer.last_progress_ = std::chrono::steady_clock::now();
  }
  return 0;
}

Result<HttpResponse> CurlTransfer::take(CURLcode code) {
  request_.body.reset();
  if (too_large_) {
    return fail(Code::too_large, fmt::format("{} sent more than the {} that were asked for", host_of(request_.url),
                                             human_bytes(request_.answer_bytes_max)));
  }
  if (code != CURLE_OK) {
    return fail(error_of(code, error_[0] != 0 ? error_ : curl_easy_strerror(code), request_.url));
  }
  long status = 0;
  curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

CurlMulti::CurlMulti(const CurlSettings& settings) : handle_((curl_easy_cleanup(new_easy()), curl_multi_init())) {
  CD_CHECK(handle_ != nullptr);
  curl_multi_setopt(handle_, CURLMOPT_MAXCONNECTS, static_cast<long>(settings.connections));
  curl_multi_setopt(handle_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

CurlMulti::~CurlMulti() { curl_multi_cleanup(handle_); }

void CurlMulti::add(CurlTransfer& transfer) {
  CD_CHECK(curl_multi_add_handle(handle_, transfer.handle()) == CURLM_OK);
}

void CurlMulti::remove(CurlTransfer& transfer) { curl_multi_remove_handle(handle_, transfer.handle()); }

void CurlMulti::perform() {
  int running = 0;
  curl_multi_perform(handle_, &running);
}

CurlMulti::Finished CurlMulti::next_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle_, &left)) {
    if (message->msg == CURLMSG_DONE) return {message->easy_handle, message->data.result};
  }
  return {};
}

void CurlMulti::wait(Millis at_most) {
  curl_multi_poll(handle_, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
}

void CurlMulti::wake() { curl_multi_wakeup(handle_); }

}  // namespace cd
