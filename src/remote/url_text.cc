#include "remote/url_text.h"

#include <time.h>

#include <cctype>

#include "base/text.h"

namespace cd {

namespace {

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_calendar_date(const tm& t) {
  return t.tm_year >= 0 && t.tm_year < 362 &&  // 2262: what 64 bits of nanoseconds hold
         t.tm_mon >= 0 && t.tm_mon < 12 && t.tm_mday >= 1 && t.tm_mday <= 31 &&
         t.tm_hour >= 0 && t.tm_hour < 24 && t.tm_min >= 0 && t.tm_min < 60 && t.tm_sec >= 0 && t.tm_sec <= 60;
}

}  // namespace

std::string percent_encode(std::string_view text, KeepSlashes slashes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    if (is_unreserved(c) || (c == '/' && slashes == KeepSlashes::yes)) {
      out.push_back(c);
      continue;
    }
    const auto b = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view url) {
  const std::size_t mark = url.find("://");
  if (mark == std::string_view::npos) return std::nullopt;
  Endpoint endpoint{to_lower_ascii(url.substr(0, mark)), std::string(url.substr(mark + 3))};
  if (endpoint.host.ends_with('/')) endpoint.host.pop_back();
  if (endpoint.scheme != "http" && endpoint.scheme != "https") return std::nullopt;
  if (endpoint.host.empty()) return std::nullopt;
  for (const char c : endpoint.host) {
    if (!is_unreserved(c) && c != ':' && c != '[' && c != ']') return std::nullopt;
  }
  const std::string own_port = endpoint.scheme == "http" ? ":80" : ":443";
  if (endpoint.host.ends_with(own_port)) endpoint.host.resize(endpoint.host.size() - own_port.size());
  return endpoint;
}

std::string without_userinfo(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t at = url.rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(url);
  return std::string(url.substr(0, begin)) + "***" + std::string(url.substr(at));
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  const std::string copy(text);
  tm t{};
  if (::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &t) == nullptr || !is_calendar_date(t)) return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&t)) * 1'000'000'000;
}

std::optional<std::int64_t> parse_iso_date(std::string_view text) {
  const std::string copy(text);
  tm t{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &t);
  if (rest == nullptr || !is_calendar_date(t)) return std::nullopt;
  std::int64_t ns = static_cast<std::int64_t>(::timegm(&t)) * 1'000'000'000;
  if (*rest == '.') {
    std::int64_t unit = 100'000'000;
    for (++rest; std::isdigit(static_cast<unsigned char>(*rest)) != 0; ++rest, unit /= 10) ns += (*rest - '0') * unit;
  }
  if (std::string_view(rest) != "Z") return std::nullopt;
  return ns;
}

}  // namespace cd
