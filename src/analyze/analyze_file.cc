#include "analyze/analyze_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "analyze/condition.h"
#include "analyze/container.h"
#include "analyze/decoder.h"
#include "analyze/grid.h"
#include "analyze/loudness.h"
#include "analyze/name_hint.h"
#include "analyze/onsets.h"
#include "analyze/pitch.h"
#include "analyze/shape.h"
#include "analyze/sound_class.h"
#include "analyze/tags.h"
#include "analyze/tempo.h"
#include "analyze/tonality.h"
#include "analyze/waveform.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::size_t kBlockSamples = 32768;  // of all channels together
constexpr std::size_t kBlockFramesMax = 8192;

// Remembers the first failure of the source, which libsndfile would take for the end of the file, and fails
// everything after a stop, so that a decoder that seeks through a large file ends too.
class WatchedSource final : public ByteSource {
 public:
  WatchedSource(ByteSource& source, std::stop_token stop) : source_(source), stop_(std::move(stop)) {}

  Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
    if (auto status = check(); !status) return fail(status.error());
    auto got = source_.read(offset, out, length);
    if (!got) error_ = got.error();
    return got;
  }
  std::uint64_t size() const override { return source_.size(); }

  // ok, or cancelled, or why the source failed.
  Status check() {
    if (!error_ && stop_.stop_requested()) error_ = Error{Code::cancelled, "the analysis was cancelled"};
    if (error_) return fail(*error_);
    return {};
  }

 private:
  ByteSource& source_;
  const std::stop_token stop_;
  std::optional<Error> error_;
};

Result<std::string> read_head(ByteSource& source) {
  std::string head(kSniffBytes, '\0');
  std::size_t done = 0;
  while (done < head.size()) {
    CD_TRY(const std::size_t got, source.read(done, head.data() + done, head.size() - done));
    if (got == 0) break;
    done += got;
  }
  head.resize(done);
  return head;
}

// Worth asking a decoder: audio, or bytes of no known kind.
bool may_be_audio(std::string_view type) {
  constexpr std::array<std::string_view, 4> kNotSamples{"audio/midi", "audio/x-soundfont", "audio/mp4",
                                                        "audio/x-ape"};
  if (std::find(kNotSamples.begin(), kNotSamples.end(), type) != kNotSamples.end()) return false;
  return type.starts_with("audio/") || type == "application/octet-stream";
}

std::string undecodable(ByteSource& source, std::string_view type, const std::string& reason) {
  if (type == "application/octet-stream") return "Not audio: the content is of no known type.";
  if (type == "audio/wav") {
    if (const auto codec = wav_codec(source))
      return "Could not be decoded: a WAV file with " + *codec + " inside.";
  }
  return "Could not be decoded as " + std::string(type) + ": " + printable(reason) + ".";
}

// All features of one file, in the order in which they may rely on each other.
class FeatureSet {
 public:
  FeatureSet(const StreamInfo& info, double excerpt_s) : channels_(static_cast<std::size_t>(info.channels)) {
    const auto excerpt = static_cast<std::uint64_t>(std::llround(excerpt_s * info.sample_rate_hz));
    auto onsets = std::make_unique<OnsetMeter>(info, excerpt);
    const OnsetMeter& heard = *onsets;
    features_.push_back(std::make_unique<ConditionMeter>(info));
    features_.push_back(std::make_unique<LoudnessMeter>(info));
    features_.push_back(std::make_unique<WaveformMeter>());
    features_.push_back(std::move(onsets));
    features_.push_back(std::make_unique<ShapeMeter>());
    features_.push_back(std::make_unique<SoundClassMeter>(heard));
    features_.push_back(std::make_unique<PitchMeter>(info));
    features_.push_back(std::make_unique<TempoMeter>(heard));
    features_.push_back(std::make_unique<GridMeter>(heard));
    features_.push_back(std::make_unique<TonalityMeter>(info, excerpt));
  }

  void add(std::span<const float> interleaved, std::uint64_t first_frame) {
    const std::size_t frames = interleaved.size() / channels_;
    mono_.resize(frames);
    const float scale = 1.0F / static_cast<float>(channels_);
    for (std::size_t frame = 0; frame < frames; ++frame) {
      float sum = 0;
      for (std::size_t c = 0; c < channels_; ++c) sum += interleaved[frame * channels_ + c];
      mono_[frame] = sum * scale;
    }
    const Block block{interleaved, mono_, first_frame};
    for (const auto& feature : features_) feature->add(block);
  }

  void finish(Report& report) {
    for (const auto& feature : features_) feature->finish(report);
  }

 private:
  const std::size_t channels_;
  std::vector<std::unique_ptr<Feature>> features_;
  std::vector<float> mono_;
};

StreamInfo stream_info(const AudioFormat& format) {
  // A header that does not know its length may go on for ever.
  const std::uint64_t promised = format.frames > 0 ? format.frames : ~std::uint64_t{0};
  return {.sample_rate_hz = format.sample_rate_hz, .channels = format.channels, .frames_promised = promised};
}

void warn_of_decoding(const AudioDecoder& decoder, std::uint64_t frames, Report& report) {
  const std::uint64_t promised = decoder.format().frames;
  const bool told = std::any_of(report.warnings.begin(), report.warnings.end(),
                                [](const std::string& warning) { return warning.starts_with("Truncated"); });
  if (promised > frames && !told) {
    const double rate = decoder.format().sample_rate_hz;
    report.warnings.push_back("Truncated: the header promises " +
                              human_duration(static_cast<double>(promised) / rate) + " (" +
                              human_count(promised) + " frames), " + human_count(frames) + " could be read.");
  } else if (const auto damage = decoder.damage(); damage && !told) {
    report.warnings.push_back("Damaged: " + printable(*damage) + ".");
  }
  if (decoder.samples_not_finite() > 0) {
    report.warnings.push_back(human_count(decoder.samples_not_finite()) +
                              " samples are not numbers (NaN or infinite) and were taken as zero.");
  }
}

void add_loop_label(const AudioDecoder& decoder, Report& report) {
  const auto label = decoder.loop_label();
  if (!label) return;
  const Kind kind = label->one_shot ? Kind::one_shot : Kind::loop;
  if (label->bpm) report.hints.push_back({HintField::bpm, HintSource::acid_chunk, bpm_text(*label->bpm)});
  report.hints.push_back({HintField::kind, HintSource::acid_chunk, std::string(name_of(kind))});
  if (label->root)
    report.hints.push_back({HintField::root, HintSource::acid_chunk, Root{.midi = *label->root}.name()});
}

void add_root_label(const AudioDecoder& decoder, Report& report) {
  if (const auto note = decoder.root_label())
    report.hints.push_back({HintField::root, HintSource::smpl_chunk, Root{.midi = *note}.name()});
}

Status listen(AudioDecoder& decoder, WatchedSource& source, const AnalyzeOptions& options, Report& report) {
  const AudioFormat& promised = decoder.format();
  const auto channels = static_cast<std::size_t>(promised.channels);
  const std::size_t block_frames = std::clamp<std::size_t>(kBlockSamples / channels, 64, kBlockFramesMax);
  std::vector<float> samples(block_frames * channels);
  FeatureSet features(stream_info(promised), options.excerpt_s);
  std::uint64_t frames = 0;
  while (true) {
    CD_TRY_VOID(source.check());
    const std::size_t got = decoder.read(samples);
    if (got == 0) break;
    features.add(std::span<const float>(samples).first(got * channels), frames);
    frames += got;
  }
  CD_TRY_VOID(source.check());
  warn_of_decoding(decoder, frames, report);
  if (frames == 0) {
    report.warnings.push_back("There is not one sample in it.");
    return {};
  }
  report.is_audio = true;
  report.format = promised;
  report.format->frames = frames;
  report.format->duration_s = static_cast<double>(frames) / promised.sample_rate_hz;
  features.finish(report);
  return {};
}

}  // namespace

Status AnalyzeOptions::validate() const {
  if (!(excerpt_s >= 10 && excerpt_s <= 600)) return fail(Code::invalid, "excerpt_s must be from 10 to 600");
  return {};
}

Result<Report> analyze(ByteSource& bytes, std::string_view name, const AnalyzeOptions& options) {
  CD_TRY_VOID(options.validate());
  WatchedSource source(bytes, options.stop);
  CD_TRY_VOID(source.check());
  CD_TRY(const std::string head, read_head(source));

  Report report;
  report.type = sniff_type(head, name);
  if (head.empty()) {
    report.warnings.push_back("The file is empty.");
    return report;
  }
  if (!may_be_audio(report.type)) {
    report.warnings.push_back("Not a sample: " + report.type + ".");
    return report;
  }
  auto decoder = AudioDecoder::open(source);
  CD_TRY_VOID(source.check());
  if (!decoder) {
    report.warnings.push_back(undecodable(source, report.type, decoder.error().message));
    return report;
  }
  report.hints = hints_of_name(name);
  const auto tagged = hints_of_tags(source);
  CD_TRY_VOID(source.check());
  report.hints.insert(report.hints.end(), tagged.begin(), tagged.end());
  add_loop_label(**decoder, report);
  add_root_label(**decoder, report);
  if (auto truncation = find_truncation(source, report.type))
    report.warnings.push_back(std::move(*truncation));
  CD_TRY_VOID(listen(**decoder, source, options, report));
  if (report.type == "application/octet-stream" && report.format)
    report.type = "audio/x-" + report.format->container;
  return report;
}

}  // namespace cd
