#include "app/enrich_config.h"

#include <fmt/format.h>

#include <algorithm>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "app/option_table.h"
#include "base/child_process.h"
#include "base/text.h"

namespace cd {
namespace {

const std::vector<std::string>& keys() {
  static const std::vector<std::string> all{"name",  "command",     "kinds",      "extensions", "produces", "timeout",
                                            "tries", "retry_first", "concurrency", "per_second", "output_max"};
  return all;
}

Result<std::vector<std::string>> texts_of(const toml::node& node) {
  std::vector<std::string> out;
  const toml::array* list = node.as_array();
  if (list == nullptr) return fail(Code::invalid, "it is a list of texts, like [\"a\", \"b\"]");
  for (const toml::node& one : *list) {
    const auto text = one.value<std::string>();
    if (!text) return fail(Code::invalid, "it is a list of texts, like [\"a\", \"b\"]");
    out.push_back(*text);
  }
  return out;
}

Result<std::vector<std::string>> command_of(const toml::node& node) {
  if (const auto line = node.value<std::string>()) return split_words(*line);
  return texts_of(node);
}

Result<Millis> duration_of(const toml::node& node) {
  const auto seconds = node.value<std::int64_t>();
  const auto text = node.value<std::string>();
  const auto ms = text ? parse_duration_ms(*text) : seconds ? std::optional(*seconds * 1000) : std::nullopt;
  if (!ms) return fail(Code::invalid, "a duration is needed, like \"30s\"");
  return Millis(*ms);
}

template <class T>
Status take(Result<T> from, T& to) {
  CD_TRY(to, std::move(from));
  return {};
}

Result<int> number_of(const toml::node& node) {
  const auto number = node.is_integer() ? node.value<int>() : std::nullopt;
  if (!number) return fail(Code::invalid, "a whole number is needed");
  return *number;
}

Status set_key(Enricher& out, const std::string& key, const toml::node& node) {
  if (key == "command") return take(command_of(node), out.argv);
  if (key == "kinds") return take(texts_of(node), out.kinds);
  if (key == "extensions") return take(texts_of(node), out.extensions);
  if (key == "timeout") return take(duration_of(node), out.timeout);
  if (key == "retry_first") return take(duration_of(node), out.retry_first);
  if (key == "tries") return take(number_of(node), out.tries);
  if (key == "concurrency") return take(number_of(node), out.concurrency);
  if (key == "name" || key == "produces") {
    const auto text = node.value<std::string>();
    if (!text || text->find('/') != std::string::npos) return fail(Code::invalid, "a text without / is needed");
    (key == "name" ? out.name : out.produces) = *text;
    return {};
  }
  if (key == "per_second") {
    const auto number = node.value<double>();
    if (!number) return fail(Code::invalid, "a number is needed, like 2 or 0.5");
    out.per_second = *number;
    return {};
  }
  const auto text = node.value<std::string>();
  const auto bytes = text ? parse_bytes(*text) : node.value<std::uint64_t>();
  if (!bytes) return fail(Code::invalid, "a size is needed, like \"64KiB\"");
  out.output_max = *bytes;
  return {};
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
      else out += c;
    }
    out += '"';
  }
  return out + "]";
}

Enricher made_with_ffmpeg(std::string name, std::string kind, std::string produces, std::vector<std::string> how) {
  Enricher out;
  out.name = std::move(name);
  out.kinds = {std::move(kind)};
  out.produces = std::move(produces);
  out.argv = {"ffmpeg", "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file"};
  out.argv.insert(out.argv.end(), how.begin(), how.end());
  out.argv.push_back("{output}");
  out.tries = 2;
  return out;
}

}  // namespace

Result<std::vector<Enricher>> enrichers_from_toml(const toml::node& list, const std::string& file) {
  const auto complain = [&file](const toml::source_region& where, const std::string& what) {
    return fail(Code::invalid, fmt::format("{}:{}: {}", file, where.begin.line, what));
  };
  std::vector<Enricher> out;
  const toml::array* tables = list.as_array();
  if (tables == nullptr) return complain(list.source(), "enrich is a list of tables: [[enrich]]");
  for (const toml::node& node : *tables) {
    const toml::table* table = node.as_table();
    if (table == nullptr) return complain(node.source(), "enrich is a list of tables: [[enrich]]");
    Enricher enricher;
    for (auto&& [key, value] : *table) {
      const std::string name(key.str());
      if (std::ranges::find(keys(), name) == keys().end()) {
        const std::string near = nearest(name, keys());
        return complain(key.source(), fmt::format("unknown key \"{}\" in [[enrich]]{}", printable(name),
                                                  near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
      }
      if (const Status set = set_key(enricher, name, value); !set) {
        return complain(value.source(), fmt::format("{}: {}", name, set.error().message));
      }
    }
    for (std::string& extension : enricher.extensions) {
      extension = to_lower_ascii(extension.starts_with('.') ? extension.substr(1) : extension);
    }
    if (const Status fine = enricher.validate(); !fine) return complain(node.source(), fine.error().message);
    const bool twice = std::ranges::any_of(out, [&](const Enricher& one) { return one.name == enricher.name; });
    if (twice) return complain(node.source(), fmt::format("two [[enrich]] have the name \"{}\"", enricher.name));
    out.push_back(std::move(enricher));
  }
  return out;
}

std::string enrichers_to_toml(const std::vector<Enricher>& enrichers) {
  std::string out;
  for (const Enricher& e : enrichers) {
    out += fmt::format("\n[[enrich]]\nname = \"{}\"\ncommand = {}\n", e.name, quoted_list(e.argv));
    if (!e.kinds.empty()) out += fmt::format("kinds = {}\n", quoted_list(e.kinds));
    if (!e.extensions.empty()) out += fmt::format("extensions = {}\n", quoted_list(e.extensions));
    if (!e.produces.empty()) out += fmt::format("produces = \"{}\"\n", e.produces);
    out += fmt::format("timeout = \"{}ms\"\ntries = {}\nretry_first = \"{}ms\"\nconcurrency = {}\nper_second = {}\noutput_max = {}\n",
                       e.timeout.count(), e.tries, e.retry_first.count(), e.concurrency, e.per_second, e.output_max);
  }
  return out;
}

Enricher preview_enricher() {
  return made_with_ffmpeg("preview", "audio", "opus",
                          {"-t", "600", "-i", "{path}", "-map", "0:a:0", "-map_metadata", "-1", "-c:a", "libopus", "-b:a", "96k"});
}

Enricher thumbnail_enricher() {
  return made_with_ffmpeg("thumbnail", "image", "jpg",
                          {"-i", "{path}", "-frames:v", "1", "-vf", "scale=w='min(512,iw)':h=-2", "-q:v", "4"});
}

}  // namespace cd
