// AudioDecoder: samples of any audio file that libsndfile reads (WAV, AIFF, FLAC, Ogg, MP3, CAF, AU, …).
// The only place that names sndfile. One thread; the source must outlive it.
//
// What it gives is safe to compute with: NaN and infinities become 0 and are counted, and nothing is louder
// than kSampleMax. A file may hold less than its header promises; read() then simply ends early.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "analyze/analyze_file.h"

namespace cd {

class AudioDecoder {
 public:
  static constexpr float kSampleMax = 1000.0F;  // +60 dBFS: louder than any mix, safe in single precision

  // unsupported: no decoder for it, or a header that makes no sense; the message is a sentence for people.
  // When the source failed, the error is of this kind too: ask the source.
  [[nodiscard]] static Result<std::unique_ptr<AudioDecoder>> open(ByteSource& source);
  ~AudioDecoder();

  // What the header says: `frames` is its promise, 0 when it does not know.
  [[nodiscard]] const AudioFormat& format() const { return format_; }
  // Interleaved samples into `out` (a multiple of the channels); the frames read, 0 at the end.
  [[nodiscard]] std::size_t read(std::span<float> out);
  // Why reading ended, when it was not the end of the file.
  [[nodiscard]] std::optional<std::string> damage() const;
  [[nodiscard]] std::uint64_t samples_not_finite() const { return not_finite_; }

  // From an `acid` or `basc` chunk, where the file has one with a tempo or a one-shot mark.
  struct LoopLabel {
    std::optional<double> bpm;
    bool one_shot = false;
    std::optional<int> root;  // MIDI note
  };
  [[nodiscard]] std::optional<LoopLabel> loop_label() const;
  // The MIDI note of an `smpl` or `inst` chunk. None for 0 and 60, which programs write when they do not know.
  [[nodiscard]] std::optional<int> root_label() const;

 private:
  struct Handle;
  explicit AudioDecoder(std::unique_ptr<Handle> handle);

  std::unique_ptr<Handle> handle_;
  AudioFormat format_;
  std::uint64_t not_finite_ = 0;
};

}  // namespace cd
