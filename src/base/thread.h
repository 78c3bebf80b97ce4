// Thread: a named std::jthread. Owned by one class, stopped by its stop_token, joined by its destructor.
// All signals are blocked in it, so that only the main thread sees them.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

namespace cd {

class Thread {
 public:
  Thread() = default;
  // `name`: at most 15 bytes, as `top -H` and gdb show it.
  Thread(std::string name, std::function<void(std::stop_token)> body);
  Thread(Thread&&) = default;
  Thread& operator=(Thread&&) = default;

  void request_stop() { thread_.request_stop(); }
  void join() { if (thread_.joinable()) thread_.join(); }
  [[nodiscard]] bool joinable() const { return thread_.joinable(); }

 private:
  std::jthread thread_;
};

}  // namespace cd
