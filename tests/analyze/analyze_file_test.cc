#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sndfile.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "tests/analyze/synth.h"

namespace cd {
namespace {

using synth::Sound;

bool warns(const Report& report, std::string_view word) {
  return std::any_of(report.warnings.begin(), report.warnings.end(),
                     [&](const std::string& warning) { return warning.find(word) != std::string::npos; });
}

// What must hold of every report, whatever the bytes were.
void expect_sane(const Report& report) {
  EXPECT_FALSE(report.type.empty());
  EXPECT_EQ(report.is_audio, report.format.has_value());
  EXPECT_LE(report.waveform.size(), 2 * kWaveformColumnsMax);
  EXPECT_LE(report.onsets_s.size(), kOnsetsMax);
  EXPECT_TRUE(std::is_sorted(report.onsets_s.begin(), report.onsets_s.end()));
  for (const float sample : report.waveform) EXPECT_TRUE(sample >= -1 && sample <= 1);
  EXPECT_TRUE(report.is_audio || !report.warnings.empty());
  EXPECT_TRUE(!report.loudness || std::isfinite(report.loudness->integrated_lufs));
  const auto back = report_from_json(to_json(report));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, report);
  for (const auto& [name, value] : labels_of(report)) {
    for (const char c : name + value) EXPECT_TRUE(c > 0x20 && c < 0x7F) << name << "=" << value;
  }
}

Report heard(const std::string& file, std::string_view name = "sound.wav") {
  const auto report = synth::listen_to(file, name);
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  if (!report) return {};
  expect_sane(*report);
  return *report;
}

void put_u32(std::string& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, 4);
}

TEST(AnalyzeFile, FormatsOfSampleLibrariesAreDecoded) {
  struct Case {
    int format;
    const char* type;
    const char* container;
    const char* codec;
  };
  const Case cases[] = {{SF_FORMAT_WAV | SF_FORMAT_PCM_U8, "audio/wav", "wav", "pcm_u8"},
                        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, "audio/wav", "wav", "pcm_16"},
                        {SF_FORMAT_WAV | SF_FORMAT_PCM_24, "audio/wav", "wav", "pcm_24"},
                        {SF_FORMAT_WAVEX | SF_FORMAT_PCM_32, "audio/wav", "wav", "pcm_32"},
                        {SF_FORMAT_WAV | SF_FORMAT_FLOAT, "audio/wav", "wav", "float"},
                        {SF_FORMAT_WAV | SF_FORMAT_DOUBLE, "audio/wav", "wav", "double"},
                        {SF_FORMAT_RF64 | SF_FORMAT_PCM_16, "audio/wav", "rf64", "pcm_16"},
                        {SF_FORMAT_AIFF | SF_FORMAT_PCM_24, "audio/aiff", "aiff", "pcm_24"},
                        {SF_FORMAT_AU | SF_FORMAT_PCM_16, "audio/basic", "au", "pcm_16"},
                        {SF_FORMAT_CAF | SF_FORMAT_PCM_16, "audio/x-caf", "caf", "pcm_16"},
                        {SF_FORMAT_W64 | SF_FORMAT_PCM_16, "audio/x-w64", "w64", "pcm_16"},
                        {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, "audio/flac", "flac", "pcm_16"},
                        {SF_FORMAT_OGG | SF_FORMAT_VORBIS, "audio/ogg", "ogg", "vorbis"},
                        {SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, "audio/mpeg", "mp3", "mp3"}};
  const Sound sound = synth::beat({.bpm = 120, .beats = 4});
  for (const Case& c : cases) {
    const Report report = heard(synth::as_file(sound, c.format));
    SCOPED_TRACE(std::string(c.container) + " " + c.codec);
    EXPECT_EQ(report.type, c.type);
    ASSERT_TRUE(report.format);
    EXPECT_EQ(report.format->container, c.container);
    EXPECT_EQ(report.format->codec, c.codec);
    EXPECT_EQ(report.format->sample_rate_hz, 44100);
    EXPECT_NEAR(report.format->duration_s, 2.0, 0.001);
    EXPECT_EQ(report.kind, Kind::loop);
    EXPECT_TRUE(report.warnings.empty()) << report.warnings[0];
  }
}

TEST(AnalyzeFile, RatesAndChannelsFromOneEndToTheOther) {
  for (const int rate_hz : {8000, 11025, 44100, 96000, 192000}) {
    for (const int channels : {1, 2, 6, 8, 64, 100}) {
      const Report report = heard(synth::as_wav(synth::sine(440, 0.5, 0.6, rate_hz, channels)));
      ASSERT_TRUE(report.format) << rate_hz << " " << channels;
      EXPECT_EQ(report.format->channels, channels);
      EXPECT_EQ(report.loudness.has_value(), channels <= 64) << rate_hz << " " << channels;
    }
  }
}

TEST(AnalyzeFile, AnEmptyFileSaysSo) {
  const Report report = heard("");
  EXPECT_EQ(report.type, "application/x-empty");
  EXPECT_TRUE(warns(report, "empty"));
}

TEST(AnalyzeFile, OneByteIsNoAudio) {
  EXPECT_FALSE(heard("R").is_audio);
}

TEST(AnalyzeFile, ATextFileIsNoSample) {
  const Report report = heard("name = Kick\nlevel = 3\n", "kick.ds");
  EXPECT_EQ(report.type, "text/plain");
  EXPECT_TRUE(warns(report, "Not a sample: text/plain"));
}

TEST(AnalyzeFile, SilenceIsAWarningAndHasNoLoudnessAndNoKind) {
  const Report report = heard(synth::as_wav(synth::silence(2.0)));
  EXPECT_TRUE(report.is_audio);
  EXPECT_TRUE(warns(report, "silent"));
  EXPECT_FALSE(report.loudness);
  EXPECT_FALSE(report.tempo);
  EXPECT_FALSE(report.key);
  EXPECT_EQ(report.kind, Kind::unknown);
}

TEST(AnalyzeFile, AWavWithoutSamplesSaysSo) {
  const Report report = heard(synth::as_wav(synth::silence(0)));
  EXPECT_FALSE(report.is_audio);
  EXPECT_TRUE(warns(report, "not one sample"));
}

TEST(AnalyzeFile, OneFrameIsAudio) {
  Sound sound = synth::silence(0);
  sound.samples = {0.5F};
  const Report report = heard(synth::as_wav(sound));
  ASSERT_TRUE(report.format);
  EXPECT_EQ(report.format->frames, 1U);
}

TEST(AnalyzeFile, NotANumberIsTakenAsZeroAndCounted) {
  Sound sound = synth::sine(440, 0.5, 1.0);
  sound.samples[100] = std::numeric_limits<float>::quiet_NaN();
  sound.samples[200] = std::numeric_limits<float>::infinity();
  sound.samples[300] = -std::numeric_limits<float>::infinity();
  sound.samples[400] = 1e30F;
  const Report report = heard(synth::as_float_wav(sound));
  EXPECT_TRUE(warns(report, "3 samples are not numbers"));
  ASSERT_TRUE(report.loudness);
  EXPECT_LT(report.loudness->true_peak_dbtp, 70);
}

TEST(AnalyzeFile, ATruncatedWavIsAnalysedAsFarAsItGoes) {
  std::string file = synth::as_wav(synth::beat({.bpm = 120, .beats = 8}));
  file.resize(file.size() / 2);
  const Report report = heard(file);
  ASSERT_TRUE(report.format);
  EXPECT_NEAR(report.format->duration_s, 2.0, 0.01);
  EXPECT_TRUE(warns(report, "Truncated"));
}

TEST(AnalyzeFile, TruncationIsNoticedInEveryFormat) {
  const Sound sound = synth::beat({.bpm = 120, .beats = 16});
  for (const int format : {SF_FORMAT_AIFF | SF_FORMAT_PCM_16, SF_FORMAT_FLAC | SF_FORMAT_PCM_16,
                           SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_AU | SF_FORMAT_PCM_16,
                           SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III}) {
    std::string file = synth::as_file(sound, format);
    file.resize(file.size() * 6 / 10);
    const Report report = heard(file);
    EXPECT_TRUE(report.is_audio) << std::hex << format;
    EXPECT_TRUE(warns(report, "Truncated") || warns(report, "Damaged")) << std::hex << format;
  }
}

TEST(AnalyzeFile, EveryPrefixOfAWavGivesAReport) {
  const std::string file = synth::as_wav(synth::sine(440, 0.5, 0.01));
  for (std::size_t length = 0; length < file.size(); length += length < 64 ? 1 : 37) {
    const Report report = heard(file.substr(0, length));
    EXPECT_FALSE(report.warnings.empty()) << length;
  }
}

TEST(AnalyzeFile, AHeaderThatPromisesMoreThanThereIsIsNotBelieved) {
  std::string file = synth::as_wav(synth::sine(440, 0.5, 1.0));
  const std::size_t data = file.find("data");
  put_u32(file, data + 4, 0x40000000);
  const Report report = heard(file);
  ASSERT_TRUE(report.format);
  EXPECT_NEAR(report.format->duration_s, 1.0, 0.001);
  EXPECT_TRUE(warns(report, "Truncated: the header promises 1.0 GiB"));
}

TEST(AnalyzeFile, AStreamOfUnknownLengthIsNotCalledTruncated) {
  std::string file = synth::as_wav(synth::sine(440, 0.5, 1.0));
  const std::size_t data = file.find("data");
  put_u32(file, data + 4, 0xFFFFFFFF);
  put_u32(file, 4, 0xFFFFFFFF);
  const Report report = heard(file);
  ASSERT_TRUE(report.format);
  EXPECT_NEAR(report.format->duration_s, 1.0, 0.001);
  EXPECT_FALSE(warns(report, "Truncated"));
}

TEST(AnalyzeFile, AWavThatCallsItselfOggIsReadByItsContent) {
  const Report report = heard(synth::as_wav(synth::sine(440, 0.5, 1.0)), "kick04.ogg");
  EXPECT_EQ(report.type, "audio/wav");
  EXPECT_TRUE(report.is_audio);
}

TEST(AnalyzeFile, AWavWithAForeignCodecNamesIt) {
  std::string file = synth::as_wav(synth::sine(440, 0.5, 0.1));
  const std::size_t format = file.find("fmt ");
  file[format + 8] = '\x71';
  file[format + 9] = '\x67';
  const Report report = heard(file, "kick04.ogg");
  EXPECT_FALSE(report.is_audio);
  EXPECT_TRUE(warns(report, "a WAV file with Ogg Vorbis inside"));
}

RC_GTEST_PROP(AnalyzeFileProperty, RandomBytesGiveAReportAndNeverAnError, (const std::string& bytes)) {
  const auto report = synth::listen_to(bytes, "noise.wav");
  RC_ASSERT(report.has_value());
  expect_sane(*report);
}

RC_GTEST_PROP(AnalyzeFileProperty, AFileWithFlippedBytesGivesAReport, ()) {
  static const std::vector<std::string> files = [] {
    const Sound sound = synth::beat({.bpm = 150, .beats = 2}, 8000);
    std::vector<std::string> out;
    for (const int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_AIFF | SF_FORMAT_PCM_16,
                             SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                             SF_FORMAT_CAF | SF_FORMAT_PCM_16, SF_FORMAT_AU | SF_FORMAT_FLOAT}) {
      out.push_back(synth::as_file(sound, format));
    }
    return out;
  }();
  std::string file = *rc::gen::elementOf(files);
  const auto flips = *rc::gen::inRange(1, 20);
  for (int i = 0; i < flips; ++i) {
    // Mostly in the header, where it hurts.
    const auto end = *rc::gen::element<std::size_t>(64, 256, file.size());
    const auto at = *rc::gen::inRange<std::size_t>(0, std::min(end, file.size()));
    file[at] = static_cast<char>(*rc::gen::inRange(0, 256));
  }
  const auto report = synth::listen_to(file, "flipped");
  RC_ASSERT(report.has_value());
  expect_sane(*report);
}

// Stops, or fails, once so many bytes were read.
class TrippingSource final : public ByteSource {
 public:
  TrippingSource(std::string_view bytes, std::uint64_t limit, std::function<Status()> trip)
      : memory_(bytes), limit_(limit), trip_(std::move(trip)) {}
  Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
    if (read_ > limit_) {
      if (auto status = trip_(); !status) return fail(status.error());
    }
    auto got = memory_.read(offset, out, length);
    if (got) read_ += *got;
    return got;
  }
  std::uint64_t size() const override { return memory_.size(); }
  std::uint64_t bytes_read() const { return read_; }

 private:
  MemorySource memory_;
  const std::uint64_t limit_;
  const std::function<Status()> trip_;
  std::uint64_t read_ = 0;
};

TEST(AnalyzeFile, ACancelledAnalysisStopsWithinTheNextBlocks) {
  const std::string file = synth::as_wav(synth::sine(440, 0.5, 60));
  std::stop_source stop;
  TrippingSource source(file, 1 << 20, [&]() -> Status {
    stop.request_stop();
    return {};
  });
  const auto report = analyze(source, "long.wav", {.stop = stop.get_token()});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::cancelled);
  EXPECT_LT(source.bytes_read(), (std::uint64_t{1} << 20) + 256 * 1024);
}

TEST(AnalyzeFile, AnAnalysisCancelledBeforeItBeganReadsNothing) {
  std::stop_source stop;
  stop.request_stop();
  TrippingSource source("RIFF", 0, []() -> Status { return {}; });
  const auto report = analyze(source, "x.wav", {.stop = stop.get_token()});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::cancelled);
  EXPECT_EQ(source.bytes_read(), 0U);
}

TEST(AnalyzeFile, AReadErrorOfTheSourceIsAnErrorAndNotATruncation) {
  const std::string file = synth::as_wav(synth::sine(440, 0.5, 10));
  for (const std::uint64_t limit : {0, 4096, 200000}) {
    TrippingSource source(file, limit, []() -> Status { return fail(Code::io, "the disk is gone"); });
    const auto report = analyze(source, "x.wav");
    ASSERT_FALSE(report) << limit;
    EXPECT_EQ(report.error().code, Code::io);
    EXPECT_EQ(report.error().message, "the disk is gone");
  }
}

TEST(AnalyzeFile, OptionsOutOfRangeAreRefused) {
  MemorySource source("x");
  EXPECT_EQ(analyze(source, "x", {.stop = {}, .excerpt_s = 5}).error().code, Code::invalid);
  EXPECT_EQ(analyze(source, "x", {.stop = {}, .excerpt_s = std::nan("")}).error().code, Code::invalid);
}

TEST(AnalyzeFile, TheTwoSourcesGiveTheSameReport) {
  const std::string file = synth::as_wav(synth::beat({.bpm = 128, .beats = 8}));
  char path[] = "/tmp/cd-analyze-XXXXXX";
  const int fd = ::mkstemp(path);
  ASSERT_GE(fd, 0);
  ::unlink(path);
  ASSERT_EQ(::write(fd, file.data(), file.size()), static_cast<ssize_t>(file.size()));
  FdSource source(fd);
  const auto by_fd = analyze(source, "beat.wav");
  const auto by_memory = synth::listen_to(file, "beat.wav");
  ::close(fd);
  ASSERT_TRUE(by_fd && by_memory);
  EXPECT_EQ(*by_fd, *by_memory);
}

TEST(AnalyzeFile, AReadOfAClosedDescriptorIsAnError) {
  FdSource source(-1);
  EXPECT_EQ(source.size(), 0U);
  const auto report = analyze(source, "x.wav");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->type, "application/x-empty");
}

// 1,004 real files where the package lmms-common is installed.
TEST(RealLibrary, All235DecodableSamplesOfLmmsAreHeardAndTheOthersSayWhy) {
  namespace fs = std::filesystem;
  const fs::path root = "/usr/share/lmms/samples";
  if (!fs::is_directory(root)) GTEST_SKIP() << "package lmms-common is not installed";
  int files = 0;
  int decoded = 0;
  int refused = 0;
  int patches = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0) << entry.path();
    FdSource source(fd);
    const auto report = analyze(source, entry.path().filename().string());
    ::close(fd);
    ASSERT_TRUE(report) << entry.path();
    SCOPED_TRACE(entry.path().string());
    expect_sane(*report);
    if (entry.path().extension() == ".ds") {
      ++patches;
      EXPECT_FALSE(report->is_audio);
    } else if (report->is_audio) {
      ++decoded;
      EXPECT_FALSE(report->waveform.empty());
      EXPECT_TRUE(report->loudness || !report->warnings.empty());
    } else {
      ++refused;
      EXPECT_TRUE(warns(*report, "Could not be decoded: a WAV file with Ogg Vorbis inside"))
          << report->warnings[0];
    }
  }
  EXPECT_EQ(files, 1004);
  EXPECT_EQ(patches, 764);
  EXPECT_EQ(decoded, 235);
  EXPECT_EQ(refused, 5);
}

}  // namespace
}  // namespace cd
