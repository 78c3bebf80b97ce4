// What the tempo of each labelled file is weighed by: the input of bench/ears_fit.
#pragma once

#include <string>
#include <vector>

namespace cd::bench {

// Prints a line of names, then one a candidate: file, origin, variant, true bpm, duration, bpm, evidence. 0, or 1 where a
// set cannot be read.
[[nodiscard]] int print_evidence(const std::vector<std::string>& folders);

// The same for the class of one-shots: file, origin, class, timbre.
[[nodiscard]] int print_timbres(const std::vector<std::string>& folders);

}  // namespace cd::bench
