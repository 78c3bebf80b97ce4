#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

#include "base/check.h"

namespace cd {

Thread::Thread(std::string name, std::function<void(std::stop_token)> body) {
  CD_CHECK(name.size() <= 15);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::jthread([name = std::move(name), body = std::move(body)](std::stop_token stop) {
    pthread_setname_np(pthread_self(), name.c_str());
    body(stop);
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace cd
