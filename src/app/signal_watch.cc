#include "app/signal_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace cd {

SignalWatch::SignalWatch(std::function<void(int)> stop) : stop_(std::move(stop)) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  CD_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  CD_CHECK(signals_ >= 0 && wake_ >= 0);
  thread_ = Thread("signals", [this](const std::stop_token&) { watch(); });
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  CD_CHECK(::write(wake_, &one, sizeof one) == sizeof one);
  thread_.join();
  ::close(signals_);
  ::close(wake_);
}

void SignalWatch::watch() {
  pollfd fds[] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
  while (true) {
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    while (::read(signals_, &info, sizeof info) == sizeof info) stop_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace cd
