// CurlLoop: the HTTP transport: one thread `net` that drives many transfers over reused connections.
//
//  * At most `connections` requests are under way, fewer while the Throttle says so. Those that wait are
//    started interactive first; background requests leave an eighth of the connections free for interactive ones.
//  * Bodies under way (sent ones, and what answers are expected to hold) stay under `body_memory_bytes`;
//    a request that does not fit waits its turn. One that is larger than all of it runs alone.
//  * A request ends at its deadline (timeout), after `stall_timeout` without a byte (timeout), or as soon as
//    its stop_token is asked (cancelled), whether it waits or is under way.
//  * `done` and timers are called on `net`. They must not block; they may send.
// The destructor ends it; neither may run on `net`.
// Thread-safe. Settings, Throttle and Clock must outlive it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "remote/curl_handle.h"
#include "remote/http.h"
#include "remote/throttle.h"

namespace cd {

struct CurlLoopOptions {
  CurlSettings curl;
  Millis stall_timeout{20'000};
  std::uint64_t body_memory_bytes = 64u << 20;
};

class CurlLoop final : public HttpTransport, public Timer {
 public:
  CurlLoop(CurlLoopOptions options, Throttle& throttle);
  ~CurlLoop() override;

  // Ends everything as cancelled and joins the thread; what is sent later is cancelled at once.
  void end();

  void send(HttpRequest request, HttpCall call, Done<HttpResponse> done) override;
  void after(Millis delay, std::stop_token cancel, std::function<void()> fire) override;

 private:
  struct Poke {  // what a stop_token does to the loop
    CurlLoop* loop;
    void operator()() const noexcept { loop->look_for_cancelled(); }
  };
  struct Job {
    HttpRequest request;
    HttpCall call;
    Done<HttpResponse> done;
    std::uint64_t cost = 0;
    std::optional<std::stop_callback<Poke>> poke;
  };
  using JobPtr = std::unique_ptr<Job>;
  struct Alarm {
    SteadyTime when;
    std::stop_token cancel;
    std::function<void()> fire;
    std::unique_ptr<std::stop_callback<Poke>> poke;
  };
  struct Transfer {
    explicit Transfer(const CurlSettings& settings) : curl(settings) {}
    CurlTransfer curl;
    JobPtr job;
  };

  // Any thread.
  void look_for_cancelled() noexcept;
  void wake();

  // On net.
  void run(std::stop_token stop);
  void take_new();
  void drop_cancelled();
  void fire_alarms(SteadyTime now);
  void start_waiting();
  bool start_from(std::deque<JobPtr>& lane, int limit);
  void start(JobPtr job);
  void finish_ready();
  void end_late(SteadyTime now);
  void finish(CURL* handle, Result<HttpResponse> answer);
  [[nodiscard]] Millis time_to_wait(SteadyTime now) const;
  void end_all();

  // constant after construction
  const CurlLoopOptions options_;
  Throttle& throttle_;

  // safe by themselves
  CurlMulti multi_;
  std::atomic<bool> woken_{false};
  std::atomic<bool> cancelled_seen_{false};

  Mutex mutex_;
  std::vector<JobPtr> new_jobs_ CD_GUARDED_BY(mutex_);
  std::vector<Alarm> new_alarms_ CD_GUARDED_BY(mutex_);
  bool ended_ CD_GUARDED_BY(mutex_) = false;

  // only on net
  std::deque<JobPtr> interactive_;
  std::deque<JobPtr> background_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> active_;
  std::vector<std::unique_ptr<Transfer>> idle_;
  std::vector<Alarm> alarms_;
  std::uint64_t bytes_under_way_ = 0;
  int background_active_ = 0;
  SteadyTime look_again_ = SteadyTime::max();  // when a deadline or a stall may be due

  Thread thread_;
};

}  // namespace cd
