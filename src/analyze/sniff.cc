// sniff_type(): magic numbers of what people drop into a sample library, from the formats' own documents.
#include <algorithm>
#include <array>
#include <cstdint>

#include "analyze/analyze_file.h"
#include "base/text.h"

namespace cd {

namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view type;
};

// The first that fits counts.
constexpr std::array kMagics{
    Magic{0, "fLaC"sv, "audio/flac"},
    Magic{0, "caff\x00\x01"sv, "audio/x-caf"},
    Magic{0, ".snd"sv, "audio/basic"},
    Magic{0, "MThd"sv, "audio/midi"},
    Magic{0, "Creative Voice File"sv, "audio/x-voc"},
    Magic{0, "wvpk"sv, "audio/x-wavpack"},
    Magic{0, "MAC "sv, "audio/x-ape"},
    Magic{0, "riff\x2E\x91\xCF\x11"sv, "audio/x-w64"},
    Magic{0, "ID3"sv, "audio/mpeg"},
    Magic{0, "SQLite format 3\0"sv, "application/vnd.sqlite3"},
    Magic{0, "\x89PNG\r\n\x1A\n"sv, "image/png"},
    Magic{0, "\xFF\xD8\xFF"sv, "image/jpeg"},
    Magic{0, "GIF87a"sv, "image/gif"},
    Magic{0, "GIF89a"sv, "image/gif"},
    Magic{0, "II*\0"sv, "image/tiff"},
    Magic{0, "MM\0*"sv, "image/tiff"},
    Magic{0, "\0\0\x01\0"sv, "image/x-icon"},
    Magic{0, "8BPS"sv, "image/vnd.adobe.photoshop"},
    Magic{0, "%PDF-"sv, "application/pdf"},
    Magic{0, "PK\x03\x04"sv, "application/zip"},
    Magic{0, "PK\x05\x06"sv, "application/zip"},
    Magic{0, "7z\xBC\xAF\x27\x1C"sv, "application/x-7z-compressed"},
    Magic{0, "Rar!\x1A\x07"sv, "application/vnd.rar"},
    Magic{0, "\x1F\x8B"sv, "application/gzip"},
    Magic{0, "BZh"sv, "application/x-bzip2"},
    Magic{0,
          "\xFD"
          "7zXZ\0"sv,
          "application/x-xz"},
    Magic{0, "\x28\xB5\x2F\xFD"sv, "application/zstd"},
    Magic{257, "ustar"sv, "application/x-tar"},
    Magic{0, "\x1A\x45\xDF\xA3"sv, "video/x-matroska"},
    Magic{0,
          "\x7F"
          "ELF"sv,
          "application/x-executable"},
    Magic{0, "MZ"sv, "application/vnd.microsoft.portable-executable"},
};

bool has(std::string_view bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() && bytes.substr(offset, magic.size()) == magic;
}

std::uint8_t at(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint8_t>(bytes[i]);
}

std::string_view iff_type(std::string_view b) {
  if (has(b, 0, "RIFF") || has(b, 0, "RIFX") || has(b, 0, "RF64") || has(b, 0, "BW64")) {
    if (has(b, 8, "WAVE")) return "audio/wav";
    if (has(b, 8, "AVI ")) return "video/x-msvideo";
    if (has(b, 8, "WEBP")) return "image/webp";
    if (has(b, 8, "sfbk")) return "audio/x-soundfont";
    if (has(b, 8, "RMID")) return "audio/midi";
  }
  if (has(b, 0, "FORM")) {
    if (has(b, 8, "AIFF") || has(b, 8, "AIFC")) return "audio/aiff";
    if (has(b, 8, "8SVX") || has(b, 8, "16SV")) return "audio/x-svx";
  }
  return {};
}

std::string_view ogg_type(std::string_view b) {
  if (!has(b, 0, "OggS")) return {};
  if (b.find("\x80theora") != std::string_view::npos) return "video/ogg";
  return "audio/ogg";
}

std::string_view mp4_type(std::string_view b) {
  if (!has(b, 4, "ftyp")) return {};
  if (has(b, 8, "M4A") || has(b, 8, "M4B")) return "audio/mp4";
  if (has(b, 8, "heic") || has(b, 8, "mif1")) return "image/heic";
  if (has(b, 8, "avif")) return "image/avif";
  if (has(b, 8, "qt  ")) return "video/quicktime";
  return "video/mp4";
}

// Length of the MPEG audio frame at `i`, 0 if there is none (ISO/IEC 11172-3, 13818-3).
std::size_t mpeg_frame_length(std::string_view b, std::size_t i) {
  if (b.size() < i + 4 || at(b, i) != 0xFF || (at(b, i + 1) & 0xE0) != 0xE0) return 0;
  const unsigned version = (at(b, i + 1) >> 3) & 3U;  // 0: 2.5, 2: 2, 3: 1
  const unsigned layer = (at(b, i + 1) >> 1) & 3U;    // 1: III, 2: II, 3: I
  const unsigned bitrate = at(b, i + 2) >> 4;
  const unsigned rate = (at(b, i + 2) >> 2) & 3U;
  if (version == 1 || layer == 0 || bitrate == 0 || bitrate == 15 || rate == 3) return 0;
  constexpr std::array<unsigned, 16> kLayer3V1{0,   32,  40,  48,  56,  64,  80,  96,
                                               112, 128, 160, 192, 224, 256, 320, 0};
  constexpr std::array<unsigned, 16> kLayer2V1{0,   32,  48,  56,  64,  80,  96,  112,
                                               128, 160, 192, 224, 256, 320, 384, 0};
  constexpr std::array<unsigned, 16> kV2{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0};
  constexpr std::array<unsigned, 3> kRates{44100, 48000, 32000};
  if (layer == 3) return 0;  // layer I: nobody has it
  const unsigned hz = kRates[rate] >> (version == 3 ? 0U : version == 2 ? 1U : 2U);
  const unsigned kbit = version != 3 ? kV2[bitrate] : layer == 1 ? kLayer3V1[bitrate] : kLayer2V1[bitrate];
  const unsigned samples_by_8 = layer == 1 && version != 3 ? 72 : 144;
  return samples_by_8 * kbit * 1000 / hz + ((at(b, i + 2) >> 1) & 1U);
}

bool is_mpeg_audio(std::string_view b) {
  const std::size_t first = mpeg_frame_length(b, 0);
  if (first == 0) return false;
  return b.size() < first + 4 || mpeg_frame_length(b, first) != 0;
}

// Text: UTF-8 (perhaps cut in a character), or a byte order mark; no control characters but layout.
bool is_text(std::string_view b) {
  if (has(b, 0, "\xEF\xBB\xBF") || has(b, 0, "\xFF\xFE") || has(b, 0, "\xFE\xFF")) return true;
  const bool plain = std::all_of(b.begin(), b.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 ? u != 0x7F : (u == '\t' || u == '\n' || u == '\r' || u == '\f' || u == 0x1B);
  });
  if (!plain) return false;
  for (std::size_t cut = 0; cut < 4 && cut <= b.size(); ++cut) {
    if (is_valid_utf8(b.substr(0, b.size() - cut))) return true;
    if (b.size() < kSniffBytes) break;  // the whole file: nothing is cut
  }
  // Latin-1 prose: nearly all ASCII.
  const auto high =
      std::count_if(b.begin(), b.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  return static_cast<std::size_t>(high) * 10 < b.size();
}

std::string_view extension(std::string_view name) {
  const std::size_t slash = name.find_last_of('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.find_last_of('.');
  return dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
}

struct Extension {
  std::string_view name;
  std::string_view type;
};

constexpr std::array kTextExtensions{
    Extension{"json", "application/json"}, Extension{"xml", "application/xml"},
    Extension{"svg", "image/svg+xml"},     Extension{"html", "text/html"},
    Extension{"htm", "text/html"},         Extension{"css", "text/css"},
    Extension{"csv", "text/csv"},          Extension{"md", "text/markdown"},
    Extension{"js", "text/javascript"},    Extension{"yaml", "application/yaml"},
    Extension{"yml", "application/yaml"},  Extension{"toml", "application/toml"},
    Extension{"rtf", "application/rtf"},   Extension{"m3u8", "application/vnd.apple.mpegurl"},
};

constexpr std::array kZipExtensions{
    Extension{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    Extension{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    Extension{"odt", "application/vnd.oasis.opendocument.text"},
    Extension{"epub", "application/epub+zip"},
    Extension{"jar", "application/java-archive"},
};

template <class Table>
std::string_view look_up(const Table& table, std::string_view name, std::string_view otherwise) {
  const std::string wanted = to_lower_ascii(extension(name));
  for (const Extension& entry : table) {
    if (entry.name == wanted) return entry.type;
  }
  return otherwise;
}

}  // namespace

std::string sniff_type(std::string_view first_bytes, std::string_view name) {
  const std::string_view b = first_bytes.substr(0, kSniffBytes);
  if (b.empty()) return "application/x-empty";
  for (const std::string_view type : {iff_type(b), ogg_type(b), mp4_type(b)}) {
    if (!type.empty()) return std::string(type);
  }
  for (const Magic& magic : kMagics) {
    if (!has(b, magic.offset, magic.bytes)) continue;
    if (magic.type == "application/zip") return std::string(look_up(kZipExtensions, name, magic.type));
    return std::string(magic.type);
  }
  if (is_mpeg_audio(b)) return "audio/mpeg";
  if (has(b, 0, "BM") && b.size() >= 14 && has(b, 6, "\0\0\0\0"sv)) return "image/bmp";
  if (is_text(b)) return std::string(look_up(kTextExtensions, name, "text/plain"));
  return "application/octet-stream";
}

}  // namespace cd
