#include "batch/enricher.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace cd {
namespace {

constexpr std::size_t kMembersMax = 32;
constexpr std::size_t kValueBytesMax = 512;
constexpr std::size_t kNameBytesMax = 40;

bool is_label_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string label_name(std::string_view member) {
  std::string out = to_lower_ascii(member.substr(0, kNameBytesMax));
  for (char& c : out) {
    if (!is_label_name(std::string_view(&c, 1))) c = '-';
  }
  return out;
}

std::string label_value(const nlohmann::json& value) {
  std::string out = value.is_string() ? value.get<std::string>()
                                      : value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  out = printable(out);
  if (out.size() <= kValueBytesMax) return out;
  std::size_t end = kValueBytesMax;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
  return out.substr(0, end);
}

}  // namespace

Status Enricher::validate() const {
  const auto wrong = [this](const std::string& what) { return fail(Code::invalid, "[[enrich]] \"" + printable(name) + "\": " + what); };
  if (!is_label_name(name)) return fail(Code::invalid, "[[enrich]] needs a name of a-z, 0-9, - and _, like \"tagger\"");
  if (argv.empty() || argv[0].empty()) return wrong("command is missing, like [\"python3\", \"/home/me/tagger.py\", \"{path}\"]");
  if (timeout < Millis{100} || timeout > Millis{86'400'000}) return wrong("timeout is within 100ms and 24h");
  if (tries < 1 || tries > 100) return wrong("tries is within 1 and 100");
  if (concurrency < 1 || concurrency > 64) return wrong("concurrency is within 1 and 64");
  if (per_second < 0 || per_second > 1000) return wrong("per_second is within 0 and 1000");
  if (output_max < 64 || output_max > (16u << 20)) return wrong("output_max is within 64 bytes and 16MiB");
  return {};
}

bool is_for(const Enricher& enricher, const EnrichFile& file) {
  const auto has = [](const std::vector<std::string>& list, const std::string& one) {
    return std::find(list.begin(), list.end(), one) != list.end();
  };
  if (!enricher.extensions.empty()) {
    const std::string_view name = std::string_view(file.path).substr(file.path.rfind('/') + 1);
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || !has(enricher.extensions, to_lower_ascii(name.substr(dot + 1)))) return false;
  }
  if (enricher.kinds.empty()) return true;
  return has(enricher.kinds, file.type.substr(0, file.type.find('/'))) || (!file.kind.empty() && has(enricher.kinds, file.kind));
}

Result<Metadata> labels_of_answer(const Enricher& enricher, std::string_view answer) {
  Metadata out;
  if (answer.find_first_not_of(" \t\r\n") == std::string_view::npos) return out;
  const nlohmann::json json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) return fail(Code::invalid, "what it wrote is not one JSON object");
  if (json.size() > kMembersMax) return fail(Code::invalid, "its answer has more than 32 members");
  for (const auto& [member, value] : json.items()) {
    if (value.is_null() || member.empty()) continue;
    out[enricher.name + "." + label_name(member)] = label_value(value);
  }
  return out;
}

}  // namespace cd
