#include "journal/conflict_name.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "journal/intent.h"

namespace cd {
namespace {

constexpr std::size_t kNameBytesMax = 255;

constexpr std::array<std::pair<std::string_view, std::string_view>, 30> kTypes{{
    {"wav", "audio/wav"},        {"aif", "audio/aiff"},      {"aiff", "audio/aiff"},      {"flac", "audio/flac"},
    {"mp3", "audio/mpeg"},       {"ogg", "audio/ogg"},       {"oga", "audio/ogg"},        {"opus", "audio/ogg"},
    {"m4a", "audio/mp4"},        {"aac", "audio/aac"},       {"mid", "audio/midi"},       {"midi", "audio/midi"},
    {"w64", "audio/x-w64"},      {"au", "audio/basic"},      {"caf", "audio/x-caf"},      {"png", "image/png"},
    {"jpg", "image/jpeg"},       {"jpeg", "image/jpeg"},     {"gif", "image/gif"},        {"webp", "image/webp"},
    {"svg", "image/svg+xml"},    {"pdf", "application/pdf"}, {"txt", "text/plain"},       {"md", "text/markdown"},
    {"csv", "text/csv"},         {"html", "text/html"},      {"json", "application/json"}, {"xml", "application/xml"},
    {"zip", "application/zip"},  {"gz", "application/gzip"},
}};

// Where the extension begins; the end if there is none. ".profile" has none.
std::size_t extension_at(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name.size() : dot;
}

std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u) --end;
  return text.substr(0, end);
}

}  // namespace

std::string conflict_path(std::string_view path, std::string_view host, std::int64_t wall_ns, int attempt) {
  const std::string_view folder = parent_path(path);
  const std::string_view name = base_name(path);
  const std::size_t dot = extension_at(name);
  std::string when = format_utc(wall_ns);
  std::replace(when.begin(), when.end(), ':', '-');
  std::string safe_host(host.empty() ? "here" : cut(host, 64));
  std::replace(safe_host.begin(), safe_host.end(), '/', '-');
  std::string mark = " (conflict " + safe_host + " " + when;
  if (attempt > 1) mark += " " + std::to_string(attempt);
  mark += ")";
  const std::string_view extension = cut(name.substr(dot), 32);
  const std::size_t left = kNameBytesMax - mark.size() - extension.size();
  std::string out = folder.empty() ? "" : std::string(folder) + "/";
  out += cut(name.substr(0, dot), left);
  out += mark;
  out += extension;
  return out;
}

std::string content_type_of(std::string_view path) {
  const std::string_view name = base_name(path);
  const std::size_t dot = extension_at(name);
  if (dot < name.size()) {
    const std::string extension = to_lower_ascii(name.substr(dot + 1));
    for (const auto& [known, type] : kTypes) {
      if (known == extension) return std::string(type);
    }
  }
  return "application/octet-stream";
}

}  // namespace cd
