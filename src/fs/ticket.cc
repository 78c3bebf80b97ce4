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

void Tickets::arm(TicketBase& ticket, const std::stop_token& interrupted, Millis deadline, Error at_deadline) {
  const std::weak_ptr<TicketBase> weak = ticket.weak_from_this();
  {
    MutexLock lock(mutex_);
    const auto found = out_.find(ticket.id_);
    if (found == out_.end()) return;  // answered already
    if (closed_) {
      lock.unlock();
      ticket.give_up(drive_ends());
      return;
    }
    if (deadline.count() > 0)
      found->second.timer = timers_.after(deadline, [weak, at_deadline] {
        if (const auto waiting = weak.lock()) waiting->give_up(at_deadline);
      });
  }
  if (interrupted.stop_possible() && !ticket.answered_.load())
    ticket.on_interrupt_.emplace(interrupted, [weak] {
      if (const auto waiting = weak.lock()) waiting->give_up({Code::cancelled, "interrupted"});
    });
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
