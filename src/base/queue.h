// BoundedQueue<T>: how values travel between threads. Many producers, many consumers, FIFO.
// push blocks while full (back-pressure), pop blocks while empty; both end when the queue is closed.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace cd {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) { CD_CHECK(capacity > 0); }

  // False: the queue was closed and the value was not taken.
  bool push(T value) {
    MutexLock lock(mutex_);
    while (items_.size() >= capacity_ && !closed_) room_.wait(mutex_);
    return push_locked(std::move(value));
  }
  // False: full or closed; never blocks.
  bool try_push(T value) {
    MutexLock lock(mutex_);
    if (items_.size() >= capacity_) return false;
    return push_locked(std::move(value));
  }
  // Empty: closed, and everything was taken.
  std::optional<T> pop() {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) ready_.wait(mutex_);
    return take_locked();
  }
  // Empty: nothing came before `when`, or closed and everything was taken.
  template <class TimePoint>
  std::optional<T> pop_until(TimePoint when) {
    MutexLock lock(mutex_);
    while (items_.empty() && !closed_) {
      if (!ready_.wait_until(mutex_, when)) break;
    }
    return take_locked();
  }
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    ready_.notify_all();
    room_.notify_all();
  }
  [[nodiscard]] bool closed() const {
    MutexLock lock(mutex_);
    return closed_;
  }
  [[nodiscard]] std::size_t size() const {
    MutexLock lock(mutex_);
    return items_.size();
  }

 private:
  bool push_locked(T value) CD_REQUIRES(mutex_) {
    if (closed_) return false;
    items_.push_back(std::move(value));
    ready_.notify_one();
    return true;
  }
  std::optional<T> take_locked() CD_REQUIRES(mutex_) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> value(std::move(items_.front()));
    items_.pop_front();
    room_.notify_one();
    return value;
  }

  const std::size_t capacity_;

  mutable Mutex mutex_;
  CondVar ready_;
  CondVar room_;
  std::deque<T> items_ CD_GUARDED_BY(mutex_);
  bool closed_ CD_GUARDED_BY(mutex_) = false;
};

}  // namespace cd
