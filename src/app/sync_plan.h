// What a sync of two sides does with one path. Pure: what is on either side, and what both were when they were last
// equal, decide.
//
// One way (`from` a or b): the other side becomes like this one; what is only there goes if `remove`. Both ways: what
// changed since the last sync goes over to the other side; a removal too if `remove`, else the file comes back.
// A conflict is a path that changed on both sides, or differs without a last sync to tell which one changed: both
// versions are kept, one under a name of its own. One way, a version of the other side that changed since the last
// sync is kept like that, too.
#pragma once

#include <cstdint>

namespace cd {

struct SyncSide {      // one side, at one path
  bool there = false;
  bool changed = false;  // since the last sync; without one: true
};

struct SyncRules {
  enum class Way : std::uint8_t { a_to_b, b_to_a, both } way = Way::a_to_b;
  bool remove = false;
};

enum class SyncStep : std::uint8_t {
  nothing,
  copy_to_a,
  copy_to_b,
  remove_a,
  remove_b,
  keep_both,      // a's version gets another name, on both sides; b's keeps the name
  keep_a_aside,   // and then copy_to_a
  keep_b_aside,   // and then copy_to_b
};

// `equal`: both are there with the same content. `known`: there was a last sync of this path.
[[nodiscard]] SyncStep sync_step(const SyncRules& rules, const SyncSide& a, const SyncSide& b, bool equal, bool known);

}  // namespace cd
