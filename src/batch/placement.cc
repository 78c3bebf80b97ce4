#include "batch/placement.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cd {
namespace {

constexpr std::size_t kNameBytesMax = 255;  // of a part, as file systems have it
constexpr std::array<std::string_view, 9> kFields{"path", "batch", "folder", "name", "ext",
                                                  "date", "bpm",   "key",    "kind"};

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }
std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

// Cut to `bytes_max` without splitting a code point.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string with_length_limit(std::string name, std::string_view suffix) {
  const SplitName split = split_name(name);
  const std::string_view extension = split.extension.size() <= 32 ? split.extension : std::string_view{};
  const std::string_view stem = extension.empty() ? std::string_view(name) : split.stem;
  const std::size_t room = kNameBytesMax - extension.size() - suffix.size();
  return std::string(cut(stem, room)).append(suffix).append(extension);
}

std::string one_part(std::string_view value) {
  std::string out(value);
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

std::string field_value(std::string_view field, const PlacementFields& fields) {
  const auto or_unknown = [](const std::string& value) { return value.empty() ? "unknown" : one_part(value); };
  const SplitName name = split_name(file_name(fields.path));
  if (field == "path") return fields.path;
  if (field == "folder") return std::string(folder_of(fields.path));
  if (field == "name") return std::string(name.stem);
  if (field == "ext") return std::string(name.extension.empty() ? name.extension : name.extension.substr(1));
  if (field == "batch") return one_part(fields.batch);
  if (field == "date") return one_part(fields.date);
  if (field == "bpm") return or_unknown(fields.bpm);
  if (field == "key") return or_unknown(fields.key);
  return or_unknown(fields.kind);
}

std::string fill_in(std::string_view text, const PlacementFields& fields) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    const std::size_t close = open == std::string_view::npos ? open : text.find('}', open);
    if (close == std::string_view::npos) return out.append(text);
    out.append(text.substr(0, open));
    const std::string value = field_value(text.substr(open + 1, close - open - 1), fields);
    // "{name}.{ext}" of a file without an extension is its bare name.
    if (value.empty() && text.substr(open, 5) == "{ext}" && out.ends_with('.')) out.pop_back();
    out.append(value);
    text.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

SplitName split_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {name, {}};
  return {name.substr(0, dot), name.substr(dot)};
}

std::string safe_part(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size();) {
    const auto byte = static_cast<unsigned char>(part[i]);
    std::size_t length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    length = std::min(length, part.size() - i);
    const std::string_view point = part.substr(i, length);
    if (!is_valid_utf8(point)) {
      out += '_';
      ++i;
      continue;
    }
    const bool c1 = point.size() == 2 && byte == 0xC2 && static_cast<unsigned char>(point[1]) < 0xA0;
    const bool control = byte < 0x20 || byte == 0x7F || c1 || byte == '/';
    if (control) out += '_';
    else out.append(point);
    i += length;
  }
  if (out == "." || out == "..") return std::string(out.size(), '_');
  return out.size() <= kNameBytesMax ? out : with_length_limit(std::move(out), "");
}

Status validate_template(std::string_view destination) {
  bool tells_apart = false;
  std::string_view rest = destination;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}', open);
    if (close == std::string_view::npos) {
      return fail(Code::invalid, "destination \"" + std::string(destination) + "\" has a { without its }");
    }
    const std::string_view field = rest.substr(open + 1, close - open - 1);
    if (std::find(kFields.begin(), kFields.end(), field) == kFields.end()) {
      return fail(Code::invalid, "destination has the unknown field {" + std::string(field) +
                                     "}; there are {path} {batch} {folder} {name} {ext} {date} {bpm} {key} {kind}");
    }
    tells_apart = tells_apart || field == "path" || field == "name";
    rest.remove_prefix(close + 1);
  }
  if (!tells_apart) return fail(Code::invalid, "destination needs {path} or {name}");
  return {};
}

std::string place(std::string_view destination, const PlacementFields& fields,
                  const std::vector<std::string>& reserved) {
  const std::string filled = fill_in(destination, fields);
  std::string out;
  std::string_view rest = filled;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string part = safe_part(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty()) continue;
    if (out.empty() && std::find(reserved.begin(), reserved.end(), part) != reserved.end()) part += '_';
    if (!out.empty()) out += '/';
    out += part;
  }
  return out.empty() ? "unnamed" : out;
}

std::string keep_both_path(std::string_view path, int number) {
  const std::string_view folder = folder_of(path);
  const std::string name = with_length_limit(std::string(file_name(path)), " (" + std::to_string(number) + ")");
  return folder.empty() ? name : std::string(folder) + "/" + name;
}

}  // namespace cd
