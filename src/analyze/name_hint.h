// Labels that people write into names: "SM_NP_100_electric_guitar_baby_Dmaj.wav", "break01 - 168 BPM.ogg",
// "120bpm_Am/One Shots/…". Pure. Careful rather than keen: a label outranks the ear, so "kick 8A" and
// "take 100" are not taken for a key and a tempo.
#pragma once

#include <string_view>
#include <vector>

#include "analyze/report.h"

namespace cd {

// `path`: the name, or folders and name with '/' between. At most one hint a field and a source; the nearest
// folder counts.
[[nodiscard]] std::vector<Hint> hints_of_name(std::string_view path);

// A number as labels show it: "120", "92.5".
[[nodiscard]] std::string bpm_text(double bpm);

}  // namespace cd
