// PendingCalls: store requests under way on behalf of one owner, whose destructor cancels and waits for them.
//
//   if (!calls_.begin()) return done(fail(Code::cancelled, …));   // the owner is going away
//   store.get(request, {deadline, calls_.token()}, [this](auto reply) { …; calls_.end(); });
//
// Thread-safe. After stop() nothing begins any more, and everything that had begun has ended.
#pragma once

#include <stop_token>

#include "base/mutex.h"

namespace cd {

class PendingCalls {
 public:
  [[nodiscard]] bool begin() {
    MutexLock lock(mutex_);
    if (stopped_) return false;
    ++count_;
    return true;
  }
  // The last thing that a callback does: the owner may be gone when it returns.
  void end() {
    MutexLock lock(mutex_);
    if (--count_ == 0) idle_.notify_all();
  }
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

  void stop() {
    {
      MutexLock lock(mutex_);
      stopped_ = true;
    }
    stop_.request_stop();
    MutexLock lock(mutex_);
    while (count_ > 0) idle_.wait(mutex_);
  }

 private:
  std::stop_source stop_;
  Mutex mutex_;
  CondVar idle_;
  int count_ CD_GUARDED_BY(mutex_) = 0;
  bool stopped_ CD_GUARDED_BY(mutex_) = false;
};

}  // namespace cd
