// What kind of sound a file is: a one-shot, a loop or a track. A loop is longer than 1.2 s and has at least
// four onsets; beyond half a minute it is a track. Pure but for the Feature.
#pragma once

#include "analyze/feature.h"

namespace cd {

struct ShapeFacts {
  double duration_s = 0;
  std::size_t onsets = 0;
};

[[nodiscard]] Kind kind_of(const ShapeFacts& facts);

// Report::kind, from its onsets, which must be finished before. A silent file stays unknown.
class ShapeMeter final : public Feature {
 public:
  void add(const Block&) override {}
  void finish(Report& report) override;
};

}  // namespace cd
