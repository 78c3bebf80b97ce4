#include "analyze/container.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "base/text.h"

namespace cd {

namespace {

constexpr int kChunksMax = 1000;
constexpr std::uint64_t kUnknownLengthFrom = 0x7FFFF000;  // ffmpeg, sox and others, writing to a pipe

std::optional<std::string> bytes_at(ByteSource& source, std::uint64_t offset, std::size_t length) {
  std::string out(length, '\0');
  std::size_t done = 0;
  while (done < length) {
    const auto got = source.read(offset + done, out.data() + done, length - done);
    if (!got || *got == 0) return std::nullopt;
    done += *got;
  }
  return out;
}

std::uint32_t u32(std::string_view b, std::size_t i, bool big_endian) {
  std::uint32_t value = 0;
  for (std::size_t k = 0; k < 4; ++k) {
    const std::size_t shift = big_endian ? 24 - 8 * k : 8 * k;
    value |= std::uint32_t{static_cast<std::uint8_t>(b[i + k])} << shift;
  }
  return value;
}

struct Chunk {
  std::uint64_t body = 0;  // offset
  std::uint64_t size = 0;
};

struct Iff {
  bool big_endian = false;
};

// The chunk `id` of a RIFF or FORM file, if its header is there.
std::optional<Chunk> find_chunk(ByteSource& source, std::string_view id, Iff iff) {
  std::uint64_t at = 12;
  for (int i = 0; i < kChunksMax; ++i) {
    const auto header = bytes_at(source, at, 8);
    if (!header) return std::nullopt;
    const std::uint64_t size = u32(*header, 4, iff.big_endian);
    if (header->substr(0, 4) == id) return Chunk{at + 8, size};
    at += 8 + size + (size & 1);
  }
  return std::nullopt;
}

std::string sentence(std::uint64_t promised, std::uint64_t there) {
  return "Truncated: the header promises " + human_bytes(promised) + " of audio, " + human_bytes(there) +
         " are there.";
}

std::optional<std::string> chunk_truncation(ByteSource& source, std::string_view id, Iff iff) {
  const auto chunk = find_chunk(source, id, iff);
  if (!chunk) return "Truncated: the file ends before its audio begins.";
  const std::uint64_t there = source.size() > chunk->body ? source.size() - chunk->body : 0;
  if (chunk->size >= kUnknownLengthFrom || chunk->size <= there) return std::nullopt;
  return sentence(chunk->size, there);
}

std::optional<std::string> au_truncation(ByteSource& source) {
  const auto header = bytes_at(source, 0, 12);
  if (!header) return "Truncated: the file ends in its header.";
  const std::uint64_t body = u32(*header, 4, true);
  const std::uint64_t size = u32(*header, 8, true);
  const std::uint64_t there = source.size() > body ? source.size() - body : 0;
  if (size >= kUnknownLengthFrom || size <= there) return std::nullopt;
  return sentence(size, there);
}

// The last page of an Ogg stream carries the end mark (RFC 3533, header type 4), and is whole.
std::optional<std::string> ogg_truncation(ByteSource& source) {
  constexpr std::uint64_t kPageMax = 65307;
  constexpr std::size_t kHeader = 27;
  const std::uint64_t length = std::min(source.size(), kPageMax + kHeader);
  const auto tail = bytes_at(source, source.size() - length, static_cast<std::size_t>(length));
  if (!tail) return std::nullopt;
  const std::size_t page = tail->rfind("OggS");
  if (page == std::string::npos) return std::nullopt;  // something else is appended
  if (tail->size() < page + kHeader) return "Truncated: the last Ogg page is cut.";
  const auto segments = static_cast<std::uint8_t>((*tail)[page + 26]);
  std::size_t end = page + kHeader + segments;
  for (std::size_t i = 0; i < segments && page + kHeader + i < tail->size(); ++i) {
    end += static_cast<std::uint8_t>((*tail)[page + kHeader + i]);
  }
  if (end > tail->size()) return "Truncated: the last Ogg page is cut.";
  const bool end_mark = (static_cast<std::uint8_t>((*tail)[page + 5]) & 4U) != 0;
  if (!end_mark) return "Truncated: the Ogg stream has no end mark.";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_truncation(ByteSource& source, std::string_view type) {
  if (type == "audio/wav") {
    const auto magic = bytes_at(source, 0, 4);
    if (!magic || *magic == "RF64" || *magic == "BW64") return std::nullopt;
    return chunk_truncation(source, "data", {.big_endian = *magic == "RIFX"});
  }
  if (type == "audio/aiff") return chunk_truncation(source, "SSND", {.big_endian = true});
  if (type == "audio/basic") return au_truncation(source);
  if (type == "audio/ogg") return ogg_truncation(source);
  return std::nullopt;
}

std::optional<std::string> wav_codec(ByteSource& source) {
  const auto chunk = find_chunk(source, "fmt ", {});
  if (!chunk) return std::nullopt;
  const auto tag = bytes_at(source, chunk->body, 2);
  if (!tag) return std::nullopt;
  const unsigned code =
      static_cast<std::uint8_t>((*tag)[0]) | (unsigned{static_cast<std::uint8_t>((*tag)[1])} << 8U);
  struct Known {
    unsigned code;
    const char* name;
  };
  constexpr std::array kKnown{
      Known{0x674F, "Ogg Vorbis"}, Known{0x6750, "Ogg Vorbis"}, Known{0x6751, "Ogg Vorbis"},
      Known{0x676F, "Ogg Vorbis"}, Known{0x6770, "Ogg Vorbis"}, Known{0x6771, "Ogg Vorbis"},
      Known{0x0055, "MP3"},        Known{0x0160, "WMA"},        Known{0x0161, "WMA"},
      Known{0x0162, "WMA"},        Known{0x00FF, "AAC"},        Known{0x2000, "AC-3"}};
  for (const Known& known : kKnown) {
    if (known.code == code) return known.name;
  }
  // PCM, ADPCM, float, A-law, µ-law, GSM, G.72x, extensible: the decoder has another reason.
  constexpr std::array kDecodable{0x01U, 0x02U, 0x03U, 0x06U, 0x07U,  0x11U,
                                  0x31U, 0x40U, 0x45U, 0x64U, 0xFFFEU};
  if (std::find(kDecodable.begin(), kDecodable.end(), code) != kDecodable.end()) return std::nullopt;
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "codec 0x%04X", code);
  return text.data();
}

}  // namespace cd
