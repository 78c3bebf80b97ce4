// SignalWatch: SIGTERM, SIGINT and SIGHUP as a call on a thread of its own (`signals`). Blocks them in the thread
// that makes it, so make it before any other thread; the callback may then do what a signal handler may not.
#pragma once

#include <functional>

#include "base/result.h"
#include "base/thread.h"

namespace cd {

class SignalWatch {
 public:
  // `stop` is called at each signal; must be quick.
  explicit SignalWatch(std::function<void(int signal)> stop);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch();

  const std::function<void(int)> stop_;
  int signals_ = -1;
  int wake_ = -1;
  Thread thread_;
};

}  // namespace cd
