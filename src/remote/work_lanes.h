// WorkLanes: a few named threads that run closures, the interactive ones before the background ones.
// Thread-safe. The destructor runs everything that was added (jobs look at `stopping()` and end early), so
// no job is ever lost.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "remote/object_store.h"

namespace cd {

class WorkLanes {
 public:
  // Threads are called "<name>-0", "<name>-1", …
  WorkLanes(const std::string& name, int threads);
  ~WorkLanes();

  void add(Priority priority, std::function<void()> job);
  [[nodiscard]] bool stopping() const { return stopping_.load(); }

 private:
  void run();

  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  CondVar ready_;
  std::deque<std::function<void()>> interactive_ CD_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> background_ CD_GUARDED_BY(mutex_);

  std::vector<Thread> threads_;
};

}  // namespace cd
