#include "tests/support/http_wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>

#include "base/text.h"

namespace cd::testing {

namespace {

constexpr std::size_t kHeadBytesMax = 64 << 10;
constexpr std::string_view kLineEnd = "\r\n";

// Where the line of header `name` begins and ends (its line end included); npos, npos if there is none.
std::pair<std::size_t, std::size_t> line_of(const std::string& text, std::string_view name) {
  const std::string wanted = to_lower_ascii(name) + ":";
  for (std::size_t at = text.find(kLineEnd); at != std::string::npos;) {
    const std::size_t begin = at + kLineEnd.size();
    const std::size_t end = text.find(kLineEnd, begin);
    if (end == std::string::npos || end == begin) break;
    if (to_lower_ascii(text.substr(begin, wanted.size())) == wanted) return {begin, end + kLineEnd.size()};
    at = end;
  }
  return {std::string::npos, std::string::npos};
}

}  // namespace

std::string HttpHead::header(std::string_view name) const {
  const auto [begin, end] = line_of(text, name);
  if (begin == std::string::npos) return "";
  std::string value = text.substr(begin + name.size() + 1, end - kLineEnd.size() - begin - name.size() - 1);
  value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

bool HttpHead::has(std::string_view name) const { return line_of(text, name).first != std::string::npos; }

void HttpHead::remove(std::string_view name) {
  const auto [begin, end] = line_of(text, name);
  if (begin != std::string::npos) text.erase(begin, end - begin);
}

void HttpHead::replace(std::string_view name, std::string_view value) {
  const auto [begin, end] = line_of(text, name);
  if (begin == std::string::npos) return;
  text.replace(begin, end - begin, std::string(name) + ": " + std::string(value) + std::string(kLineEnd));
}

std::string HttpHead::word(int index) const {
  std::istringstream words(first_line);
  std::string word;
  for (int i = 0; i <= index; ++i) {
    word.clear();
    words >> word;
  }
  return word;
}

int HttpHead::status() const { return first_line.starts_with("HTTP/") ? std::atoi(word(1).c_str()) : 0; }

HttpWire::~HttpWire() { ::close(fd_); }

bool HttpWire::fill() {
  char piece[64 << 10];
  for (;;) {
    const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(n));
    return true;
  }
}

std::optional<HttpHead> HttpWire::read_head() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > kHeadBytesMax || !fill()) return std::nullopt;
  }
  HttpHead head;
  head.text = buffer_.substr(0, end + 4);
  head.first_line = head.text.substr(0, head.text.find(kLineEnd));
  buffer_.erase(0, end + 4);
  return head;
}

bool HttpWire::pass(std::uint64_t count, const Sink& sink) {
  while (count > 0) {
    if (buffer_.empty() && !fill()) return false;
    const std::string piece = buffer_.substr(0, std::min<std::uint64_t>(count, buffer_.size()));
    buffer_.erase(0, piece.size());
    count -= piece.size();
    if (!sink(piece)) return false;
  }
  return true;
}

bool HttpWire::pass_line(const Sink& sink, std::string& line) {
  std::size_t end = 0;
  while ((end = buffer_.find(kLineEnd)) == std::string::npos) {
    if (!fill()) return false;
  }
  line = buffer_.substr(0, end);
  const std::string whole = buffer_.substr(0, end + kLineEnd.size());
  buffer_.erase(0, whole.size());
  return sink(whole);
}

bool HttpWire::read_body(const HttpHead& head, const Sink& sink) {
  if (to_lower_ascii(head.header("transfer-encoding")) == "chunked") {
    for (std::string line;;) {
      if (!pass_line(sink, line)) return false;
      const std::uint64_t size = std::strtoull(line.c_str(), nullptr, 16);
      if (size > 0 && !pass(size, sink)) return false;
      if (size > 0 && !pass_line(sink, line)) return false;
      if (size > 0) continue;
      do {  // trailers, up to the empty line
        if (!pass_line(sink, line)) return false;
      } while (!line.empty());
      return true;
    }
  }
  if (head.has("content-length")) return pass(std::strtoull(head.header("content-length").c_str(), nullptr, 10), sink);
  if (head.status() == 0) return true;  // a request without a body
  do {
    if (!buffer_.empty() && !pass(buffer_.size(), sink)) return false;
  } while (fill());
  return true;
}

bool HttpWire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void HttpWire::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  // Not close(): the number must stay ours until the destructor. To connect to "nowhere" resets at once.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  ::connect(fd_, &nowhere, sizeof nowhere);
}

void HttpWire::abort() { ::shutdown(fd_, SHUT_RDWR); }

bool HttpWire::peer_closed() const {
  pollfd state{fd_, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0;
}

}  // namespace cd::testing
