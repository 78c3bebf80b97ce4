#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

namespace cd {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `s` (Unicode table 3-7), 0 if there is none.
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
  if (s.empty()) return 0;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

struct Quantity {
  double value = 0;
  std::string unit;  // lower case, trimmed
};

std::optional<Quantity> parse_quantity(std::string_view text) {
  text = trim(text);
  Quantity q;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q.value);
  if (error != std::errc() || !std::isfinite(q.value) || q.value < 0) return std::nullopt;
  q.unit = to_lower_ascii(trim(text.substr(static_cast<std::size_t>(end - text.data()))));
  return q;
}

}  // namespace

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string human_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "-";
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return s % 60 == 0 ? fmt::format("{} min", s / 60) : fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  const auto q = parse_quantity(text);
  if (!q) return std::nullopt;
  static constexpr std::string_view kPrefixes = "kmgtp";
  std::string unit = q->unit;
  double factor = 1;
  if (!unit.empty() && unit != "b") {
    const auto at = kPrefixes.find(unit[0]);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = std::string_view(unit).substr(1);
    if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
    factor = std::pow(1024.0, static_cast<double>(at + 1));
  }
  const double bytes = q->value * factor;
  if (bytes >= 9e18) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(bytes));
}

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  const auto q = parse_quantity(text);
  if (!q) return std::nullopt;
  double factor = 0;
  if (q->unit.empty() || q->unit == "s") factor = 1000;
  if (q->unit == "ms") factor = 1;
  if (q->unit == "m" || q->unit == "min") factor = 60'000;
  if (q->unit == "h") factor = 3'600'000;
  if (q->unit == "d") factor = 86'400'000;
  const double ms = q->value * factor;
  if (factor == 0 || ms > 9e15) return std::nullopt;
  return std::llround(ms);
}

std::string progress_bar(double fraction, int width) {
  const int inside = std::max(1, width - 2);
  const double clamped = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const auto full = static_cast<std::size_t>(std::floor(clamped * inside));
  return "[" + std::string(full, '#') + std::string(static_cast<std::size_t>(inside) - full, '-') + "]";
}

std::string printable(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  while (!name.empty()) {
    const std::size_t n = utf8_length(name);
    const auto lead = static_cast<unsigned char>(name[0]);
    const bool c1 = n == 2 && lead == 0xC2 && static_cast<unsigned char>(name[1]) < 0xA0;
    if (n == 0 || c1 || (n == 1 && (lead < 0x20 || lead == 0x7F))) {
      const std::size_t bad = n == 0 ? 1 : n;
      for (std::size_t i = 0; i < bad; ++i) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(name[i]));
      name.remove_prefix(bad);
      continue;
    }
    out.append(name.substr(0, n));
    name.remove_prefix(n);
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t columns) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.push_back(at);
    at += std::max<std::size_t>(1, utf8_length(text.substr(at)));
  }
  if (starts.size() <= columns || columns < 3) return std::string(text.substr(0, starts.size() <= columns ? text.size() : 0));
  const std::size_t head = (columns - 1) / 2;
  const std::size_t tail = columns - 1 - head;
  return std::string(text.substr(0, starts[head])) + "…" + std::string(text.substr(starts[starts.size() - tail]));
}

std::string human_count(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string to_lower_ascii(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace cd
