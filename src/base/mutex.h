// Mutex, MutexLock and CondVar: the standard ones with clang's thread-safety annotations, so that the
// clang preset proves which lock guards which member.
// Lock order is include order of the rooms, downwards; no lock is held across a call that can block on
// disk for long, on the network, into an observer, or into a reply to the kernel.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define CD_TSA(x) __attribute__((x))
#else
#define CD_TSA(x)
#endif
#define CD_CAPABILITY(x) CD_TSA(capability(x))
#define CD_SCOPED_CAPABILITY CD_TSA(scoped_lockable)
#define CD_GUARDED_BY(x) CD_TSA(guarded_by(x))
#define CD_REQUIRES(...) CD_TSA(requires_capability(__VA_ARGS__))
#define CD_ACQUIRE(...) CD_TSA(acquire_capability(__VA_ARGS__))
#define CD_RELEASE(...) CD_TSA(release_capability(__VA_ARGS__))
#define CD_EXCLUDES(...) CD_TSA(locks_excluded(__VA_ARGS__))
#define CD_NO_TSA CD_TSA(no_thread_safety_analysis)

namespace cd {

class CD_CAPABILITY("mutex") Mutex {
 public:
  void lock() CD_ACQUIRE() { mutex_.lock(); }
  void unlock() CD_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class CD_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CD_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() CD_RELEASE() { if (held_) mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() CD_RELEASE() { held_ = false; mutex_.unlock(); }
  void lock() CD_ACQUIRE() { mutex_.lock(); held_ = true; }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

class CondVar {
 public:
  void wait(Mutex& mutex) CD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    cond_.wait(lock);
    lock.release();
  }
  // False: the time passed first.
  template <class Clock, class Duration>
  bool wait_until(Mutex& mutex, std::chrono::time_point<Clock, Duration> when) CD_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = cond_.wait_until(lock, when) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  template <class Rep, class Period>
  bool wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> time) CD_REQUIRES(mutex) {
    return wait_until(mutex, std::chrono::steady_clock::now() + time);
  }
  void notify_one() { cond_.notify_one(); }
  void notify_all() { cond_.notify_all(); }

 private:
  std::condition_variable cond_;
};

}  // namespace cd
