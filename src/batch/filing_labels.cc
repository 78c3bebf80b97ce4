#include "batch/filing_labels.h"

#include <algorithm>

namespace cd {
namespace {

bool is_printable_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

}  // namespace

Metadata filing_labels(const ItemResult& result, const std::string& batch, std::uint32_t number) {
  // Ours first: recovery and the search for duplicates read them.
  Metadata out{{"xxh128", result.content.hex()}, {"batch", batch}, {"item", std::to_string(number)}};
  std::size_t bytes = 0;
  for (const auto& [name, value] : out) bytes += name.size() + value.size();
  for (const auto& [name, value] : result.labels) {
    const std::size_t more = name.size() + value.size();
    if (bytes + more > kLabelBytesMax || !is_printable_ascii(name) || !is_printable_ascii(value)) continue;
    if (out.emplace(name, value).second) bytes += more;
  }
  return out;
}

}  // namespace cd
