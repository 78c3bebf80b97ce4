// When two values count as one: what the ears hear and what labels say is seldom the same to the last digit. Pure.
#pragma once

#include "analyze/report.h"

namespace cd {

[[nodiscard]] bool same_tempo(double a_bpm, double b_bpm);  // within 4 %
// The same key, a fifth up or down, or its relative: neighbours on the Camelot wheel.
[[nodiscard]] bool keys_mix(const Key& a, const Key& b);

}  // namespace cd
