// fault_proxy --target 127.0.0.1:PORT [--port N] [--port-file FILE] [--seed N]: FaultProxy for the shell suites.
//
// Writes "PORT CONTROL-PORT" to FILE (stdout if none) when it listens. A connection to the control port sends one
// command and gets one answer: "rules" and then rules, a line each, up to a line "." → "ok" or what is wrong;
// "counts" → the counts; "forget" → "ok"; "quit" → "ok", and it ends. SIGTERM ends it too.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/support/fault_proxy.h"

namespace {

using cd::testing::FaultProxy;
using cd::testing::FaultProxyOptions;

volatile std::sig_atomic_t ended = 0;
void end(int) { ended = 1; }

[[noreturn]] void usage() {
  std::cerr << "usage: fault_proxy --target 127.0.0.1:PORT [--port N] [--port-file FILE] [--seed N]\n";
  std::exit(2);
}

std::string read_command(int fd) {
  std::string text;
  char piece[4096];
  const auto whole = [&] {
    if (text.starts_with("rules\n")) return text.ends_with("\n.\n");
    return text.ends_with("\n");
  };
  while (!whole()) {
    const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
    if (n <= 0) break;
    text.append(piece, static_cast<std::size_t>(n));
  }
  return text;
}

std::string obey(FaultProxy& proxy, const std::string& command) {
  if (command == "counts\n") return proxy.counts_text();
  if (command == "quit\n") return end(0), "ok\n";
  if (command == "forget\n") return proxy.forget_counts(), "ok\n";
  if (!command.starts_with("rules\n") || !command.ends_with("\n.\n")) return "no such command\n";
  const std::string rules = command.substr(6, command.size() - 8);
  const cd::Status done = proxy.set_rules(std::string_view(rules));
  return done ? "ok\n" : done.error().message + "\n";
}

int listen_for_control(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 16) != 0) return -1;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

void raise_descriptor_limit() {  // two for each connection
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void catch_signals() {  // without SA_RESTART, so that accept() returns
  struct sigaction action {};
  action.sa_handler = end;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  FaultProxyOptions options;
  std::string port_file;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (i + 1 >= argc) usage();
    const std::string value = argv[i + 1];
    if (name == "--target") {
      const std::size_t colon = value.rfind(':');
      if (colon == std::string::npos) usage();
      options.target_host = value.substr(0, colon);
      options.target_port = static_cast<std::uint16_t>(std::atoi(value.c_str() + colon + 1));
    } else if (name == "--port") {
      options.port = static_cast<std::uint16_t>(std::atoi(value.c_str()));
    } else if (name == "--seed") {
      options.seed = static_cast<std::uint32_t>(std::atoi(value.c_str()));
    } else if (name == "--port-file") {
      port_file = value;
    } else {
      usage();
    }
  }
  if (options.target_port == 0) usage();
  raise_descriptor_limit();
  auto proxy = FaultProxy::start(options);
  std::uint16_t control_port = 0;
  const int control = listen_for_control(control_port);
  if (!proxy || control < 0) {
    std::cerr << "fault_proxy: " << (proxy ? std::strerror(errno) : proxy.error().message) << "\n";
    return 1;
  }
  catch_signals();
  const std::string ports = std::to_string((*proxy)->port()) + " " + std::to_string(control_port) + "\n";
  if (port_file.empty()) {
    std::cout << ports << std::flush;
  } else {
    std::ofstream(port_file + ".new") << ports;
    std::rename((port_file + ".new").c_str(), port_file.c_str());
  }
  while (ended == 0) {
    const int fd = ::accept4(control, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const std::string answer = obey(**proxy, read_command(fd));
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(fd);
  }
  ::close(control);
  return 0;
}
