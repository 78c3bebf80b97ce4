#include "app/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "app/enrich_config.h"
#include "app/option_table.h"
#include "app/toml_text.h"
#include "base/child_process.h"
#include "base/disk.h"
#include "base/text.h"

extern char** environ;

namespace cd {

namespace {

// Where in the file a thing stands, as compilers say it.
std::string at(const std::string& name, const toml::source_region& where) {
  return fmt::format("{}:{}", name, where.begin.line);
}

Status complain(const std::string& name, const toml::node& node, const std::string& what) {
  return fail(Code::invalid, at(name, node.source()) + ": " + what);
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string near = nearest(word, names);
  return near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near);
}

std::vector<std::string> names_in(std::string_view section) {
  std::vector<std::string> names;
  for (const Option& option : option_table()) {
    if (section.empty() || option.section == section) names.emplace_back(option.name);
  }
  return names;
}

// A value as a flag would give it, if its TOML type suits the option.
Result<std::string> text_of(const Option& option, const toml::node& node) {
  const std::string_view type = type_of(option);
  if (const auto* text = node.as_string(); text != nullptr && type != "true/false" && type != "number") {
    return text->get();
  }
  if (const auto* number = node.as_integer(); number != nullptr && type != "true/false" && type != "text") {
    return std::to_string(number->get());
  }
  if (const auto* flag = node.as_boolean(); flag != nullptr && type == "true/false") {
    return std::string(flag->get() ? "true" : "false");
  }
  std::string_view example = "\"text\"";
  if (type == "size") example = "\"10GiB\"";
  if (type == "duration") example = "\"2s\"";
  if (type == "number") example = "8";
  if (type == "true/false") example = "true or false";
  return fail(Code::invalid, fmt::format("{} is given as {}", option.name, example));
}

Status apply_key(Config& config, const std::string& file, std::string_view section, const toml::key& key,
                 const toml::node& node) {
  const Option* option = find_option(key.str());
  if (option == nullptr || (!section.empty() && option->section != section)) {
    std::string hint = suggestion(key.str(), names_in(section));
    if (option != nullptr) hint = fmt::format("; it belongs into [{}]", option->section);
    const std::string place = section.empty() ? "[[drives]]" : fmt::format("[{}]", section);
    return fail(Code::invalid, fmt::format("{}: unknown key \"{}\" in {}{}", at(file, key.source()),
                                           printable(key.str()), place, hint));
  }
  const auto text = text_of(*option, node);
  if (!text) return complain(file, node, text.error().message);
  const Status status = set_option(config, *option, *text);
  return status ? status : complain(file, node, status.error().message);
}

Status apply_section(Config& config, const std::string& file, const toml::key& section, const toml::node& node) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return complain(file, node, fmt::format("[{}] has to be a table", section.str()));
  for (auto&& [key, value] : *table) CD_TRY_VOID(apply_key(config, file, section.str(), key, value));
  return {};
}

// One [[drives]] table. Checked even when it is another drive's, so that a mistake is found at once.
Status apply_drive(Config& config, const std::string& file, const toml::node& node, const std::string& drive_url) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return complain(file, node, "drives is a list of tables: [[drives]]");
  const auto url_text = (*table)["url"].value<std::string>();
  if (!url_text) return complain(file, node, "a [[drives]] table needs url = \"s3://bucket/prefix\"");
  const auto url = StoreUrl::parse(*url_text);
  if (!url) return complain(file, *table->get("url"), url.error().message);
  Config other;
  Config& target = url->to_string() == drive_url ? config : other;
  for (auto&& [key, value] : *table) {
    if (key.str() != "url") CD_TRY_VOID(apply_key(target, file, "", key, value));
  }
  return {};
}

Status apply_drives(Config& config, const std::string& file, const toml::node& node, const std::string& drive_url) {
  const toml::array* drives = node.as_array();
  if (drives == nullptr) return complain(file, node, "drives is a list of tables: [[drives]]");
  for (const toml::node& drive : *drives) CD_TRY_VOID(apply_drive(config, file, drive, drive_url));
  return {};
}

std::vector<std::string> section_names() {
  std::vector<std::string> names{"drives", "enrich"};
  for (const Option& option : option_table()) {
    if (std::ranges::find(names, option.section) == names.end()) names.emplace_back(option.section);
  }
  return names;
}

Status unknown_section(const std::string& file, const toml::key& key) {
  std::string hint = suggestion(key.str(), section_names());
  if (const Option* option = find_option(key.str())) hint = fmt::format("; it belongs into [{}]", option->section);
  return fail(Code::invalid, fmt::format("{}: unknown section or key \"{}\"{}", at(file, key.source()),
                                         printable(key.str()), hint));
}

Status apply_file(Config& config, const ConfigSources& sources) {
  const std::string file = sources.file.empty() ? default_config_file() : sources.file;
  const auto text = read_file(system_disk(), file);
  if (!text) {
    if (sources.file.empty() && text.error().code == Code::not_found) return {};
    return fail(Code::invalid, "cannot read the configuration: " + text.error().message);
  }
  return apply_toml(config, *text, file, sources.drive_url);
}

Status apply_environment(Config& config, const std::map<std::string, std::string>& environment) {
  for (const Option& option : option_table()) {
    const auto found = environment.find(environment_of(option));
    if (found == environment.end()) continue;
    const Status status = set_option(config, option, found->second);
    if (!status) return fail(Code::invalid, environment_of(option) + ": " + status.error().message);
  }
  return {};
}

Status apply_flags(Config& config, const std::map<std::string, std::string>& flags) {
  for (const auto& [name, text] : flags) {
    const Option* option = find_option(name);
    if (option == nullptr) return fail(Code::invalid, "no such option: " + name);
    const Status status = set_option(config, *option, text);
    if (!status) return fail(Code::invalid, flag_of(*option) + ": " + status.error().message);
  }
  return {};
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

// Names at the root that are no part of the library: of the virtual files, and of the report objects.
std::vector<std::string> reserved_names(const Config& config) {
  std::vector<std::string> names{config.control_name};
  for (const std::string& prefix : {config.report_prefix, config.processed_prefix}) {
    const std::string top = prefix.substr(0, prefix.find('/'));
    if (!top.empty() && std::ranges::find(names, top) == names.end()) names.push_back(top);
  }
  return names;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && name.find('/') == std::string::npos;
}

}  // namespace

Status apply_toml(Config& config, const std::string& text, const std::string& name, const std::string& drive_url) {
  if (const auto line = line_of_bare_letter(text)) {
    return fail(Code::invalid, fmt::format("{}:{}: only strings and comments may hold letters beyond ASCII: put the value "
                                           "into quotes", name, *line));
  }
  const toml::parse_result parsed = toml::parse(text, name);
  if (!parsed) {
    return fail(Code::invalid, fmt::format("{}: {}", at(name, parsed.error().source()),
                                           printable(parsed.error().description())));
  }
  const std::vector<std::string> known = section_names();
  const toml::node* drives = nullptr;
  const toml::table& root = parsed.table();
  for (auto&& [key, node] : root) {
    if (key.str() == "drives") {
      drives = &node;
    } else if (key.str() == "enrich") {
      CD_TRY(config.enrichers, enrichers_from_toml(node, name));
    } else if (std::ranges::find(known, key.str()) == known.end()) {
      return unknown_section(name, key);
    } else {
      CD_TRY_VOID(apply_section(config, name, key, node));
    }
  }
  // After the sections, wherever it stands in the file: it is about one drive and outranks them.
  return drives == nullptr ? Status{} : apply_drives(config, name, *drives, drive_url);
}

Result<Config> load_config(const ConfigSources& sources) {
  Config config;
  CD_TRY_VOID(apply_file(config, sources));
  CD_TRY_VOID(apply_environment(config, sources.environment));
  CD_TRY_VOID(apply_flags(config, sources.flags));
  CD_TRY_VOID(config.validate());
  return config;
}

std::string config_to_toml(const Config& config) {
  std::string out = "# The configuration in effect: defaults, file, environment and flags together.\n";
  std::string_view section;
  for (const Option& option : option_table()) {
    if (option.section != section) {
      section = option.section;
      out += fmt::format("\n[{}]\n", section);
    }
    const std::string text = option_text(config, option);
    const std::string_view type = type_of(option);
    const bool bare = type == "true/false" || type == "number";
    out += fmt::format("{} = {}\n", option.name, bare ? text : quoted(text));
  }
  return out + enrichers_to_toml(config.enrichers);
}

std::map<std::string, std::string> environment_options() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (text.starts_with("CRATEDRIVE_") && equals != std::string_view::npos) {
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return out;
}

std::string default_config_file() {
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && *xdg == '/') {
    return std::string(xdg) + "/cratedrive/config.toml";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + "/.config/cratedrive/config.toml";
}

// ---- what the rooms are given. One memory limit is split among those who hold bytes in flight; the rest is for
// stacks, the tree's pages and the analysers (about 20 MiB a thread).

StoreOptions Config::store_options() const {
  StoreOptions out;
  out.endpoint = endpoint;
  out.region = region;
  out.addressing = addressing;
  out.profile = profile;
  out.ca_file = ca_file;
  out.connections = connections;
  out.connect_timeout = connect_timeout;
  out.stall_timeout = stall_timeout;
  out.default_deadline = request_deadline;
  out.body_memory_bytes = memory_limit / 4;
  return out;
}

RateLimits Config::rate_limits() const {
  return {limit_up, limit_down, static_cast<std::uint64_t>(limit_requests), static_cast<std::uint64_t>(limit_connections)};
}

TreeCacheOptions Config::tree_options() const {
  TreeCacheOptions out;
  out.metadata_ttl = metadata_ttl;
  out.list_deadline = request_deadline;
  out.reserved = reserved_names(*this);
  out.reserved.push_back(inbox_name);
  return out;
}

BlockCacheOptions Config::block_options() const {
  BlockCacheOptions out;
  out.bytes_max = cache_size;
  out.memory_bytes = memory_limit * 3 / 16;
  out.read_ahead_bytes_max = read_ahead;
  out.fetch_deadline = request_deadline;
  return out;
}

JournalOptions Config::journal_options() const {
  JournalOptions out;
  out.inbox_name = inbox_name;
  out.reserved = reserved_names(*this);
  out.staging_bytes_max = staging_size;
  out.multipart_bytes = multipart_size;
  out.part_bytes = part_size;
  out.uploads_parallel = uploads_parallel;
  out.memory_bytes = memory_limit / 8;
  out.upload_delay = upload_delay;
  out.sync_interval = sync_interval;
  out.tries_max = tries_max;
  return out;
}

BatchOptions Config::batch_options() const {
  BatchOptions out;
  out.settle = settle;
  out.destination = destination;
  out.if_present = if_present == "skip"      ? IfPresent::skip
                   : if_present == "replace" ? IfPresent::replace
                                             : IfPresent::keep_both;
  out.undecodable = undecodable == "hold" ? Undecodable::hold : Undecodable::store;
  out.only_audio = only == "audio";
  out.skip_duplicates = skip_duplicates;
  out.unpack_archives = archives == "unpack";
  out.keep_archive = keep_archive;
  out.archive_bytes_max = archive_size_max;
  out.archive_files_max = static_cast<std::uint64_t>(archive_files_max);
  out.archive_ratio_max = static_cast<std::uint64_t>(archive_ratio_max);
  out.archive_depth = archive_depth;
  out.confirm = confirm;
  out.stuck_after = stuck_after;
  out.pause_after_failures = pause_after_failures;
  out.on_batch_done = split_words(on_batch_done).value_or(std::vector<std::string>{});
  out.on_batch_done_timeout = on_batch_done_timeout;
  out.analyze = analyze;
  out.analysis_threads = analysis_threads;
  out.report_prefix = report_prefix;
  out.processed_prefix = processed_prefix;
  if (previews) out.enrichers.push_back(preview_enricher());
  if (thumbnails) out.enrichers.push_back(thumbnail_enricher());
  out.enrichers.insert(out.enrichers.end(), enrichers.begin(), enrichers.end());
  out.multipart_bytes = multipart_size;
  out.part_bytes = part_size;
  return out;
}

Status Config::validate() const {
  if (!is_name(inbox_name)) return fail(Code::invalid, "inbox_name has to be a plain file name");
  if (!is_name(control_name)) return fail(Code::invalid, "control_name has to be a plain file name");
  if (inbox_name == control_name) return fail(Code::invalid, "inbox_name and control_name have to differ");
  if (part_size > multipart_size) return fail(Code::invalid, "part_size must not be larger than multipart_size");
  if (part_size > memory_limit / 8) {
    return fail(Code::invalid, fmt::format("part_size must not be larger than an eighth of memory_limit ({})",
                                           human_bytes(memory_limit / 8)));
  }
  for (const auto& [name, dir] : {std::pair{"cache_dir", cache_dir}, std::pair{"state_dir", state_dir}}) {
    if (!dir.empty() && dir.front() != '/') return fail(Code::invalid, fmt::format("{} has to begin with /", name));
  }
  for (const auto& [name, prefix] : {std::pair{"report_prefix", report_prefix}, std::pair{"processed_prefix", processed_prefix}}) {
    if (!prefix.empty() && (prefix.front() == '/' || prefix.back() != '/')) {
      return fail(Code::invalid, fmt::format("{} has to end with / and must not begin with it", name));
    }
  }
  for (const auto& [name, price] : {std::pair{"price_storage", price_storage}, std::pair{"price_class_a", price_class_a},
                                    std::pair{"price_class_b", price_class_b}, std::pair{"price_egress", price_egress}}) {
    const bool digits = price.find_first_not_of("0123456789.") == std::string::npos && std::ranges::count(price, '.') <= 1;
    if (!digits || price == "." || price.size() > 12)
      return fail(Code::invalid, fmt::format("{} has to be dollars, like 0.015", name));
  }
  if (const auto words = split_words(on_batch_done); !words) {
    return fail(Code::invalid, "on_batch_done: " + words.error().message);
  }
  CD_TRY_VOID(store_options().validate());
  return {};
}

}  // namespace cd
