#include "app/sync_plan.h"

namespace cd {

namespace {

SyncStep one_way(bool remove, const SyncSide& from, const SyncSide& to, bool known, bool to_b) {
  const SyncStep copy = to_b ? SyncStep::copy_to_b : SyncStep::copy_to_a;
  if (!from.there) return to.there && remove ? (to_b ? SyncStep::remove_b : SyncStep::remove_a) : SyncStep::nothing;
  if (to.there && known && to.changed) return to_b ? SyncStep::keep_b_aside : SyncStep::keep_a_aside;
  return copy;
}

}  // namespace

SyncStep sync_step(const SyncRules& rules, const SyncSide& a, const SyncSide& b, bool equal, bool known) {
  if (equal || (!a.there && !b.there)) return SyncStep::nothing;
  if (rules.way == SyncRules::Way::a_to_b) return one_way(rules.remove, a, b, known, true);
  if (rules.way == SyncRules::Way::b_to_a) return one_way(rules.remove, b, a, known, false);
  if (a.there && b.there) {
    if (known && a.changed && !b.changed) return SyncStep::copy_to_b;
    if (known && b.changed && !a.changed) return SyncStep::copy_to_a;
    return SyncStep::keep_both;
  }
  const SyncSide& left = a.there ? a : b;
  const bool removed_there = known && !left.changed;  // and not touched here since
  if (removed_there && rules.remove) return a.there ? SyncStep::remove_a : SyncStep::remove_b;
  return a.there ? SyncStep::copy_to_b : SyncStep::copy_to_a;
}

}  // namespace cd
