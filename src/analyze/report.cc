#include "analyze/report.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "analyze/name_hint.h"

namespace cd {

namespace {

// The best hint of a field: by source, and of one source the first.
const Hint* best_hint(const std::vector<Hint>& hints, HintField field) {
  const Hint* best = nullptr;
  for (const Hint& hint : hints) {
    if (hint.field == field && (best == nullptr || hint.source < best->source)) best = &hint;
  }
  return best;
}

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

// Metadata headers carry printable ASCII only.
std::string ascii(std::string_view text) {
  std::string out;
  for (const char c : text) out.push_back(c >= 0x20 && c < 0x7F ? c : '?');
  return out;
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::unknown:
      return "unknown";
    case Kind::one_shot:
      return "one-shot";
    case Kind::loop:
      return "loop";
    case Kind::track:
      return "track";
  }
  return "unknown";
}

Kind kind_from_name(std::string_view name) {
  for (const Kind kind : {Kind::one_shot, Kind::loop, Kind::track}) {
    if (name_of(kind) == name) return kind;
  }
  return Kind::unknown;
}

std::string_view name_of(HintField field) {
  switch (field) {
    case HintField::bpm:
      return "bpm";
    case HintField::key:
      return "key";
    case HintField::kind:
      return "kind";
  }
  return "bpm";
}

std::string_view name_of(HintSource source) {
  switch (source) {
    case HintSource::acid_chunk:
      return "acid";
    case HintSource::tag:
      return "tag";
    case HintSource::file_name:
      return "name";
    case HintSource::folder_name:
      return "folder";
  }
  return "name";
}

std::optional<Sourced<Tempo>> Report::effective_bpm() const {
  if (const Hint* hint = best_hint(hints, HintField::bpm)) {
    double bpm = 0;
    const char* end = hint->value.data() + hint->value.size();
    const auto parsed = std::from_chars(hint->value.data(), end, bpm);
    if (parsed.ec == std::errc{} && parsed.ptr == end && bpm > 0) {
      return Sourced<Tempo>{{bpm, 1}, std::string(name_of(hint->source))};
    }
  }
  if (tempo) return Sourced<Tempo>{*tempo, "heard"};
  return std::nullopt;
}

std::optional<Sourced<Key>> Report::effective_key() const {
  if (const Hint* hint = best_hint(hints, HintField::key)) {
    if (const auto labelled = parse_key(hint->value)) {
      return Sourced<Key>{*labelled, std::string(name_of(hint->source))};
    }
  }
  if (key) return Sourced<Key>{*key, "heard"};
  return std::nullopt;
}

Sourced<Kind> Report::effective_kind() const {
  if (const Hint* hint = best_hint(hints, HintField::kind)) {
    const Kind labelled = kind_from_name(hint->value);
    if (labelled != Kind::unknown) return {labelled, std::string(name_of(hint->source))};
  }
  return {kind, "heard"};
}

std::map<std::string, std::string> labels_of(const Report& report) {
  std::map<std::string, std::string> labels;
  if (const auto bpm = report.effective_bpm()) {
    labels["bpm"] = bpm_text(bpm->value.bpm);
    labels["bpm-confidence"] = fixed(bpm->value.confidence, 2);
    labels["bpm-source"] = bpm->source;
  }
  if (const auto key = report.effective_key()) {
    labels["key"] = key->value.name();
    labels["camelot"] = key->value.camelot();
    labels["key-confidence"] = fixed(key->value.confidence, 2);
    labels["key-source"] = key->source;
  }
  if (report.loudness) {
    labels["lufs"] = fixed(report.loudness->integrated_lufs, 1);
    labels["peak"] = fixed(report.loudness->true_peak_dbtp, 1);
  }
  const Sourced<Kind> kind = report.effective_kind();
  if (report.is_audio && kind.value != Kind::unknown) labels["kind"] = name_of(kind.value);
  if (report.format) {
    labels["duration"] = fixed(report.format->duration_s, 3);
    labels["rate"] = std::to_string(report.format->sample_rate_hz);
    labels["channels"] = std::to_string(report.format->channels);
    labels["format"] = ascii(report.format->container);
    labels["codec"] = ascii(report.format->codec);
  }
  return labels;
}

}  // namespace cd
