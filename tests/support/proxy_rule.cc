#include "tests/support/proxy_rule.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <sstream>

namespace cd::testing {

namespace {

const std::map<std::string, ProxyAction, std::less<>>& actions() {
  static const std::map<std::string, ProxyAction, std::less<>> names = {
      {"latency", ProxyAction::latency},       {"stall_header", ProxyAction::stall_header},
      {"stall_body", ProxyAction::stall_body}, {"reset", ProxyAction::reset},
      {"truncate", ProxyAction::truncate},     {"reset_request", ProxyAction::reset_request},
      {"lost", ProxyAction::lost},             {"corrupt", ProxyAction::corrupt},
      {"status", ProxyAction::status},         {"wrong_etag", ProxyAction::wrong_etag},
      {"refuse", ProxyAction::refuse},         {"error200", ProxyAction::error200},
      {"wrong_range", ProxyAction::wrong_range},
  };
  return names;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool set_field(ProxyRule& rule, std::string_view name, std::string_view value) {
  if (name == "method") return rule.method = value, true;
  if (name == "path") return rule.path_part = value, true;
  if (name == "error") return rule.error = value, true;
  if (name == "words") {
    rule.words = value;
    std::replace(rule.words.begin(), rule.words.end(), '_', ' ');
    return true;
  }
  const std::map<std::string_view, std::int64_t*> numbers = {
      {"nth", &rule.nth},   {"times", &rule.times}, {"percent", &rule.percent},         {"ms", &rule.ms},
      {"code", &rule.code}, {"after", &rule.after}, {"retry_after", &rule.retry_after},
      {"skew", &rule.skew},
  };
  const auto at = numbers.find(name);
  const std::optional<std::int64_t> number = number_of(value);
  if (at == numbers.end() || !number) return false;
  *at->second = *number;
  return true;
}

Result<ProxyRule> parse_rule(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  const auto action = actions().find(word);
  if (action == actions().end()) return fail(Code::invalid, "no such action in the rule '" + line + "'");
  ProxyRule rule;
  rule.action = action->second;
  while (words >> word) {
    const std::size_t equals = word.find('=');
    const std::string_view view = word;
    if (equals == std::string::npos || !set_field(rule, view.substr(0, equals), view.substr(equals + 1))) {
      return fail(Code::invalid, "'" + word + "' has no meaning in the rule '" + line + "'");
    }
  }
  return rule;
}

}  // namespace

bool ProxyRule::covers(std::string_view request_method, std::string_view target) const {
  return (method.empty() || method == request_method) && target.find(path_part) != std::string_view::npos;
}

Result<std::vector<ProxyRule>> parse_rules(std::string_view text) {
  std::vector<ProxyRule> rules;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string::npos || line[start] == '#') continue;
    CD_TRY(ProxyRule rule, parse_rule(line));
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::string_view s3_error_name(std::int64_t status) {
  switch (status) {
    case 400: return "InvalidRequest";
    case 403: return "AccessDenied";
    case 404: return "NoSuchKey";
    case 412: return "PreconditionFailed";
    case 429: return "TooManyRequests";
    case 500: return "InternalError";
    case 503: return "SlowDown";
    default: return "UnknownError";
  }
}

}  // namespace cd::testing
