// The table of options: one row each, the only place where an option is named, bounded and explained.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config.h"

namespace cd {

using OptionMember = std::variant<std::string Config::*, std::uint64_t Config::*, Millis Config::*,
                                  bool Config::*, int Config::*>;

struct Option {
  std::string_view section;
  std::string_view name;                  // "metadata_ttl": key, flag --metadata-ttl, CRATEDRIVE_METADATA_TTL
  OptionMember member;
  std::string_view help;
  std::vector<std::string_view> choices;  // of a string; empty = any text
  std::int64_t min = 0;                   // of a number (bytes, milliseconds, count)
  std::int64_t max = INT64_MAX;
};

[[nodiscard]] std::span<const Option> option_table();
[[nodiscard]] const Option* find_option(std::string_view name);  // null: no such option
// The option, section or other word among `names` that was most likely meant; "" if none is near.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> names);
[[nodiscard]] std::vector<std::string> option_names();

[[nodiscard]] std::string flag_of(const Option& option);         // "--metadata-ttl"
[[nodiscard]] std::string environment_of(const Option& option);  // "CRATEDRIVE_METADATA_TTL"
[[nodiscard]] std::string_view type_of(const Option& option);    // "size", "duration", "text", "number", "true/false"

// From text as a flag gives it: "10GiB", "2s", "true", "64", "keep-both". Code::invalid says what it may be.
[[nodiscard]] Status set_option(Config& config, const Option& option, std::string_view text);
[[nodiscard]] std::string option_text(const Config& config, const Option& option);  // set_option reads it back

}  // namespace cd
