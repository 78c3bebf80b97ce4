#include "analyze/decoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace cd {

struct AudioDecoder::Handle {
  explicit Handle(ByteSource& byte_source) : source(byte_source) {}
  ~Handle() {
    if (file != nullptr) sf_close(file);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  ByteSource& source;
  sf_count_t position = 0;
  SNDFILE* file = nullptr;
  SF_INFO info{};
};

namespace {

std::string container_name(int format) {
  switch (format & SF_FORMAT_TYPEMASK) {
    case SF_FORMAT_WAV:
    case SF_FORMAT_WAVEX:
      return "wav";
    case SF_FORMAT_AIFF:
      return "aiff";
    case SF_FORMAT_AU:
      return "au";
    case SF_FORMAT_FLAC:
      return "flac";
    case SF_FORMAT_OGG:
      return "ogg";
    case SF_FORMAT_CAF:
      return "caf";
    case SF_FORMAT_W64:
      return "w64";
    case SF_FORMAT_RF64:
      return "rf64";
    case SF_FORMAT_VOC:
      return "voc";
    case SF_FORMAT_SVX:
      return "svx";
    case SF_FORMAT_SD2:
      return "sd2";
    case SF_FORMAT_IRCAM:
      return "ircam";
    case SF_FORMAT_PAF:
      return "paf";
    case SF_FORMAT_NIST:
      return "nist";
    case SF_FORMAT_WVE:
      return "wve";
    case SF_FORMAT_MPC2K:
      return "mpc2k";
    case SF_FORMAT_XI:
      return "xi";
    case SF_FORMAT_HTK:
      return "htk";
    case SF_FORMAT_SDS:
      return "sds";
    case SF_FORMAT_AVR:
      return "avr";
    case SF_FORMAT_MAT4:
    case SF_FORMAT_MAT5:
      return "mat";
    case SF_FORMAT_PVF:
      return "pvf";
    case SF_FORMAT_MPEG:
      return "mp3";
    default:
      return "other";
  }
}

std::string codec_name(int format) {
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
      return "pcm_s8";
    case SF_FORMAT_PCM_U8:
      return "pcm_u8";
    case SF_FORMAT_PCM_16:
      return "pcm_16";
    case SF_FORMAT_PCM_24:
      return "pcm_24";
    case SF_FORMAT_PCM_32:
      return "pcm_32";
    case SF_FORMAT_FLOAT:
      return "float";
    case SF_FORMAT_DOUBLE:
      return "double";
    case SF_FORMAT_ULAW:
      return "ulaw";
    case SF_FORMAT_ALAW:
      return "alaw";
    case SF_FORMAT_IMA_ADPCM:
      return "ima_adpcm";
    case SF_FORMAT_MS_ADPCM:
      return "ms_adpcm";
    case SF_FORMAT_GSM610:
      return "gsm610";
    case SF_FORMAT_VORBIS:
      return "vorbis";
    case SF_FORMAT_OPUS:
      return "opus";
    case SF_FORMAT_ALAC_16:
      return "alac_16";
    case SF_FORMAT_ALAC_20:
      return "alac_20";
    case SF_FORMAT_ALAC_24:
      return "alac_24";
    case SF_FORMAT_ALAC_32:
      return "alac_32";
    case SF_FORMAT_MPEG_LAYER_I:
      return "mp1";
    case SF_FORMAT_MPEG_LAYER_II:
      return "mp2";
    case SF_FORMAT_MPEG_LAYER_III:
      return "mp3";
    default:
      return "other";
  }
}

// "Error : unknown format." → "unknown format"
std::string plain(const char* words) {
  std::string text = words == nullptr ? "" : words;
  for (const std::string_view prefix : {"Error : ", "Error: ", "Internal error : "}) {
    if (text.starts_with(prefix)) text.erase(0, prefix.size());
  }
  while (!text.empty() && (text.back() == '.' || text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.empty() ? "no reason given" : text;
}

// SF_VIRTUAL_IO over a ByteSource. A failed read looks like the end of the file to libsndfile. (Templates,
// because AudioDecoder::Handle is private.)
template <class H>
sf_count_t io_length(void* data) noexcept {
  const std::uint64_t size = static_cast<H*>(data)->source.size();
  return static_cast<sf_count_t>(std::min<std::uint64_t>(size, std::numeric_limits<sf_count_t>::max()));
}

template <class H>
sf_count_t io_seek(sf_count_t offset, int whence, void* data) noexcept {
  auto& handle = *static_cast<H*>(data);
  const sf_count_t length = io_length<H>(data);
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? handle.position : length;
  sf_count_t target = 0;
  if (__builtin_add_overflow(from, offset, &target) || target < 0) return -1;
  handle.position = target;
  return target;
}

template <class H>
sf_count_t io_read(void* out, sf_count_t count, void* data) noexcept {
  auto& handle = *static_cast<H*>(data);
  sf_count_t done = 0;
  while (done < count) {
    const auto got =
        handle.source.read(static_cast<std::uint64_t>(handle.position), static_cast<char*>(out) + done,
                           static_cast<std::size_t>(count - done));
    if (!got || *got == 0) break;
    done += static_cast<sf_count_t>(*got);
    handle.position += static_cast<sf_count_t>(*got);
  }
  return done;
}

sf_count_t io_write(const void*, sf_count_t, void*) noexcept {
  return 0;
}

template <class H>
sf_count_t io_tell(void* data) noexcept {
  return static_cast<H*>(data)->position;
}

}  // namespace

AudioDecoder::AudioDecoder(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {
  const SF_INFO& info = handle_->info;
  format_.container = container_name(info.format);
  format_.codec = codec_name(info.format);
  format_.sample_rate_hz = info.samplerate;
  format_.channels = info.channels;
  // SF_COUNT_MAX stands for "not known".
  format_.frames =
      info.frames > 0 && info.frames < SF_COUNT_MAX ? static_cast<std::uint64_t>(info.frames) : 0;
  format_.duration_s = static_cast<double>(format_.frames) / info.samplerate;
}

AudioDecoder::~AudioDecoder() = default;

Result<std::unique_ptr<AudioDecoder>> AudioDecoder::open(ByteSource& source) {
  auto handle = std::make_unique<Handle>(source);
  SF_VIRTUAL_IO io{&io_length<Handle>, &io_seek<Handle>, &io_read<Handle>, &io_write, &io_tell<Handle>};
  handle->file = sf_open_virtual(&io, SFM_READ, &handle->info, handle.get());
  if (handle->file == nullptr) return fail(Code::unsupported, plain(sf_strerror(nullptr)));
  const SF_INFO& info = handle->info;
  if (info.channels <= 0 || info.channels > 1024 || info.samplerate <= 0 || info.samplerate > 1'000'000) {
    return fail(Code::unsupported, "the header gives " + std::to_string(info.channels) + " channels at " +
                                       std::to_string(info.samplerate) + " Hz");
  }
  return std::unique_ptr<AudioDecoder>(new AudioDecoder(std::move(handle)));
}

std::size_t AudioDecoder::read(std::span<float> out) {
  const auto channels = static_cast<std::size_t>(format_.channels);
  const sf_count_t got =
      sf_readf_float(handle_->file, out.data(), static_cast<sf_count_t>(out.size() / channels));
  if (got <= 0) return 0;
  const auto frames = static_cast<std::size_t>(got);
  for (float& sample : out.first(frames * channels)) {
    if (std::isfinite(sample)) {
      sample = std::clamp(sample, -kSampleMax, kSampleMax);
    } else {
      sample = 0;
      ++not_finite_;
    }
  }
  return frames;
}

std::optional<std::string> AudioDecoder::damage() const {
  if (sf_error(handle_->file) == SF_ERR_NO_ERROR) return std::nullopt;
  return plain(sf_strerror(handle_->file));
}

std::optional<AudioDecoder::LoopLabel> AudioDecoder::loop_label() const {
  SF_LOOP_INFO info{};
  if (sf_command(handle_->file, SFC_GET_LOOP_INFO, &info, sizeof info) != SF_TRUE) return std::nullopt;
  LoopLabel label;
  label.one_shot = info.loop_mode == SF_LOOP_NONE;
  if (!label.one_shot && std::isfinite(info.bpm) && info.bpm >= 20 && info.bpm <= 400) label.bpm = info.bpm;
  if (info.root_key > 0 && info.root_key <= 127 && info.root_key != 60) label.root = info.root_key;
  if (!label.one_shot && !label.bpm) return std::nullopt;
  return label;
}

std::optional<int> AudioDecoder::root_label() const {
  SF_INSTRUMENT instrument{};
  if (sf_command(handle_->file, SFC_GET_INSTRUMENT, &instrument, sizeof instrument) != SF_TRUE) return std::nullopt;
  const int note = instrument.basenote;
  if (note < 1 || note > 127 || note == 60) return std::nullopt;
  return note;
}

}  // namespace cd
