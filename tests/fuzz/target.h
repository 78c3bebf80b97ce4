// What fuzz targets share: the entry point, pieces of the input, and a check that ends the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace cd::fuzz {

// Defined by each target.
void one(std::string_view input);

inline void must(bool holds) {
  if (!holds) std::abort();
}

// The input cut at a byte that few formats use.
inline std::vector<std::string> pieces(std::string_view input, char at = '\n') {
  std::vector<std::string> out;
  while (true) {
    const std::size_t end = input.find(at);
    out.emplace_back(input.substr(0, end));
    if (end == std::string_view::npos) return out;
    input.remove_prefix(end + 1);
  }
}

}  // namespace cd::fuzz

