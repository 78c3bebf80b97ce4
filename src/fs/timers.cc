#include "fs/timers.h"

namespace cd {

Timers::Timers() : thread_("deadline", [this](std::stop_token) { run(); }) {}

Timers::~Timers() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

std::uint64_t Timers::after(Millis delay, std::function<void()> fire) {
  const SteadyTime when = std::chrono::steady_clock::now() + delay;
  MutexLock lock(mutex_);
  const std::uint64_t id = next_id_++;
  const auto it = due_.emplace(when, Entry{id, std::move(fire)});
  by_id_.emplace(id, it);
  if (it == due_.begin()) changed_.notify_all();
  return id;
}

void Timers::cancel(std::uint64_t id) {
  std::function<void()> dropped;  // destroyed without the lock: it may own a ticket
  MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  dropped = std::move(found->second->second.fire);
  due_.erase(found->second);
  by_id_.erase(found);
  lock.unlock();
}

void Timers::run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (due_.empty()) {
      changed_.wait(mutex_);
      continue;
    }
    const auto first = due_.begin();
    if (const SteadyTime when = first->first; when > std::chrono::steady_clock::now()) {
      changed_.wait_until(mutex_, when);
      continue;
    }
    std::function<void()> fire = std::move(first->second.fire);
    by_id_.erase(first->second.id);
    due_.erase(first);
    lock.unlock();
    fire();
    fire = nullptr;
    lock.lock();
  }
}

}  // namespace cd
