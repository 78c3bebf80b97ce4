// Timers: things to do later, on one thread (`deadline`) in the order of their times. For deadlines of parked
// operations and for writers that wait for room.
// What fires runs with no lock held and must be quick. Thread-safe. The destructor drops what has not fired and
// joins the thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"

namespace cd {

class Timers {
 public:
  Timers();
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  std::uint64_t after(Millis delay, std::function<void()> fire);
  // Fine if it has fired or is firing now.
  void cancel(std::uint64_t id);

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::function<void()> fire;
  };
  void run();

  Mutex mutex_;
  CondVar changed_;
  std::multimap<SteadyTime, Entry> due_ CD_GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, std::multimap<SteadyTime, Entry>::iterator> by_id_ CD_GUARDED_BY(mutex_);
  std::uint64_t next_id_ CD_GUARDED_BY(mutex_) = 1;
  bool stopping_ CD_GUARDED_BY(mutex_) = false;
  Thread thread_;
};

}  // namespace cd
