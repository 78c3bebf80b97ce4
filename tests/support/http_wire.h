// HttpWire: one TCP socket that speaks HTTP/1.1 messages: heads, and bodies by Content-Length, chunks or close.
// For FaultProxy only: it trusts its peers to frame messages well, and bounds a head at 64 KiB.
// Owns its descriptor. One thread at a time, but for abort(), which any thread may call to end a blocked call.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cd::testing {

struct HttpHead {
  std::string first_line;  // "PUT /bucket/key HTTP/1.1", "HTTP/1.1 200 OK"
  std::string text;        // all of it, with the empty line at the end

  [[nodiscard]] std::string header(std::string_view name) const;  // "" = there is none
  [[nodiscard]] bool has(std::string_view name) const;
  void remove(std::string_view name);
  void replace(std::string_view name, std::string_view value);
  [[nodiscard]] std::string word(int index) const;  // of the first line, from 0
  [[nodiscard]] int status() const;                 // of an answer; 0 if it is none
};

class HttpWire {
 public:
  explicit HttpWire(int fd) : fd_(fd) {}
  ~HttpWire();
  HttpWire(const HttpWire&) = delete;
  HttpWire& operator=(const HttpWire&) = delete;

  std::optional<HttpHead> read_head();  // empty: the peer closed, or what it sent is no head
  // The framed body of `head`, piece by piece as it lies on the wire (chunk headers included). The sink says
  // whether to go on. False: ended early.
  using Sink = std::function<bool(std::string_view piece)>;
  bool read_body(const HttpHead& head, const Sink& sink);
  bool send(std::string_view bytes);
  void reset();  // closes with a TCP reset
  void abort();  // from any thread: every call on it ends
  [[nodiscard]] bool peer_closed() const;  // without waiting; bytes may still be there to read
  [[nodiscard]] int fd() const { return fd_; }

 private:
  bool fill();  // more bytes into buffer_
  bool pass(std::uint64_t count, const Sink& sink);
  bool pass_line(const Sink& sink, std::string& line);

  int fd_;
  std::string buffer_;
};

}  // namespace cd::testing
