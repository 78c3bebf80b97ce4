#include "bench/ears_evidence.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "analyze/beat_evidence.h"
#include "analyze/decoder.h"
#include "bench/ears_truth.h"

namespace cd::bench {

namespace {

constexpr double kExcerpt_s = 120;

struct Heard {
  Heard(const StreamInfo& info, std::uint64_t excerpt_frames) : onsets(info, excerpt_frames) {}
  OnsetMeter onsets;
  double duration_s = 0;
};

std::unique_ptr<Heard> listen(ByteSource& source) {
  auto decoder = AudioDecoder::open(source);
  if (!decoder) return nullptr;
  const AudioFormat& format = (*decoder)->format();
  const auto channels = static_cast<std::size_t>(format.channels);
  const StreamInfo info{.sample_rate_hz = format.sample_rate_hz, .channels = format.channels};
  auto heard = std::make_unique<Heard>(info, static_cast<std::uint64_t>(kExcerpt_s * format.sample_rate_hz));
  std::vector<float> samples(4096 * channels);
  std::uint64_t frames = 0;
  while (const std::size_t got = (*decoder)->read(samples)) {
    std::vector<float> mono(got);
    for (std::size_t i = 0; i < got * channels; ++i) mono[i / channels] += samples[i] / static_cast<float>(channels);
    heard->onsets.add({std::span<const float>(samples).first(got * channels), mono, frames});
    frames += got;
  }
  Report report;
  heard->onsets.finish(report);
  heard->duration_s = static_cast<double>(frames) / format.sample_rate_hz;
  return heard;
}

void print_candidates(ByteSource& source, const Truth& truth, const char* variant) {
  const auto heard = listen(source);
  if (!heard) return;
  const OnsetMeter& onsets = heard->onsets;
  const double duration_s = heard->duration_s;
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
  const auto truths = read_truths(folders);
  if (!truths) return 1;
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
  return 0;
}

int print_timbres(const std::vector<std::string>& folders) {
  std::printf("file\torigin\tclass");
  for (const std::string_view name : kTimbreNames) std::printf("\t%.*s", static_cast<int>(name.size()), name.data());
  std::printf("\n");
  const auto truths = read_truths(folders);
  if (!truths) return 1;
  for (const Truth& truth : *truths) {
    if (truth.sound_class.empty()) continue;
    const int fd = ::open(truth.path.c_str(), O_RDONLY | O_CLOEXEC);
    FdSource source(fd);
    const auto heard = listen(source);
    if (fd >= 0) ::close(fd);
    if (!heard || heard->onsets.timbre() == Timbre{}) continue;
    std::printf("%s\t%s\t%s", truth.path.c_str(), truth.origin.c_str(), truth.sound_class.c_str());
    for (const double value : heard->onsets.timbre()) std::printf("\t%.5g", value);
    std::printf("\n");
  }
  return 0;
}

}  // namespace cd::bench
