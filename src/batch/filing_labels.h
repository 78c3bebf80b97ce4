// The labels that a file takes along as object metadata: what analysis found, its xxh128, and which batch and item
// filed it. Stores allow 2 KiB of metadata and only ASCII in it; attributes (mtime, mode, …) need their share. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "batch/item.h"

namespace cd {

inline constexpr std::size_t kLabelBytesMax = 1'800;

[[nodiscard]] Metadata filing_labels(const ItemResult& result, const std::string& batch, std::uint32_t number);

}  // namespace cd
