// FaultProxy: an HTTP/1.1 proxy on 127.0.0.1 in front of a real S3 server, that misbehaves on order
// (proxy_rule.h). Requests pass unchanged but for Expect, which the proxy answers itself; so signatures hold, since
// the Host header is the client's.
//
// A thread a connection, each with one connection to the server. Made for tests: a thousand connections are fine,
// the open internet is not. Rules may change at any time; requests under way notice at their next decision, and
// stalls end. The destructor closes everything and joins. Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/thread.h"
#include "tests/support/http_wire.h"
#include "tests/support/proxy_rule.h"

namespace cd::testing {

struct FaultProxyOptions {
  std::string target_host = "127.0.0.1";  // an IPv4 address
  std::uint16_t target_port = 0;
  std::uint16_t port = 0;  // 0 = a free one
  std::uint32_t seed = 1;  // of the dice for percent
};

class FaultProxy {
 public:
  [[nodiscard]] static Result<std::unique_ptr<FaultProxy>> start(const FaultProxyOptions& options);
  ~FaultProxy();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

  void set_rules(std::vector<ProxyRule> rules);       // in effect when it returns; counting for nth begins anew
  [[nodiscard]] Status set_rules(std::string_view text);

  // Requests by method, and "connections": since the start or the last forget_counts().
  [[nodiscard]] std::map<std::string, std::uint64_t> counts() const;
  [[nodiscard]] std::string counts_text() const;      // "GET 12\nPUT 3\n…"
  void forget_counts();
  [[nodiscard]] std::size_t open_connections() const;

 private:
  struct Armed {
    ProxyRule rule;
    std::int64_t seen = 0;
  };
  struct Plan {  // what happens to one request
    std::int64_t latency_ms = 0;
    bool faulty = false;
    ProxyRule fault;
    std::uint64_t rules_version = 0;
  };
  struct Connection {
    std::shared_ptr<HttpWire> client;
    std::shared_ptr<HttpWire> server;  // null until the first request that is passed on
    bool finished = false;
    Thread thread;
  };

  explicit FaultProxy(const FaultProxyOptions& options);
  Status listen(std::uint16_t port);
  void accept_loop(std::stop_token stop);
  void follow_rules();     // listens or does not, as the rules say
  void adopt(int fd);
  void reap();
  void serve(Connection& connection);
  bool exchange(Connection& connection, HttpHead request);
  bool pass_request(Connection& connection, HttpHead request, const Plan& plan);
  bool pass_answer(Connection& connection, const HttpHead& request, const Plan& plan);
  bool send_damaged(HttpWire& client, HttpWire& server, const HttpHead& answer, const Plan& plan);
  bool answer_ourselves(Connection& connection, const HttpHead& request, const ProxyRule& rule);
  std::shared_ptr<HttpWire> server_of(Connection& connection);
  Plan plan_for(const HttpHead& request);
  [[nodiscard]] std::size_t roll(std::size_t below);
  bool wait(std::int64_t ms);                                     // false: the proxy is ending
  void stall(const HttpWire& client, std::uint64_t rules_version);

  const FaultProxyOptions options_;
  std::uint16_t port_ = 0;  // constant after start
  int wake_fd_ = -1;        // eventfd: the acceptor looks at the rules
  int listen_fd_ = -1;      // only on the acceptor after start

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Armed> rules_ CD_GUARDED_BY(mutex_);
  std::uint64_t rules_version_ CD_GUARDED_BY(mutex_) = 1;
  std::uint64_t followed_version_ CD_GUARDED_BY(mutex_) = 0;  // by the acceptor
  bool stopping_ CD_GUARDED_BY(mutex_) = false;
  std::map<std::string, std::uint64_t> counts_ CD_GUARDED_BY(mutex_);
  std::list<Connection> connections_ CD_GUARDED_BY(mutex_);
  std::mt19937 dice_ CD_GUARDED_BY(mutex_);

  Thread acceptor_;
};

}  // namespace cd::testing
