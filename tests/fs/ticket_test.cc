#include "fs/ticket.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "base/thread.h"

namespace cd {
namespace {

struct Heard {
  std::atomic<int> times{0};
  std::optional<Code> code;
  std::function<void(Result<int>)> reply() {
    return [this](Result<int> result) {
      if (!result) code = result.error().code;
      times.fetch_add(1);
      times.notify_all();
    };
  }
};

TEST(TicketTest, TheFirstAnswerCounts) {
  Tickets tickets;
  Heard heard;
  const auto ticket = tickets.make<int>(heard.reply());
  EXPECT_EQ(tickets.waiting(), 1U);
  EXPECT_TRUE(ticket->answer(1));
  EXPECT_FALSE(ticket->answer(2));
  ticket->give_up({Code::timeout, "late"});
  EXPECT_EQ(heard.times.load(), 1);
  EXPECT_FALSE(heard.code);
  EXPECT_EQ(tickets.waiting(), 0U);
}

TEST(TicketTest, WhenTheDeadlinePassesTheReplyIsItsErrorAndTheWorkIsCancelled) {
  Tickets tickets;
  Heard heard;
  const auto ticket = tickets.make<int>(heard.reply());
  tickets.arm(*ticket, {}, Millis(1), {Code::timeout, "too late"});
  heard.times.wait(0);
  EXPECT_EQ(heard.code, Code::timeout);
  tickets.close();
  EXPECT_TRUE(ticket->cancelled().stop_requested());
}

TEST(TicketTest, AsLongAsTheWorkGoesOnTheDeadlineBeginsAgain) {
  Tickets tickets;
  Heard heard;
  std::atomic<std::uint64_t> asked{0};
  const auto ticket = tickets.make<int>(heard.reply());
  tickets.arm(*ticket, {}, Millis(1), {Code::timeout, "too late"}, [&] { return std::min<std::uint64_t>(asked.fetch_add(1), 5); });
  heard.times.wait(0);
  EXPECT_EQ(heard.code, Code::timeout);
  EXPECT_EQ(asked.load(), 7U) << "0 at first, 1 to 5, and 5 once more";
}

TEST(TicketTest, ACallerWhoGivesUpIsAnsweredOnHisThread) {
  Tickets tickets;
  Heard heard;
  std::stop_source caller;
  const auto ticket = tickets.make<int>(heard.reply());
  tickets.arm(*ticket, caller.get_token(), Millis(60'000), {Code::timeout, "too late"});
  EXPECT_EQ(heard.times.load(), 0);
  caller.request_stop();
  EXPECT_EQ(heard.times.load(), 1);
  EXPECT_EQ(heard.code, Code::cancelled);
}

TEST(TicketTest, ACallerWhoGaveUpBeforeIsAnsweredToo) {
  Tickets tickets;
  Heard heard;
  std::stop_source caller;
  caller.request_stop();
  const auto ticket = tickets.make<int>(heard.reply());
  tickets.arm(*ticket, caller.get_token(), Millis(0), {});
  EXPECT_EQ(heard.code, Code::cancelled);
}

TEST(TicketTest, ClosingAnswersAllThatWaitAndLaterOnesAtOnce) {
  Tickets tickets;
  Heard first;
  Heard second;
  const auto waiting = tickets.make<int>(first.reply());
  tickets.arm(*waiting, {}, Millis(0), {});
  tickets.close();
  EXPECT_EQ(first.code, Code::cancelled);
  const auto late = tickets.make<int>(second.reply());
  tickets.arm(*late, {}, Millis(0), {});
  EXPECT_EQ(second.code, Code::cancelled);
}

TEST(TicketTest, AnAnswerMayComeAfterTheDriveIsGone) {
  Heard heard;
  std::shared_ptr<Ticket<int>> ticket;
  {
    Tickets tickets;
    ticket = tickets.make<int>(heard.reply());
    tickets.arm(*ticket, {}, Millis(60'000), {Code::timeout, "too late"});
  }
  EXPECT_FALSE(ticket->answer(1));
  EXPECT_EQ(heard.times.load(), 1);
}

TEST(TicketTest, AnswerDeadlineAndCallerRacingGiveOneReplyEach) {
  Tickets tickets;
  constexpr int kTickets = 400;
  std::vector<Heard> heard(kTickets);
  for (Heard& one : heard) {
    std::stop_source caller;
    const auto ticket = tickets.make<int>(one.reply());
    Thread answerer("answerer", [ticket](std::stop_token) { ticket->answer(1); });
    Thread quitter("quitter", [&caller](std::stop_token) { caller.request_stop(); });
    tickets.arm(*ticket, caller.get_token(), Millis(1), {Code::timeout, "too late"});
    answerer.join();
    quitter.join();
  }
  tickets.close();
  for (const Heard& one : heard) EXPECT_EQ(one.times.load(), 1);
}

TEST(TimersTest, FireInTheOrderOfTheirTimesAndNotWhenCancelled) {
  std::vector<int> fired;
  std::atomic<bool> done{false};
  {
    Timers timers;
    timers.after(Millis(30), [&] {
      fired.push_back(2);
      done = true;
      done.notify_all();
    });
    timers.after(Millis(1), [&] { fired.push_back(1); });
    const auto cancelled = timers.after(Millis(10), [&] { fired.push_back(3); });
    timers.cancel(cancelled);
    done.wait(false);
  }
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
}

}  // namespace
}  // namespace cd
