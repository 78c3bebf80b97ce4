#include "bench/ears_evidence.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "analyze/beat_evidence.h"
#include "analyze/decoder.h"
#include "bench/ears_truth.h"

namespace cd::bench {

namespace {

constexpr double kExcerpt_s = 120;

void print_candidates(ByteSource& source, const Truth& truth, const char* variant) {
  auto decoder = AudioDecoder::open(source);
  if (!decoder) return;
  const AudioFormat& format = (*decoder)->format();
  const auto channels = static_cast<std::size_t>(format.channels);
  OnsetMeter onsets({.sample_rate_hz = format.sample_rate_hz, .channels = format.channels},
                    static_cast<std::uint64_t>(kExcerpt_s * format.sample_rate_hz));
  std::vector<float> samples(4096 * channels);
  std::uint64_t frames = 0;
  while (const std::size_t got = (*decoder)->read(samples)) {
    std::vector<float> mono(got);
    for (std::size_t i = 0; i < got * channels; ++i) mono[i / channels] += samples[i] / static_cast<float>(channels);
    onsets.add({.interleaved = std::span<const float>(samples).first(got * channels), .mono = mono, .first_frame = frames});
    frames += got;
  }
  Report report;
  onsets.finish(report);
  const double duration_s = static_cast<double>(frames) / format.sample_rate_hz;
  const BeatListener listener(onsets.curve(), {.duration_s = duration_s, .loop = truth.kind == "loop"});
  for (const auto& candidate : listener.candidates()) {
    std::printf("%s\t%s\t%s\t%g\t%g\t%.4f", truth.path.c_str(), truth.origin.c_str(), variant, truth.bpm, duration_s,
                candidate.bpm);
    for (const double value : listener.evidence(candidate)) std::printf("\t%.5g", value);
    std::printf("\n");
  }
}

}  // namespace

int print_evidence(const std::vector<std::string>& folders) {
  std::printf("file\torigin\tvariant\ttruth\tduration\tbpm");
  for (const std::string_view name : kEvidenceNames) std::printf("\t%.*s", static_cast<int>(name.size()), name.data());
  std::printf("\n");
  for (const std::string& folder : folders) {
    const auto truths = read_truth(folder);
    if (!truths) {
      std::fprintf(stderr, "ears: %s\n", truths.error().message.c_str());
      return 1;
    }
    for (const Truth& truth : *truths) {
      if (truth.bpm <= 0) continue;
      const int fd = ::open(truth.path.c_str(), O_RDONLY | O_CLOEXEC);
      FdSource source(fd);
      print_candidates(source, truth, truth.kind == "track" ? "tracks" : "clean loops");
      if (fd >= 0) ::close(fd);
      if (truth.kind != "loop") continue;
      const std::string bytes = damaged(truth);
      MemorySource worn(bytes);
      print_candidates(worn, truth, "damaged loops");
    }
  }
  return 0;
}

}  // namespace cd::bench
