#include "batch/query.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "analyze/report.h"
#include "base/text.h"

namespace cd {
namespace {

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  [[nodiscard]] bool holds(double v) const { return v >= low && v <= high; }
};

std::optional<double> number(std::string_view text) {
  double value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// "90-100", "-14..-9", "-14--9", ">120", "<0.5", "120" (± slack).
std::optional<Range> range(std::string_view text, double slack) {
  Range r;
  if (text.starts_with('>') || text.starts_with('<')) {
    const bool above = text.front() == '>';
    text.remove_prefix(1);
    if (text.starts_with('=')) text.remove_prefix(1);
    const auto bound = number(text);
    if (!bound) return std::nullopt;
    (above ? r.low : r.high) = *bound;
    return r;
  }
  std::size_t at = text.find("..");
  std::size_t wide = 2;
  if (at == std::string_view::npos) {
    at = text.find('-', 1);  // the first character may be a sign
    wide = 1;
  }
  if (at == std::string_view::npos) {
    const auto exact = number(text);
    if (!exact) return std::nullopt;
    return Range{*exact - slack, *exact + slack};
  }
  const std::string_view low = text.substr(0, at);
  const std::string_view high = text.substr(at + wide);
  const auto from = number(low);
  const auto to = number(high);
  if ((!low.empty() && !from) || (!high.empty() && !to) || (!from && !to)) return std::nullopt;
  if (from) r.low = *from;
  if (to) r.high = *to;
  if (r.low > r.high) std::swap(r.low, r.high);
  return r;
}

int key_number(std::string_view text) {
  if (const int camelot = camelot_number(text)) return camelot;
  const auto key = parse_key(text);
  return key ? camelot_number(key->camelot()) : 0;
}

// On the Camelot wheel: the same, one hour on either side, and the other mode at the same hour.
bool is_harmonic(int a, int b) {
  if (a == 0 || b == 0) return false;
  const bool same_side = (a > 12) == (b > 12);
  const int hours = std::abs((a - 1) % 12 - (b - 1) % 12);
  return same_side ? hours <= 1 || hours == 11 : hours == 0;
}

tl::unexpected<Error> not_understood(std::string_view term, std::string_view cure) {
  return fail(Code::invalid, "\"" + printable(term) + "\" is not understood: " + std::string(cure));
}

using Condition = std::function<bool(const SampleFacts&)>;

Result<std::optional<Condition>> condition(std::string_view term, std::string_view name, const std::string& value) {
  using Found = std::optional<Condition>;
  if (name == "bpm") {
    const auto r = range(value, 0.5);
    if (!r) return not_understood(term, "a tempo is meant, like bpm:90-100, bpm:120 or bpm:>140");
    return Found([r = *r](const SampleFacts& f) { return f.bpm > 0 && f.bpm_sure && r.holds(f.bpm); });
  }
  if (name == "dur") {
    const auto r = range(value, 0.05);
    if (!r) return not_understood(term, "seconds are meant, like dur:1-4 or dur:<0.5");
    return Found([r = *r](const SampleFacts& f) { return f.duration_s >= 0 && r.holds(f.duration_s); });
  }
  if (name == "lufs") {
    const auto r = range(value, 0.5);
    if (!r) return not_understood(term, "a loudness is meant, like lufs:-14..-9 or lufs:>-12");
    return Found([r = *r](const SampleFacts& f) { return f.lufs && r.holds(*f.lufs); });
  }
  if (name == "key") {
    const bool exact = value.starts_with('=');
    const int wanted = key_number(std::string_view(value).substr(exact ? 1 : 0));
    if (wanted == 0) return not_understood(term, "a key is meant, like key:8A or key:Am, or key:=8A without its neighbours");
    return Found([wanted, exact](const SampleFacts& f) {
      return f.key_sure && (exact ? f.key == wanted : is_harmonic(wanted, f.key));
    });
  }
  if (name == "kind") {
    const std::string kind = value == "oneshot" ? "one-shot" : to_lower_ascii(value);
    if (kind.empty()) return not_understood(term, "a kind is meant, like kind:loop, kind:one-shot or kind:kick");
    return Found([kind](const SampleFacts& f) { return f.kind == kind || f.sound == kind; });
  }
  return Found();
}

}  // namespace

std::string fold_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80 || i + 1 == text.size()) {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
      continue;
    }
    if ((c & 0xE0) != 0xC0) {  // not a letter of two bytes
      out += static_cast<char>(c);
      continue;
    }
    const auto d = static_cast<unsigned char>(text[++i]);
    unsigned point = (c & 0x1Fu) << 6 | (d & 0x3Fu);
    if ((point >= 0xC0 && point <= 0xDE && point != 0xD7) || (point >= 0x391 && point <= 0x3A9) ||
        (point >= 0x410 && point <= 0x42F))
      point += 32;
    else if (point >= 0x400 && point <= 0x40F)
      point += 80;
    else if (point >= 0x100 && point <= 0x17F && (point < 0x138 || point > 0x148) && (point < 0x178))
      point |= 1;  // Latin Extended-A: pairs, the small letter odd
    out += static_cast<char>(0xC0 | point >> 6);
    out += static_cast<char>(0x80 | (point & 0x3F));
  }
  return out;
}

Result<Query> Query::parse(std::string_view text) {
  Query query;
  while (true) {
    const std::size_t from = text.find_first_not_of(" \t\n\r");
    if (from == std::string_view::npos) break;
    text.remove_prefix(from);
    const std::string_view term = text.substr(0, text.find_first_of(" \t\n\r"));
    text.remove_prefix(term.size());
    const bool negated = term.size() > 1 && term.front() == '-';
    const std::string_view rest = term.substr(negated ? 1 : 0);
    const std::size_t colon = rest.find(':');
    if (colon != std::string_view::npos) {
      const std::string name = to_lower_ascii(rest.substr(0, colon));
      CD_TRY(auto found, condition(term, name, std::string(rest.substr(colon + 1))));
      if (!found)
        return not_understood(term, "conditions are bpm:, key:, kind:, dur: and lufs:; search for words without a colon");
      query.conditions_.push_back(negated ? Condition([c = *found](const SampleFacts& f) { return !c(f); }) : *found);
      continue;
    }
    query.words_.push_back({fold_case(rest), negated});
  }
  if (query.words_.empty() && query.conditions_.empty()) return fail(Code::invalid, "nothing is searched for");
  return query;
}

bool Query::facts_match(const SampleFacts& facts) const {
  return std::ranges::all_of(conditions_, [&](const Condition& holds) { return holds(facts); });
}

bool Query::path_matches(std::string_view lower_path) const {
  return std::ranges::all_of(words_, [&](const Word& word) {
    return (lower_path.find(word.text) != std::string_view::npos) != word.negated;
  });
}

bool Query::name_excludes(std::string_view lower_name) const {
  return std::ranges::any_of(words_, [&](const Word& word) {
    return word.negated && lower_name.find(word.text) != std::string_view::npos;
  });
}

bool Query::needs_path(std::string_view lower_name) const {
  return std::ranges::any_of(words_, [&](const Word& word) {
    return word.negated || lower_name.find(word.text) == std::string_view::npos;
  });
}

std::string query_help() {
  return "Any name that is looked up in this folder is a search, for example\n"
         "\n"
         "  ls \"search/kick 808\"                     both words in the path\n"
         "  ls \"search/bpm:90-100 key:8A\"            a tempo, and a key or one that goes with it\n"
         "  ls \"search/kind:one-shot -vinyl\"         without what has vinyl in its path\n"
         "\n"
         "  word          has to be in the path of the file\n"
         "  bpm:90-100    tempo; also bpm:120, bpm:>140, bpm:<90\n"
         "  key:8A        key and its harmonic neighbours; also key:Am; key:=8A is only this one\n"
         "  kind:loop     loop, one-shot, track, or kick, snare, hat, clap, tom, cymbal, bass, vocal, fx\n"
         "  dur:1-4       seconds; also dur:<0.5\n"
         "  lufs:-14..-9  loudness; also lufs:>-12\n"
         "  -             in front of any of them: not that\n";
}

}  // namespace cd
