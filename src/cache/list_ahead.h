// ListAhead: decides when a LIST for one folder goes on into what follows it, and remembers how far it came.
//
// `ls -lR` and `find` ask for one folder after another, in nearly the order of their keys. A LIST for a small folder alone
// wastes its page: one that begins at the folder and does not end with it shows a thousand keys for the same price, and
// every folder that lies in it whole is known as well. So the third folder that is asked for within ten seconds, each
// behind the one before, begins a walk; a folder in whose middle the last page ended goes on from there.
// Who looks at one folder here and there gets the small answer.
// Pure but for its memory. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "remote/object_store.h"

namespace cd {

// When a LIST began: by the tree's sequence number and by the wall clock.
struct ListBegin {
  std::uint64_t sequence = 0;
  std::int64_t wall_ns = 0;
};

// Everything from the key `from` to the key `last` has been shown and merged; the first page of it began then.
struct ListedUntil {
  std::string from;
  std::string last;
  ListBegin begun;
};

class ListAhead {
 public:
  struct Plan {
    bool ahead = false;              // ask for all keys behind `after`, not for those of the folder alone
    std::string prefix;              // of the folder
    std::string after;
    std::optional<ListBegin> begun;  // the keys up to `after` have been listed already, and that began then
  };
  // Of a folder that must be listed now; `prefix` is that of its keys, never empty. Steady time.
  [[nodiscard]] Plan plan(const std::string& prefix, std::int64_t now_ns);
  void note_page(ListedUntil until, std::int64_t now_ns);
  void forget();

 private:
  std::string prefix_;    // asked for last
  std::int64_t asked_ns_ = 0;
  int steps_ = 0;         // each behind the one before, and soon after it
  std::optional<ListedUntil> until_;
  std::int64_t listed_ns_ = 0;
};

[[nodiscard]] bool is_ascending(std::span<const ObjectInfo> page);

// The keys (with '/') of the folders below `prefix` that a flat page shows whole: they do not begin before `from`, and end
// before `last` ("" = the LIST is over). Of folders inside each other only the outermost.
[[nodiscard]] std::vector<std::string> folders_shown_whole(std::span<const ObjectInfo> page, std::string_view prefix,
                                                           std::string_view from, std::string_view last);

}  // namespace cd
