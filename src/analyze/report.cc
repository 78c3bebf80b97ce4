#include "analyze/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "analyze/agreement.h"
#include "analyze/name_hint.h"

namespace cd {

namespace {

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
    case HintField::sound_class:
      return "class";
    case HintField::root:
      return "root";
  }
  return "bpm";
}

std::string_view name_of(HintSource source) {
  switch (source) {
    case HintSource::acid_chunk:
      return "acid";
    case HintSource::smpl_chunk:
      return "smpl";
    case HintSource::tag:
      return "tag";
    case HintSource::file_name:
      return "name";
    case HintSource::folder_name:
      return "folder";
  }
  return "name";
}

std::map<std::string, std::string> labels_of(const Report& report) {
  std::map<std::string, std::string> labels;
  if (const auto bpm = report.effective_bpm()) {
    labels["bpm"] = bpm_text(bpm->value.bpm);
    labels["bpm-confidence"] = fixed(bpm->value.confidence, 2);
    labels["bpm-source"] = bpm->source;
    if (report.tempo && !same_tempo(bpm->value.bpm, report.tempo->bpm)) labels["bpm-heard"] = bpm_text(report.tempo->bpm);
  }
  if (const auto key = report.effective_key()) {
    labels["key"] = key->value.name();
    labels["camelot"] = key->value.camelot();
    labels["key-confidence"] = fixed(key->value.confidence, 2);
    labels["key-source"] = key->source;
    if (report.key && !keys_mix(key->value, *report.key)) labels["key-heard"] = report.key->name();
  }
  if (report.loudness) {
    labels["lufs"] = fixed(report.loudness->integrated_lufs, 1);
    labels["peak"] = fixed(report.loudness->true_peak_dbtp, 1);
  }
  const Sourced<Kind> kind = report.effective_kind();
  if (report.is_audio && kind.value != Kind::unknown) labels["kind"] = name_of(kind.value);
  if (const auto sound = report.effective_class()) {
    labels["class"] = ascii(sound->value);
    labels["class-source"] = sound->source;
  }
  if (const auto root = report.effective_root()) {
    labels["root"] = root->value.name();
    labels["root-source"] = root->source;
  }
  if (report.grid) {
    labels["beats"] = std::to_string(report.grid->beats);
    labels["bars"] = bpm_text(report.grid->bars);
  }
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
