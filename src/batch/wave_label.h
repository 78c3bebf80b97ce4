// The outline of a sample as a label: one printable character a column, its height among 64 steps, so that it travels
// with the object and any mount can draw it. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cd {

inline constexpr std::size_t kWaveColumns = 64;

// From Report::waveform (min, max, min, max, …); "" of none.
[[nodiscard]] std::string wave_label(const std::vector<float>& waveform);
// Heights from 0 to 1; empty if the text is no such label.
[[nodiscard]] std::vector<double> wave_heights(std::string_view label);

}  // namespace cd
