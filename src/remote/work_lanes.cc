#include "remote/work_lanes.h"

#include <utility>

namespace cd {

WorkLanes::WorkLanes(const std::string& name, int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back(name + "-" + std::to_string(i), [this](std::stop_token) { run(); });
  }
}

WorkLanes::~WorkLanes() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    ready_.notify_all();
  }
  for (Thread& thread : threads_) thread.join();
}

void WorkLanes::add(Priority priority, std::function<void()> job) {
  MutexLock lock(mutex_);
  (priority == Priority::interactive ? interactive_ : background_).push_back(std::move(job));
  ready_.notify_one();
}

void WorkLanes::run() {
  MutexLock lock(mutex_);
  for (;;) {
    while (interactive_.empty() && background_.empty()) {
      if (stopping_) return;
      ready_.wait(mutex_);
    }
    auto& lane = interactive_.empty() ? background_ : interactive_;
    const std::function<void()> job = std::move(lane.front());
    lane.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace cd
