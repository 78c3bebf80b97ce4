#include "journal/range_set.h"

#include <algorithm>
#include <iterator>

namespace cd {

void RangeSet::add(Range range) {
  if (range.length == 0) return;
  std::uint64_t begin = range.offset;
  std::uint64_t end = range.end();
  auto it = ends_.upper_bound(begin);
  if (it != ends_.begin() && std::prev(it)->second >= begin) --it;  // touches from the left
  while (it != ends_.end() && it->first <= end) {
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    total_ -= it->second - it->first;
    it = ends_.erase(it);
  }
  ends_.emplace_hint(it, begin, end);
  total_ += end - begin;
}

void RangeSet::remove(Range range) {
  if (range.length == 0) return;
  const std::uint64_t begin = range.offset;
  const std::uint64_t end = range.end();
  auto it = ends_.upper_bound(begin);
  if (it != ends_.begin() && std::prev(it)->second > begin) --it;
  while (it != ends_.end() && it->first < end) {
    const auto [old_begin, old_end] = *it;
    total_ -= old_end - old_begin;
    it = ends_.erase(it);
    if (old_begin < begin) {
      ends_.emplace(old_begin, begin);
      total_ += begin - old_begin;
    }
    if (old_end > end) {
      ends_.emplace(end, old_end);
      total_ += old_end - end;
      return;
    }
  }
}

bool RangeSet::covers(Range range) const {
  if (range.length == 0) return true;
  auto it = ends_.upper_bound(range.offset);
  return it != ends_.begin() && std::prev(it)->second >= range.end();
}

std::vector<Range> RangeSet::inside(Range range) const {
  std::vector<Range> out;
  if (range.length == 0) return out;
  auto it = ends_.upper_bound(range.offset);
  if (it != ends_.begin() && std::prev(it)->second > range.offset) --it;
  for (; it != ends_.end() && it->first < range.end(); ++it) {
    const std::uint64_t begin = std::max(it->first, range.offset);
    out.push_back({begin, std::min(it->second, range.end()) - begin});
  }
  return out;
}

std::vector<Range> RangeSet::outside(Range range) const {
  std::vector<Range> out;
  std::uint64_t at = range.offset;
  for (const Range& in : inside(range)) {
    if (in.offset > at) out.push_back({at, in.offset - at});
    at = in.end();
  }
  if (at < range.end()) out.push_back({at, range.end() - at});
  return out;
}

}  // namespace cd
