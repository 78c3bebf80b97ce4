#include "fs/ticket.h"

#include <vector>

namespace cd {
namespace {

Error drive_ends() { return {Code::cancelled, "the drive is being unmounted"}; }

}  // namespace

void Tickets::enter(const std::shared_ptr<TicketBase>& ticket) {
  MutexLock lock(mutex_);
  ticket->id_ = next_id_++;
  out_.emplace(ticket->id_, Out{ticket, 0});
}

void Tickets::leave(std::uint64_t id) {
  MutexLock lock(mutex_);
  const auto found = out_.find(id);
  const std::uint64_t timer = found == out_.end() ? 0 : found->second.timer;
  if (timer != 0) timers_.cancel(timer);
  if (found != out_.end()) out_.erase(found);
  left_.notify_all();
}

void Tickets::arm(TicketBase& ticket, const std::stop_token& interrupted, Millis deadline, Error at_deadline,
                  Progress progress) {
  const std::weak_ptr<TicketBase> weak = ticket.weak_from_this();
  const std::uint64_t done = progress ? progress() : 0;
  {
    MutexLock lock(mutex_);
    if (!out_.contains(ticket.id_)) return;  // answered already
    if (closed_) {
      lock.unlock();
      ticket.give_up(drive_ends());
      return;
    }
    if (deadline.count() > 0) begin_time({weak, ticket.id_, deadline, std::move(at_deadline), std::move(progress), done});
  }
  if (interrupted.stop_possible() && !ticket.answered_.load())
    ticket.on_interrupt_.emplace(interrupted, [weak] {
      if (const auto waiting = weak.lock()) waiting->give_up({Code::cancelled, "interrupted"});
    });
}

void Tickets::begin_time(Deadline deadline) {
  const auto found = out_.find(deadline.id);
  if (found == out_.end()) return;
  const Millis after = deadline.after;
  found->second.timer = timers_.after(after, [this, deadline = std::move(deadline)] { time_is_up(deadline); });
}

void Tickets::time_is_up(Deadline deadline) {
  const auto waiting = deadline.ticket.lock();
  if (!waiting) return;
  const std::uint64_t done = deadline.progress ? deadline.progress() : deadline.done;
  if (done == deadline.done) return waiting->give_up(deadline.error);
  deadline.done = done;
  MutexLock lock(mutex_);
  begin_time(std::move(deadline));
}

void Tickets::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  while (!out_.empty()) {
    std::vector<std::shared_ptr<TicketBase>> all;
    for (const auto& [id, out] : out_)
      if (auto ticket = out.ticket.lock()) all.push_back(std::move(ticket));
    lock.unlock();
    for (const auto& ticket : all) ticket->give_up(drive_ends());
    all.clear();
    lock.lock();
    if (!out_.empty()) left_.wait_for(mutex_, Millis(20));  // replies that other threads are giving
  }
}

std::size_t Tickets::waiting() const {
  MutexLock lock(mutex_);
  return out_.size();
}

}  // namespace cd
