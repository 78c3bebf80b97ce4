// UploadQueue: which slot is to be worked on next. Pure: no I/O, no clock, no lock of its own.
//
//  * fair by age: of all that may go, the one whose wish is oldest;
//  * at most one request a slot: what is taken is not given again until it is put back;
//  * a slot whose key another goal still has to read from waits for that one; a ring of such waits is given out as
//    `materialise`: fetch the source's bytes, so that the goal reads from no key any more;
//  * paused goals (on hold, open for writing, behind a reader) and failed ones are never given.
// All in O(log n).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <string>
#include <vector>

namespace cd {

struct Goal {
  std::string key;       // that it will change
  std::string reads;     // key that must be as it is until this goal is reached; "" = none. May equal key.
  std::uint64_t age = 0; // smaller is older; unique is not needed
  std::int64_t not_before_ns = 0;
  bool paused = false;
};

class UploadQueue {
 public:
  struct Next {
    std::string slot;
    bool materialise = false;
  };

  // New or changed. A failed or backing-off goal starts afresh; one that is taken stays taken.
  void set(const std::string& slot, Goal goal);
  void erase(const std::string& slot);

  // Takes the next one; empty: nothing may go now.
  [[nodiscard]] std::optional<Next> take(std::int64_t now_ns);
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  // When a goal that now waits for its time may go; empty: none does.
  [[nodiscard]] std::optional<std::int64_t> next_time() const;

  void put_back(const std::string& slot, std::int64_t not_before_ns);  // after a take that did not reach the goal
  void postpone(const std::string& slot, std::int64_t not_before_ns);
  void set_paused(const std::string& slot, bool paused);
  void set_failed(const std::string& slot);
  void stop_reading(const std::string& slot);         // its source is lost: nobody waits for it any more
  bool retry(const std::string& slot);                // true: it had failed
  void hasten(const std::string& slot);               // may go at once
  void hasten_all();

  enum class State : std::uint8_t { waiting, delayed, blocked, taken, failed, paused };
  [[nodiscard]] std::optional<State> state(const std::string& slot) const;
  [[nodiscard]] std::int64_t not_before(const std::string& slot) const;
  [[nodiscard]] std::size_t failed() const { return failed_; }
  [[nodiscard]] std::size_t taken() const { return taken_; }
  [[nodiscard]] std::size_t paused() const { return paused_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Goal goal;
    bool taken = false;
    bool failed = false;
    State place = State::waiting;  // which of the sets below it is in
  };
  using Entries = std::map<std::string, Entry>;

  void leave(const std::string& slot, Entry& entry);     // its set
  void place(const std::string& slot, Entry& entry);     // where it belongs
  void add_reader(const std::string& slot, const Goal& goal);
  void remove_reader(const std::string& slot, const Goal& goal);
  void wake(const std::string& key);                     // whoever waits to change this key
  [[nodiscard]] bool has_other_reader(const std::string& key, const std::string& slot) const;
  [[nodiscard]] bool in_a_ring(const std::string& slot) const;

  Entries entries_;
  std::set<std::pair<std::uint64_t, std::string>> ready_;   // by age
  std::set<std::pair<std::int64_t, std::string>> delayed_;  // by time
  std::map<std::string, std::set<std::string>> readers_;    // key → slots
  std::map<std::string, std::set<std::string>> blocked_;    // key → slots that wait to change it
  std::size_t failed_ = 0;
  std::size_t taken_ = 0;
  std::size_t paused_ = 0;
};

}  // namespace cd
