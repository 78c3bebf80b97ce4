// Batch: one drop in memory: its head, its items, its counters, and which of its items are due for what. Every
// change of an item's step goes through move(), which keeps the counters true. No I/O, no clock of its own.
// Not thread-safe: the conductor's mutex guards it (conductor_core.h).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "batch/item.h"
#include "batch/item_log.h"
#include "batch/progress.h"

namespace cd {

// What decides the state of a batch.
struct BatchFacts {
  BatchState state = BatchState::receiving;
  bool settled = false;        // complete, or told to start
  bool library_known = false;  // the tree is loaded: duplicates can be told
  bool all_final = false;      // no item is under way or waiting
  bool report_stored = false;
  std::uint64_t stored = 0;    // done and skipped
  std::uint64_t failed = 0;    // failed and held
};
// The state that follows; one step at a time, the same state if nothing does. Cancel and retry are commands, not here.
[[nodiscard]] BatchState next_state(const BatchFacts& facts);

// Finished files a second over the last ten.
class RateMeter {
 public:
  void note(std::int64_t now_ns);
  [[nodiscard]] double per_second(std::int64_t now_ns) const;

 private:
  struct Bucket {
    std::int64_t second = 0;
    std::uint64_t count = 0;
  };
  std::deque<Bucket> buckets_;
};

class Batch {
 public:
  Batch() : by_path_(16, ByPath{this}, ByPath{this}) {}
  explicit Batch(ItemLog::Contents contents);
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  BatchHead head;
  std::uint64_t preview_files = 0;  // while receiving: what a look at the folder saw
  std::uint64_t preview_bytes = 0;
  bool library_known = false;
  bool report_asked = false;
  bool report_stored = false;
  EnrichBook enriched;
  std::int64_t progressed_ns = 0;   // steady; 0 = not looked at yet
  bool stuck = false;
  std::string unpacking;            // the archive that is being unpacked; "" = none
  std::string waits_for;            // shown as the note while it waits; "" = nothing

  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] Item& item(std::uint32_t number) { return items_[number]; }
  [[nodiscard]] const Item& item(std::uint32_t number) const { return items_[number]; }
  // The newest item of that path.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view path) const;

  std::uint32_t add(std::string path, FileStamp stamp, std::uint8_t depth = 0);
  // Precondition: may_move(), or the same step. `now_ns`: steady.
  void move(std::uint32_t number, Step to, std::int64_t now_ns);
  void set_stamp(std::uint32_t number, FileStamp stamp);

  // The next item due, in order of arrival; empty: none.
  [[nodiscard]] std::optional<std::uint32_t> take_waiting();
  [[nodiscard]] std::optional<std::uint32_t> take_ready();
  void put_back_ready(std::uint32_t number) { ready_.push_front(number); }
  void put_back_waiting(std::uint32_t number) { waiting_.push_back(number); }
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }

  [[nodiscard]] std::uint64_t count(Step step) const { return counts_[static_cast<std::size_t>(step)]; }
  [[nodiscard]] bool all_final() const;
  [[nodiscard]] BatchFacts facts(bool settled) const;
  [[nodiscard]] BatchProgress progress(std::int64_t now_ns) const;  // steady
  // "inbox/…": `inbox` is the path of the inbox.
  [[nodiscard]] std::string inbox_path(const std::string& inbox, const Item& item) const;
  // The path as dropped: with the batch's folder in front.
  [[nodiscard]] std::string dropped_path(const Item& item) const;
  // Gives the memory of the items back; counters and errors stay.
  void forget_items();
  [[nodiscard]] bool remembers_items() const { return !forgotten_; }

 private:
  struct ByPath {  // hashes and compares item numbers by their paths
    using is_transparent = void;
    const Batch* batch;
    [[nodiscard]] std::string_view text(std::uint32_t n) const { return batch->items_[n].path; }
    [[nodiscard]] static std::string_view text(std::string_view path) { return path; }
    template <class T>
    std::size_t operator()(const T& key) const { return xxh3_64(text(key)); }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const { return text(a) == text(b); }
  };
  void count_in(const Item& item, bool add);
  [[nodiscard]] std::vector<ItemError> first_errors() const;
  [[nodiscard]] std::string current() const;

  std::vector<Item> items_;
  std::unordered_set<std::uint32_t, ByPath, ByPath> by_path_;
  std::deque<std::uint32_t> waiting_;
  std::deque<std::uint32_t> ready_;
  std::uint64_t counts_[kSteps] = {};
  std::uint64_t warned_ = 0;
  std::uint64_t bytes_total_ = 0;
  std::uint64_t bytes_done_ = 0;
  std::uint32_t last_moved_ = 0;
  std::unordered_set<std::uint32_t> failed_;  // failed and held
  RateMeter rate_;
  bool forgotten_ = false;
  std::vector<ItemError> kept_errors_;  // of forgotten items
};

}  // namespace cd
