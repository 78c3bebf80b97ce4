// RangeSet: which bytes of a file are ours. Disjoint half-open ranges in order; neighbours are joined.
// A value; as fast as the number of ranges is small (a file written from front to back has one).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace cd {

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t end() const { return offset + length; }
  friend bool operator==(const Range&, const Range&) = default;
};

class RangeSet {
 public:
  void add(Range range);
  void remove(Range range);
  void truncate(std::uint64_t size) { remove({size, UINT64_MAX - size}); }  // nothing at or behind `size`
  void clear() { ends_.clear(), total_ = 0; }

  [[nodiscard]] bool covers(Range range) const;   // an empty range is covered
  // The parts of `range` that are in the set, or that are not, in order.
  [[nodiscard]] std::vector<Range> inside(Range range) const;
  [[nodiscard]] std::vector<Range> outside(Range range) const;
  [[nodiscard]] std::vector<Range> all() const { return inside({0, UINT64_MAX}); }
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] bool empty() const { return ends_.empty(); }

  friend bool operator==(const RangeSet&, const RangeSet&) = default;

 private:
  std::map<std::uint64_t, std::uint64_t> ends_;  // begin → end
  std::uint64_t total_ = 0;
};

}  // namespace cd
