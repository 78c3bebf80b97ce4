// Report as JSON and back. The field names are those of report.h, and stable.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "analyze/report.h"

namespace cd {

namespace {

using Json = nlohmann::json;

double thousandths(double value) {
  return std::round(value * 1000) / 1000;
}

Json effective_json(const Report& report) {
  Json out = Json::object();
  if (const auto bpm = report.effective_bpm()) {
    out["bpm"] = bpm->value.bpm;
    out["bpm_source"] = bpm->source;
  }
  if (const auto key = report.effective_key()) {
    out["key"] = key->value.name();
    out["camelot"] = key->value.camelot();
    out["key_source"] = key->source;
  }
  const Sourced<Kind> kind = report.effective_kind();
  out["kind"] = name_of(kind.value);
  out["kind_source"] = kind.source;
  if (const auto sound = report.effective_class()) {
    out["class"] = sound->value;
    out["class_source"] = sound->source;
  }
  if (const auto root = report.effective_root()) {
    out["root"] = root->value.name();
    out["root_source"] = root->source;
  }
  return out;
}

Json lists_json(const Report& report) {
  Json out = Json::object();
  out["onsets"] = report.onsets_s;
  Json waveform = Json::array();
  for (const float sample : report.waveform) waveform.push_back(thousandths(static_cast<double>(sample)));
  out["waveform"] = std::move(waveform);
  Json hints = Json::array();
  for (const Hint& hint : report.hints) {
    hints.push_back(
        {{"field", name_of(hint.field)}, {"value", hint.value}, {"source", name_of(hint.source)}});
  }
  out["hints"] = std::move(hints);
  out["warnings"] = report.warnings;
  if (!report.slices.empty()) {
    Json slices = Json::array();
    for (const Slice& slice : report.slices) slices.push_back({slice.from_s, slice.to_s});
    out["slices"] = std::move(slices);
  }
  if (auto disagreements = report.disagreements(); !disagreements.empty()) out["disagreements"] = std::move(disagreements);
  return out;
}

// Readers of single fields: absent, of another type, or not finite gives the default.
double number_of(const Json& object, const char* name, double otherwise) {
  const auto it = object.find(name);
  if (it == object.end() || !it->is_number()) return otherwise;
  const double value = it->get<double>();
  return std::isfinite(value) ? value : otherwise;
}

std::string string_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool bool_of(const Json& object, const char* name, bool otherwise) {
  const auto it = object.find(name);
  return it != object.end() && it->is_boolean() ? it->get<bool>() : otherwise;
}

const Json* member(const Json& object, const char* name, Json::value_t type) {
  const auto it = object.find(name);
  return it != object.end() && it->type() == type ? &*it : nullptr;
}

double confidence_of(const Json& object) {
  return std::clamp(number_of(object, "confidence", 0), 0.0, 1.0);
}

int int_of(const Json& object, const char* name) {
  return static_cast<int>(std::clamp(number_of(object, name, 0), 0.0, 1e9));
}

std::optional<AudioFormat> format_from(const Json& json) {
  const Json* format = member(json, "format", Json::value_t::object);
  if (format == nullptr) return std::nullopt;
  AudioFormat out;
  out.container = string_of(*format, "container");
  out.codec = string_of(*format, "codec");
  out.sample_rate_hz = int_of(*format, "sample_rate");
  out.channels = int_of(*format, "channels");
  const auto frames = format->find("frames");
  if (frames != format->end() && frames->is_number_unsigned()) out.frames = frames->get<std::uint64_t>();
  out.duration_s = std::max(0.0, number_of(*format, "duration", 0));
  return out;
}

std::optional<Tempo> tempo_from(const Json& json) {
  const Json* tempo = member(json, "tempo", Json::value_t::object);
  if (tempo == nullptr) return std::nullopt;
  const double bpm = number_of(*tempo, "bpm", 0);
  if (bpm <= 0 || bpm > 1000) return std::nullopt;
  return Tempo{bpm, confidence_of(*tempo)};
}

std::optional<Key> key_from(const Json& json) {
  const Json* object = member(json, "key", Json::value_t::object);
  if (object == nullptr) return std::nullopt;
  auto key = parse_key(string_of(*object, "name"));
  if (key) key->confidence = confidence_of(*object);
  return key;
}

std::optional<Loudness> loudness_from(const Json& json) {
  const Json* object = member(json, "loudness", Json::value_t::object);
  if (object == nullptr || !object->contains("lufs")) return std::nullopt;
  Loudness out;
  out.integrated_lufs = number_of(*object, "lufs", 0);
  out.gated = bool_of(*object, "gated", true);
  out.true_peak_dbtp = number_of(*object, "true_peak", 0);
  if (object->contains("range")) out.range_lu = number_of(*object, "range", 0);
  return out;
}

std::optional<Root> root_from(const Json& json) {
  const Json* object = member(json, "root", Json::value_t::object);
  if (object == nullptr) return std::nullopt;
  const double midi = number_of(*object, "midi", -1);
  if (midi < 0 || midi > 127) return std::nullopt;
  return Root{static_cast<int>(midi), std::clamp(number_of(*object, "cents", 0), -50.0, 50.0)};
}

std::optional<Grid> grid_from(const Json& json) {
  const Json* object = member(json, "grid", Json::value_t::object);
  if (object == nullptr) return std::nullopt;
  Grid grid{int_of(*object, "beats"), int_of(*object, "beats_a_bar"), number_of(*object, "bars", 0),
            number_of(*object, "first_beat", 0)};
  if (grid.beats < 1 || grid.beats_a_bar < 1 || grid.bars <= 0) return std::nullopt;
  return grid;
}

std::vector<Slice> slices_from(const Json& json) {
  std::vector<Slice> slices;
  const Json* list = member(json, "slices", Json::value_t::array);
  if (list == nullptr) return slices;
  for (const Json& pair : *list) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number() || !pair[1].is_number()) continue;
    if (slices.size() < kSlicesMax) slices.push_back({pair[0].get<double>(), pair[1].get<double>()});
  }
  return slices;
}

std::optional<Hint> hint_from(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const std::string field = string_of(json, "field");
  const std::string source = string_of(json, "source");
  for (const HintField f :
       {HintField::bpm, HintField::key, HintField::kind, HintField::sound_class, HintField::root}) {
    for (const HintSource s : {HintSource::acid_chunk, HintSource::smpl_chunk, HintSource::tag, HintSource::file_name,
                               HintSource::folder_name}) {
      if (name_of(f) == field && name_of(s) == source) return Hint{f, s, string_of(json, "value")};
    }
  }
  return std::nullopt;
}

void read_lists(const Json& json, Report& report) {
  if (const Json* onsets = member(json, "onsets", Json::value_t::array)) {
    for (const Json& onset : *onsets) {
      if (onset.is_number() && report.onsets_s.size() < kOnsetsMax)
        report.onsets_s.push_back(onset.get<double>());
    }
  }
  if (const Json* waveform = member(json, "waveform", Json::value_t::array)) {
    for (const Json& sample : *waveform) {
      if (!sample.is_number() || report.waveform.size() >= 2 * kWaveformColumnsMax) continue;
      report.waveform.push_back(static_cast<float>(std::clamp(sample.get<double>(), -1.0, 1.0)));
    }
  }
  if (const Json* hints = member(json, "hints", Json::value_t::array)) {
    for (const Json& entry : *hints) {
      if (auto hint = hint_from(entry)) report.hints.push_back(std::move(*hint));
    }
  }
  if (const Json* warnings = member(json, "warnings", Json::value_t::array)) {
    for (const Json& warning : *warnings) {
      if (warning.is_string()) report.warnings.push_back(warning.get<std::string>());
    }
  }
}

}  // namespace

std::string to_json(const Report& report) {
  Json out = lists_json(report);
  out["type"] = report.type;
  out["audio"] = report.is_audio;
  out["kind"] = name_of(report.kind);
  out["effective"] = effective_json(report);
  if (const auto& f = report.format) {
    out["format"] = {{"container", f->container}, {"codec", f->codec},   {"sample_rate", f->sample_rate_hz},
                     {"channels", f->channels},   {"frames", f->frames}, {"duration", f->duration_s}};
  }
  if (report.tempo) out["tempo"] = {{"bpm", report.tempo->bpm}, {"confidence", report.tempo->confidence}};
  if (report.key) {
    out["key"] = {{"name", report.key->name()},
                  {"camelot", report.key->camelot()},
                  {"confidence", report.key->confidence}};
  }
  if (!report.sound_class.empty()) out["class"] = report.sound_class;
  if (const auto& r = report.root) out["root"] = {{"note", r->name()}, {"midi", r->midi}, {"cents", r->cents}};
  if (const auto& g = report.grid) {
    out["grid"] = {
        {"beats", g->beats}, {"bars", g->bars}, {"beats_a_bar", g->beats_a_bar}, {"first_beat", g->first_beat_s}};
  }
  if (const auto& l = report.loudness) {
    out["loudness"] = {{"lufs", l->integrated_lufs}, {"gated", l->gated}, {"true_peak", l->true_peak_dbtp}};
    if (l->range_lu) out["loudness"]["range"] = *l->range_lu;
  }
  // Warnings may quote bytes of a file: what is not UTF-8 is replaced, never thrown about.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Report> report_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(Code::corrupt, "a report is one JSON object");
  Report report;
  report.type = string_of(json, "type");
  if (report.type.empty()) return fail(Code::corrupt, "a report without a type");
  report.is_audio = bool_of(json, "audio", false);
  report.kind = kind_from_name(string_of(json, "kind"));
  report.format = format_from(json);
  report.tempo = tempo_from(json);
  report.key = key_from(json);
  report.loudness = loudness_from(json);
  report.sound_class = string_of(json, "class");
  report.root = root_from(json);
  report.grid = grid_from(json);
  report.slices = slices_from(json);
  read_lists(json, report);
  return report;
}

}  // namespace cd
