#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace cd::testing {

namespace {

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

void send_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::string error_document(const ProxyRule& rule) {
  const std::string_view usual = s3_error_name(rule.action == ProxyAction::error200 ? 500 : rule.code);
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + std::string(rule.error.empty() ? usual : rule.error) +
         "</Code><Message>" + rule.words + "</Message></Error>";
}

std::string date_header(std::int64_t skew_seconds) {
  const std::time_t when = std::time(nullptr) + skew_seconds;
  std::tm utc{};
  ::gmtime_r(&when, &utc);
  char text[64];
  return {text, std::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc)};
}

// "bytes 0-99/200" → "bytes 1-100/201".
std::string one_byte_further(const std::string& range) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  if (std::sscanf(range.c_str(), "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &total) != 3) return range;
  return "bytes " + std::to_string(first + 1) + "-" + std::to_string(last + 1) + "/" + std::to_string(total + 1);
}

// Another hexadecimal digit in the place of the first one after `start`.
void falsify_etag(std::string& text, std::size_t start) {
  const std::size_t digit = text.find_first_of("0123456789abcdef", start);
  if (digit != std::string::npos) text[digit] = text[digit] == '0' ? '1' : '0';
}

bool is_small_xml(const HttpHead& answer) {
  return answer.header("content-type").find("xml") != std::string::npos;
}

}  // namespace

Result<std::unique_ptr<FaultProxy>> FaultProxy::start(const FaultProxyOptions& options) {
  std::unique_ptr<FaultProxy> proxy(new FaultProxy(options));
  CD_TRY_VOID(proxy->listen(options.port));
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  ::getsockname(proxy->listen_fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  proxy->port_ = ntohs(bound.sin_port);
  proxy->acceptor_ = Thread("proxy-accept", [p = proxy.get()](std::stop_token stop) { p->accept_loop(stop); });
  return proxy;
}

FaultProxy::FaultProxy(const FaultProxyOptions& options)
    : options_(options), wake_fd_(::eventfd(0, EFD_CLOEXEC)), dice_(options.seed) {}

FaultProxy::~FaultProxy() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (acceptor_.joinable()) {
    acceptor_.request_stop();
    ::eventfd_write(wake_fd_, 1);
    acceptor_.join();
  }
  std::list<Connection> left;
  {
    MutexLock lock(mutex_);
    for (Connection& connection : connections_) {
      connection.client->abort();
      if (connection.server) connection.server->abort();
    }
    left.splice(left.end(), connections_);
  }
  for (Connection& connection : left) connection.thread.join();
  if (listen_fd_ >= 0) ::close(listen_fd_);
  ::close(wake_fd_);
}

Status FaultProxy::listen(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(error_from_errno(errno, "socket"));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = address_of("127.0.0.1", port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 1024) != 0) {
    const Error error = error_from_errno(errno, "listen on 127.0.0.1:" + std::to_string(port));
    ::close(fd);
    return fail(error);
  }
  listen_fd_ = fd;
  return {};
}

void FaultProxy::accept_loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    pollfd wanted[] = {{wake_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
    if (::poll(wanted, 2, -1) < 0) continue;
    if ((wanted[0].revents & POLLIN) != 0) {
      eventfd_t ignored = 0;
      ::eventfd_read(wake_fd_, &ignored);
      follow_rules();
    } else if ((wanted[1].revents & POLLIN) != 0) {
      const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) adopt(fd);
    }
  }
}

void FaultProxy::follow_rules() {
  MutexLock lock(mutex_);
  const bool refuse = std::any_of(rules_.begin(), rules_.end(),
                                  [](const Armed& armed) { return armed.rule.action == ProxyAction::refuse; });
  if (refuse) {
    if (listen_fd_ >= 0) ::close(std::exchange(listen_fd_, -1));
    for (Connection& connection : connections_) {
      if (!connection.finished) connection.client->reset();
    }
  } else if (listen_fd_ < 0) {
    CD_CHECK(listen(port_).has_value());  // the port was ours a moment ago
  }
  followed_version_ = rules_version_;
  changed_.notify_all();
}

void FaultProxy::set_rules(std::vector<ProxyRule> rules) {
  MutexLock lock(mutex_);
  rules_.clear();
  for (ProxyRule& rule : rules) rules_.push_back(Armed{std::move(rule), 0});
  const std::uint64_t version = ++rules_version_;
  ::eventfd_write(wake_fd_, 1);
  while (followed_version_ < version && !stopping_) changed_.wait(mutex_);
}

Status FaultProxy::set_rules(std::string_view text) {
  CD_TRY(std::vector<ProxyRule> rules, parse_rules(text));
  set_rules(std::move(rules));
  return {};
}

std::map<std::string, std::uint64_t> FaultProxy::counts() const {
  MutexLock lock(mutex_);
  return counts_;
}

std::string FaultProxy::counts_text() const {
  std::string text;
  for (const auto& [name, count] : counts()) text += name + " " + std::to_string(count) + "\n";
  return text;
}

void FaultProxy::forget_counts() {
  MutexLock lock(mutex_);
  counts_.clear();
}

std::size_t FaultProxy::open_connections() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const Connection& c) { return !c.finished; }));
}

void FaultProxy::adopt(int fd) {
  reap();
  send_at_once(fd);
  MutexLock lock(mutex_);
  ++counts_["connections"];
  Connection& connection = connections_.emplace_back();
  connection.client = std::make_shared<HttpWire>(fd);
  connection.thread = Thread("proxy-conn", [this, &connection](std::stop_token) { serve(connection); });
}

void FaultProxy::reap() {
  std::list<Connection> gone;
  MutexLock lock(mutex_);
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto next = std::next(at);
    if (at->finished) gone.splice(gone.end(), connections_, at);
    at = next;
  }
  lock.unlock();  // the threads of `gone` are joined without it
}

void FaultProxy::serve(Connection& connection) {
  while (std::optional<HttpHead> request = connection.client->read_head()) {
    if (!exchange(connection, std::move(*request))) break;
  }
  MutexLock lock(mutex_);
  connection.client->abort();
  if (connection.server) connection.server->abort();
  connection.finished = true;
}

FaultProxy::Plan FaultProxy::plan_for(const HttpHead& request) {
  const std::string method = request.word(0);
  const std::string target = request.word(1);
  MutexLock lock(mutex_);
  ++counts_[method];
  Plan plan;
  plan.rules_version = rules_version_;
  for (Armed& armed : rules_) {
    const ProxyRule& rule = armed.rule;
    if (rule.action == ProxyAction::refuse || !rule.covers(method, target)) continue;
    const std::int64_t number = ++armed.seen;
    if (number < rule.nth || (rule.times >= 0 && number >= rule.nth + rule.times)) continue;
    if (rule.percent < 100 && static_cast<std::int64_t>(dice_() % 100) >= rule.percent) continue;
    if (rule.action == ProxyAction::latency) {
      plan.latency_ms += rule.ms;
    } else if (!plan.faulty) {
      plan.faulty = true;
      plan.fault = rule;
    }
  }
  return plan;
}

bool FaultProxy::exchange(Connection& connection, HttpHead request) {
  const Plan plan = plan_for(request);
  if (plan.latency_ms > 0 && !wait(plan.latency_ms)) return false;
  if (to_lower_ascii(request.header("expect")) == "100-continue") {
    request.remove("expect");
    if (!connection.client->send("HTTP/1.1 100 Continue\r\n\r\n")) return false;
  }
  if (plan.faulty && (plan.fault.action == ProxyAction::status || plan.fault.action == ProxyAction::error200)) {
    return answer_ourselves(connection, request, plan.fault);
  }
  const bool keep = to_lower_ascii(request.header("connection")) != "close";
  return pass_request(connection, request, plan) && pass_answer(connection, request, plan) && keep;
}

bool FaultProxy::answer_ourselves(Connection& connection, const HttpHead& request, const ProxyRule& rule) {
  if (!connection.client->read_body(request, [](std::string_view) { return true; })) return false;
  const std::int64_t code = rule.action == ProxyAction::error200 ? 200 : rule.code;
  const std::string body = error_document(rule);
  std::string answer = "HTTP/1.1 " + std::to_string(code) + " " + std::string(s3_error_name(code)) + "\r\n";
  if (rule.retry_after >= 0) answer += "Retry-After: " + std::to_string(rule.retry_after) + "\r\n";
  answer += date_header(rule.skew);
  answer += "Content-Type: application/xml\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  if (request.word(0) != "HEAD") answer += body;
  return connection.client->send(answer);
}

std::shared_ptr<HttpWire> FaultProxy::server_of(Connection& connection) {
  MutexLock lock(mutex_);
  if (stopping_) return nullptr;
  if (connection.server && !connection.server->peer_closed()) return connection.server;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  auto server = std::make_shared<HttpWire>(fd);
  const sockaddr_in address = address_of(options_.target_host, options_.target_port);
  // Under the lock: on loopback it ends at once, and so the destructor sees every server connection.
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return nullptr;
  send_at_once(fd);
  connection.server = server;
  return server;
}

bool FaultProxy::pass_request(Connection& connection, HttpHead request, const Plan& plan) {
  const std::shared_ptr<HttpWire> server = server_of(connection);
  if (!server) return false;
  const bool reset = plan.faulty && plan.fault.action == ProxyAction::reset_request;
  if (reset) {
    const std::uint64_t size = std::strtoull(request.header("content-length").c_str(), nullptr, 10);
    std::uint64_t left = plan.fault.after >= 0 ? static_cast<std::uint64_t>(plan.fault.after) : size / 2;
    connection.client->read_body(request, [&](std::string_view piece) {
      left -= std::min<std::uint64_t>(left, piece.size());
      return left > 0;
    });
    connection.client->reset();
    return false;
  }
  if (!server->send(request.text)) return false;
  // A server that answers early stops reading; its answer is still worth passing on.
  bool server_reads = true;
  return connection.client->read_body(request, [&](std::string_view piece) {
    server_reads = server_reads && server->send(piece);
    return true;
  });
}

bool FaultProxy::pass_answer(Connection& connection, const HttpHead& request, const Plan& plan) {
  HttpWire& client = *connection.client;
  HttpWire& server = *connection.server;
  std::optional<HttpHead> answer = server.read_head();
  while (answer && answer->status() == 100) answer = server.read_head();
  if (!answer) return false;
  const bool bodiless = request.word(0) == "HEAD" || answer->status() == 204 || answer->status() == 304;
  const auto swallow = [](std::string_view) { return true; };
  if (plan.faulty && plan.fault.action == ProxyAction::lost) {
    if (!bodiless) server.read_body(*answer, swallow);
    return false;
  }
  if (plan.faulty && plan.fault.action == ProxyAction::stall_header) {
    stall(client, plan.rules_version);
    return false;
  }
  if (plan.faulty && !bodiless) return send_damaged(client, server, *answer, plan);
  if (plan.faulty && plan.fault.action == ProxyAction::wrong_etag) {
    std::string etag = answer->header("etag");
    falsify_etag(etag, 0);
    answer->replace("ETag", etag);
  }
  if (!client.send(answer->text)) return false;
  return bodiless || server.read_body(*answer, [&](std::string_view piece) { return client.send(piece); });
}

bool FaultProxy::send_damaged(HttpWire& client, HttpWire& server, const HttpHead& answer, const Plan& plan) {
  // Whole in memory: what is damaged in tests is a few megabytes at most.
  std::string body;
  if (!server.read_body(answer, [&](std::string_view piece) { return body.append(piece), true; })) return false;
  HttpHead head = answer;
  const ProxyRule& fault = plan.fault;
  const std::size_t after = fault.after >= 0 ? std::min(static_cast<std::size_t>(fault.after), body.size())
                                             : body.size() / 2;
  if (fault.action == ProxyAction::wrong_etag) {
    std::string etag = head.header("etag");
    falsify_etag(etag, 0);
    head.replace("ETag", etag);
    const std::size_t tag = is_small_xml(head) ? body.find("<ETag>") : std::string::npos;
    // The quotes, also as "&quot;", hold no hexadecimal digit: the first one after the tag is the ETag's.
    if (tag != std::string::npos) falsify_etag(body, tag + 6);
    return client.send(head.text) && client.send(body);
  }
  if (fault.action == ProxyAction::wrong_range) {
    head.replace("Content-Range", one_byte_further(head.header("content-range")));
    return client.send(head.text) && client.send(body);
  }
  if (fault.action == ProxyAction::corrupt) {
    if (!body.empty()) body[fault.after >= 0 ? std::min(after, body.size() - 1) : roll(body.size())] ^= 1;
    return client.send(head.text) && client.send(body);
  }
  if (!client.send(head.text) || !client.send(std::string_view(body).substr(0, after))) return false;
  if (fault.action == ProxyAction::stall_body) stall(client, plan.rules_version);
  if (fault.action == ProxyAction::reset) client.reset();
  return false;  // truncate: an orderly close
}

std::size_t FaultProxy::roll(std::size_t below) {
  MutexLock lock(mutex_);
  return dice_() % below;
}

bool FaultProxy::wait(std::int64_t ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  MutexLock lock(mutex_);
  while (!stopping_ && changed_.wait_until(mutex_, end)) continue;
  return !stopping_;
}

void FaultProxy::stall(const HttpWire& client, std::uint64_t rules_version) {
  MutexLock lock(mutex_);
  while (!stopping_ && rules_version_ == rules_version && !client.peer_closed()) {
    changed_.wait_for(mutex_, std::chrono::milliseconds(50));  // the client's leaving wakes nobody
  }
}

}  // namespace cd::testing
