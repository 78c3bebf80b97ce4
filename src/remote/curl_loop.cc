#include "remote/curl_loop.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cd {

namespace {

std::int64_t steady_ns(SteadyTime when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

constexpr std::uint64_t kSmallAnswer = 16u << 10;  // headers, an error document

tl::unexpected<Error> cancelled() { return fail(Code::cancelled, "the request was cancelled"); }

}  // namespace

CurlLoop::CurlLoop(CurlLoopOptions options, Throttle& throttle)
    : options_(std::move(options)), throttle_(throttle), multi_(options_.curl) {
  thread_ = Thread("net", [this](std::stop_token stop) { run(stop); });
}

CurlLoop::~CurlLoop() { end(); }

void CurlLoop::end() {
  thread_.request_stop();
  wake();
  thread_.join();
}

void CurlLoop::send(HttpRequest request, HttpCall call, Done<HttpResponse> done) {
  auto job = std::make_unique<Job>();
  job->cost = (request.body ? request.body->size() : 0) + std::max(request.answer_bytes_expected, kSmallAnswer);
  job->request = std::move(request);
  job->call = std::move(call);
  job->done = std::move(done);
  job->poke.emplace(job->call.cancel, Poke{this});
  {
    MutexLock lock(mutex_);
    if (!ended_) new_jobs_.push_back(std::move(job));
  }
  if (job) {
    job->poke.reset();
    job->done(cancelled());
    return;
  }
  wake();
}

void CurlLoop::after(Millis delay, std::stop_token cancel, std::function<void()> fire) {
  Alarm alarm{std::chrono::steady_clock::now() + delay, cancel, std::move(fire),
              std::make_unique<std::stop_callback<Poke>>(cancel, Poke{this})};
  bool ended = false;
  {
    MutexLock lock(mutex_);
    ended = ended_;
    if (!ended) new_alarms_.push_back(std::move(alarm));
  }
  if (ended) {
    alarm.fire();
    return;
  }
  wake();
}

void CurlLoop::look_for_cancelled() noexcept {
  cancelled_seen_ = true;
  wake();
}

void CurlLoop::wake() {
  if (!woken_.exchange(true)) multi_.wake();  // one write to its pipe is enough
}

void CurlLoop::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    multi_.wait(time_to_wait(std::chrono::steady_clock::now()));
    woken_ = false;
    take_new();
    if (cancelled_seen_.exchange(false)) drop_cancelled();
    fire_alarms(std::chrono::steady_clock::now());
    start_waiting();
    multi_.perform();
    finish_ready();
    const SteadyTime now = std::chrono::steady_clock::now();
    if (now >= look_again_) end_late(now);
    start_waiting();
  }
  end_all();
}

void CurlLoop::take_new() {
  std::vector<JobPtr> jobs;
  std::vector<Alarm> alarms;
  {
    MutexLock lock(mutex_);
    jobs.swap(new_jobs_);
    alarms.swap(new_alarms_);
  }
  for (JobPtr& job : jobs) {
    look_again_ = std::min(look_again_, job->call.deadline);
    // Cancelled before it came into the list: the poke of then found nothing.
    if (job->call.cancel.stop_requested()) cancelled_seen_ = true;
    (job->call.priority == Priority::interactive ? interactive_ : background_).push_back(std::move(job));
  }
  for (Alarm& alarm : alarms) alarms_.push_back(std::move(alarm));
}

void CurlLoop::drop_cancelled() {
  for (auto* lane : {&interactive_, &background_}) {
    std::vector<JobPtr> dropped;
    for (auto it = lane->begin(); it != lane->end();) {
      if ((*it)->call.cancel.stop_requested()) {
        dropped.push_back(std::move(*it));
        it = lane->erase(it);
      } else {
        ++it;
      }
    }
    for (JobPtr& job : dropped) job->done(cancelled());
  }
  std::vector<CURL*> handles;
  for (const auto& [handle, transfer] : active_) {
    if (transfer->job->call.cancel.stop_requested()) handles.push_back(handle);
  }
  for (CURL* handle : handles) finish(handle, cancelled());
  for (Alarm& alarm : alarms_) {
    if (alarm.cancel.stop_requested()) alarm.when = SteadyTime::min();
  }
}

void CurlLoop::fire_alarms(SteadyTime now) {
  // An alarm may set another one; those come through new_alarms_, so this list does not change under us.
  std::vector<Alarm> due;
  for (std::size_t i = 0; i < alarms_.size();) {
    if (alarms_[i].when <= now || alarms_[i].cancel.stop_requested()) {
      due.push_back(std::move(alarms_[i]));
      if (i + 1 < alarms_.size()) alarms_[i] = std::move(alarms_.back());
      alarms_.pop_back();
    } else {
      ++i;
    }
  }
  for (Alarm& alarm : due) alarm.fire();
}

void CurlLoop::start_waiting() {
  if (interactive_.empty() && background_.empty()) return;
  const int limit = throttle_.limit(steady_ns(std::chrono::steady_clock::now()));
  while (start_from(interactive_, limit)) {
  }
  const int kept_free = limit > 1 ? std::max(1, limit / 8) : 0;
  while (background_active_ < limit - kept_free && start_from(background_, limit)) {
  }
}

// False: this lane is empty, or its first must wait.
bool CurlLoop::start_from(std::deque<JobPtr>& lane, int limit) {
  if (lane.empty() || static_cast<int>(active_.size()) >= limit) return false;
  if (bytes_under_way_ > 0 && bytes_under_way_ + lane.front()->cost > options_.body_memory_bytes) return false;
  JobPtr job = std::move(lane.front());
  lane.pop_front();
  start(std::move(job));
  return true;
}

void CurlLoop::start(JobPtr job) {
  if (idle_.empty()) idle_.push_back(std::make_unique<Transfer>(options_.curl));
  std::unique_ptr<Transfer> transfer = std::move(idle_.back());
  idle_.pop_back();
  bytes_under_way_ += job->cost;
  if (job->call.priority == Priority::background) ++background_active_;
  transfer->curl.begin(std::move(job->request));
  transfer->job = std::move(job);
  multi_.add(transfer->curl);
  look_again_ = std::min(look_again_, transfer->curl.last_progress() + options_.stall_timeout);
  CURL* const handle = transfer->curl.handle();
  active_.emplace(handle, std::move(transfer));
}

void CurlLoop::finish_ready() {
  for (auto ready = multi_.next_finished(); ready.handle != nullptr; ready = multi_.next_finished()) {
    const auto found = active_.find(ready.handle);
    CD_CHECK(found != active_.end());
    finish(ready.handle, found->second->curl.take(ready.code));
  }
}

void CurlLoop::end_late(SteadyTime now) {
  std::vector<std::pair<CURL*, const char*>> late;
  SteadyTime next = SteadyTime::max();
  for (const auto& [handle, transfer] : active_) {
    const SteadyTime stalled = transfer->curl.last_progress() + options_.stall_timeout;
    if (transfer->job->call.deadline <= now) {
      late.emplace_back(handle, "the store did not answer in time");
    } else if (stalled <= now) {
      late.emplace_back(handle, "the connection stalled");
    } else {
      next = std::min({next, stalled, transfer->job->call.deadline});
    }
  }
  std::vector<JobPtr> dropped;
  for (auto* lane : {&interactive_, &background_}) {
    for (auto it = lane->begin(); it != lane->end();) {
      if ((*it)->call.deadline <= now) {
        dropped.push_back(std::move(*it));
        it = lane->erase(it);
      } else {
        next = std::min(next, (*it)->call.deadline);
        ++it;
      }
    }
  }
  look_again_ = next;
  for (const auto& [handle, why] : late) finish(handle, fail(Code::timeout, why));
  for (JobPtr& job : dropped) job->done(fail(Code::timeout, "no connection was free in time"));
}

void CurlLoop::finish(CURL* handle, Result<HttpResponse> answer) {
  const auto found = active_.find(handle);
  std::unique_ptr<Transfer> transfer = std::move(found->second);
  active_.erase(found);
  multi_.remove(transfer->curl);
  JobPtr job = std::move(transfer->job);
  bytes_under_way_ -= job->cost;
  if (job->call.priority == Priority::background) --background_active_;
  idle_.push_back(std::move(transfer));
  job->poke.reset();
  job->done(std::move(answer));
}

Millis CurlLoop::time_to_wait(SteadyTime now) const {
  SteadyTime next = look_again_;
  for (const Alarm& alarm : alarms_) next = std::min(next, alarm.when);
  if (!interactive_.empty() || !background_.empty()) {
    // Held back by a pause of the throttle: look again when it ends.
    const std::int64_t pause_ns = throttle_.paused_until_ns() - steady_ns(now);
    if (pause_ns > 0) next = std::min(next, now + std::chrono::nanoseconds(pause_ns));
  }
  if (next <= now) return Millis(0);
  return std::min(Millis(60'000), std::chrono::ceil<Millis>(next - now));
}

void CurlLoop::end_all() {
  // Those who are told now may send again: that is refused at once, so the rounds end.
  {
    MutexLock lock(mutex_);
    ended_ = true;
  }
  take_new();
  std::vector<CURL*> handles;
  for (const auto& [handle, transfer] : active_) handles.push_back(handle);
  for (CURL* handle : handles) finish(handle, cancelled());
  for (auto* lane : {&interactive_, &background_}) {
    for (JobPtr& job : std::exchange(*lane, {})) job->done(cancelled());
  }
  for (Alarm& alarm : std::exchange(alarms_, {})) alarm.fire();
}

}  // namespace cd
