// Ticket: one operation that waits for something: the store, or room in the staging area. Its reply is given
// exactly once, by whoever comes first: the answer, the deadline, the caller who gives up, or the end of the drive.
//
//   auto ticket = tickets.make<SharedBytes>(std::move(reply));
//   store.get(..., ticket->cancelled(), [ticket](auto got) { ticket->answer(std::move(got)); });
//   tickets.arm(*ticket, caller.interrupted, deadline, Error{Code::timeout, "..."});
//
// An answer that comes too late touches nothing but the ticket, so it may come after the drive is gone.
// Tickets knows all that are out; close() gives each a `cancelled` and waits until every reply has returned.
// Thread-safe. Replies run with no lock held, on the thread that brings them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "fs/timers.h"

namespace cd {

class Tickets;

class TicketBase : public std::enable_shared_from_this<TicketBase> {
 public:
  virtual ~TicketBase() = default;
  virtual void give_up(const Error& why) = 0;
  [[nodiscard]] std::stop_token cancelled() const { return cancel_.get_token(); }

 protected:
  explicit TicketBase(Tickets& tickets) : tickets_(tickets) {}
  [[nodiscard]] bool take() { return !answered_.exchange(true); }

  Tickets& tickets_;  // only while it has not been answered
  std::stop_source cancel_;
  std::uint64_t id_ = 0;

 private:
  friend class Tickets;
  std::atomic<bool> answered_{false};
  std::optional<std::stop_callback<std::function<void()>>> on_interrupt_;
};

template <class T>
class Ticket;

class Tickets {
 public:
  ~Tickets() { close(); }

  template <class T>
  [[nodiscard]] std::shared_ptr<Ticket<T>> make(std::function<void(Result<T>)> reply);
  // What has been done so far of the work that a ticket waits for; any number that grows.
  using Progress = std::function<std::uint64_t()>;
  // From now on the ticket is given up when the caller is interrupted or, if `deadline` is not zero, when it passes
  // without any progress.
  void arm(TicketBase& ticket, const std::stop_token& interrupted, Millis deadline, Error at_deadline,
           Progress progress = {});
  void close();
  [[nodiscard]] Timers& timers() { return timers_; }
  [[nodiscard]] std::size_t waiting() const;

 private:
  template <class T>
  friend class Ticket;
  struct Out {
    std::weak_ptr<TicketBase> ticket;
    std::uint64_t timer = 0;
  };
  struct Deadline {
    std::weak_ptr<TicketBase> ticket;
    std::uint64_t id = 0;
    Millis after{0};
    Error error;
    Progress progress;
    std::uint64_t done = 0;  // by its progress, when the time began
  };
  void enter(const std::shared_ptr<TicketBase>& ticket);
  void leave(std::uint64_t id);
  void begin_time(Deadline deadline) CD_REQUIRES(mutex_);
  void time_is_up(Deadline deadline);

  mutable Mutex mutex_;
  CondVar left_;
  std::unordered_map<std::uint64_t, Out> out_ CD_GUARDED_BY(mutex_);
  std::uint64_t next_id_ CD_GUARDED_BY(mutex_) = 1;
  bool closed_ CD_GUARDED_BY(mutex_) = false;
  Timers timers_;  // last: its thread ends first
};

template <class T>
class Ticket final : public TicketBase {
 public:
  Ticket(Tickets& tickets, std::function<void(Result<T>)> reply) : TicketBase(tickets), reply_(std::move(reply)) {}

  // False: somebody else was quicker.
  bool answer(Result<T> result) {
    if (!take()) return false;
    {
      const auto reply = std::move(reply_);  // what it holds goes before the ticket counts as returned
      reply_ = nullptr;
      reply(std::move(result));
    }
    tickets_.leave(id_);
    return true;
  }
  void give_up(const Error& why) override {
    if (answer(fail(why))) cancel_.request_stop();
  }

 private:
  std::function<void(Result<T>)> reply_;  // only who took the ticket touches it
};

template <class T>
std::shared_ptr<Ticket<T>> Tickets::make(std::function<void(Result<T>)> reply) {
  auto ticket = std::make_shared<Ticket<T>>(*this, std::move(reply));
  enter(ticket);
  return ticket;
}

}  // namespace cd
