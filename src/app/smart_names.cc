#include "app/smart_names.h"

#include <fmt/format.h>

#include <charconv>

#include "cache/sample_facts.h"

namespace cd {
namespace {

constexpr std::string_view kSlash = "›";
constexpr std::size_t kNameMax = 255;
constexpr std::size_t kContentMark = 16;  // hexadecimal digits

struct Split {
  std::string_view stem;
  std::string_view extension;  // with its dot
};

Split split(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {name, {}};
  return {name.substr(0, dot), name.substr(dot)};
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = text.find(from); at != std::string_view::npos; at = text.find(from)) {
    out.append(text.substr(0, at)).append(to);
    text.remove_prefix(at + from.size());
  }
  return out.append(text);
}

std::optional<std::uint64_t> hex_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// The stem may end in "(…)" or "~…" in front of this extension.
void add_readings(const Split& s, std::vector<NameReading>& out) {
  if (const std::size_t mark = s.stem.rfind(" ~"); mark != std::string_view::npos && mark > 0) {
    if (const auto number = hex_number(s.stem.substr(mark + 2)))
      out.push_back({std::string(s.stem.substr(0, mark)).append(s.extension), std::nullopt, InodeId(*number)});
  }
  if (!s.stem.ends_with(')')) return;
  for (std::size_t at = s.stem.find(" ("); at != std::string_view::npos; at = s.stem.find(" (", at + 1)) {
    if (at == 0) continue;
    const std::string name = std::string(s.stem.substr(0, at)).append(s.extension);
    std::string folder = replaced(s.stem.substr(at + 2, s.stem.size() - at - 3), kSlash, "/");
    if (folder == "/") folder.clear();  // the top of the library
    out.push_back({name, folder.empty() ? name : folder + "/" + name, InodeId()});
  }
}

}  // namespace

std::string distinct_name(std::string_view name, std::string_view folder, InodeId ino) {
  const Split s = split(name);
  if (folder.find(kSlash) == std::string_view::npos) {
    const std::string where = folder.empty() ? std::string(kSlash) : replaced(folder, "/", kSlash);
    std::string out = fmt::format("{} ({}){}", s.stem, where, s.extension);
    if (out.size() <= kNameMax) return out;
  }
  const std::string number = fmt::format(" ~{:x}", ino.value());
  std::string_view stem = s.stem;
  if (stem.size() + number.size() + s.extension.size() <= kNameMax) return fmt::format("{}{}{}", stem, number, s.extension);
  return fmt::format("~{:x}", ino.value());  // hardly a name, but one that leads there
}

std::vector<NameReading> readings_of(std::string_view shown) {
  std::vector<NameReading> out;
  add_readings(split(shown), out);
  if (shown.find('.') != std::string_view::npos) add_readings({shown, {}}, out);  // the dot is the folder's
  return out;
}

std::string content_folder(std::string_view name, std::string_view content) {
  std::string mark = " ~";
  for (const char c : content.substr(0, kContentMark / 2)) mark += fmt::format("{:02x}", static_cast<unsigned char>(c));
  std::string_view shown = name.substr(0, kNameMax - mark.size());
  while (!shown.empty() && shown.size() < name.size() && (name[shown.size()] & 0xC0) == 0x80) shown.remove_suffix(1);
  return std::string(shown) + mark;
}

std::optional<std::string> content_of_folder(std::string_view shown) {
  const std::size_t mark = shown.rfind(" ~");
  if (mark == std::string_view::npos || shown.size() != mark + 2 + kContentMark) return std::nullopt;
  std::string content;
  for (std::size_t at = mark + 2; at < shown.size(); at += 2) {
    const auto byte = hex_number(shown.substr(at, 2));
    if (!byte) return std::nullopt;
    content += static_cast<char>(*byte);
  }
  return content;
}

std::string decade_folder(std::string_view value) {
  int from = 0;
  if (value.size() != 3 || std::from_chars(value.data(), value.data() + 3, from).ptr != value.data() + 3) return "";
  return fmt::format("{:03}-{:03}", from, from + 9);
}

std::string decade_of_folder(std::string_view folder) {
  const std::string_view value = folder.substr(0, 3);
  return decade_folder(value) == folder ? std::string(value) : "";
}

std::string key_of_folder(std::string_view folder) {
  const int key = camelot_number(folder.substr(0, folder.find(' ')));
  return key != 0 && key_folder(key) == folder ? fmt::format("{:0>3}", camelot_text(key)) : "";
}

}  // namespace cd
