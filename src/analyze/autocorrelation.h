// Autocorrelation of a curve whose mean was taken out, 1 at lag 0: of a line (each lag divided by the share that
// overlaps) and of a circle, whose end meets its beginning, as that of a loop does. Both from one transform.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cd {

class Autocorrelation {
 public:
  explicit Autocorrelation(std::span<const float> curve);

  [[nodiscard]] const std::vector<double>& line() const { return line_; }
  [[nodiscard]] const std::vector<double>& circle() const { return circle_; }

 private:
  std::vector<double> line_;
  std::vector<double> circle_;
};

// The highest value within a frame and a half of a lag, not below 0; 0 where the lag is not within [2, length - 2).
[[nodiscard]] double highest_near(std::span<const double> correlation, double lag);
// Where the peak at `index` lies exactly, by a parabola through its neighbours.
[[nodiscard]] double peak_position(std::span<const double> correlation, std::size_t index);

}  // namespace cd
