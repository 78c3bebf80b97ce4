// Feature: one thing that is heard in the one pass over a file.
// analyze() gives every block to every feature in turn, then calls finish() in the same order; a feature may
// read in the Report what earlier ones wrote. Features are used by one thread and hold bounded memory.
#pragma once

#include <cstddef>
#include <span>

#include "analyze/report.h"

namespace cd {

// What the decoder says of the stream before the first block.
struct StreamInfo {
  int sample_rate_hz = 0;
  int channels = 0;
  std::uint64_t frames_promised = 0;  // a header's word, which may be wrong; never exceeded
};

// Finite samples, mostly in [-1, 1]; float files may go beyond.
struct Block {
  std::span<const float> interleaved;  // frames × channels
  std::span<const float> mono;         // frames: the mean of the channels
  std::uint64_t first_frame = 0;
};

// The part of a block's mono samples that lies in the first `excerpt_frames` of the file.
[[nodiscard]] inline std::span<const float> within_excerpt(const Block& block, std::uint64_t excerpt_frames) {
  if (block.first_frame >= excerpt_frames) return {};
  const std::uint64_t left = excerpt_frames - block.first_frame;
  return block.mono.first(block.mono.size() < left ? block.mono.size() : static_cast<std::size_t>(left));
}

class Feature {
 public:
  virtual ~Feature() = default;
  virtual void add(const Block& block) = 0;
  virtual void finish(Report& report) = 0;
};

}  // namespace cd
