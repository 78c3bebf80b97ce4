// What counts where several sources speak of one value, and where they contradict each other.
#include "analyze/agreement.h"

#include <charconv>
#include <cmath>

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

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || !(value > 0)) return std::nullopt;
  return value;
}

std::string_view speaker(HintSource source) {
  switch (source) {
    case HintSource::acid_chunk:
      return "The acid chunk";
    case HintSource::smpl_chunk:
      return "The smpl chunk";
    case HintSource::tag:
      return "The tag";
    case HintSource::file_name:
      return "The name";
    case HintSource::folder_name:
      return "The folder";
  }
  return "The name";
}

// Whether two written values of a field say the same.
bool agree(HintField field, const std::string& a, const std::string& b) {
  if (field == HintField::bpm) {
    const auto x = number_of(a);
    const auto y = number_of(b);
    return !x || !y || same_tempo(*x, *y);
  }
  if (field == HintField::key) {
    const auto x = parse_key(a);
    const auto y = parse_key(b);
    return !x || !y || keys_mix(*x, *y);
  }
  return a == b;
}

std::string heard_value(const Report& report, HintField field) {
  if (field == HintField::bpm && report.tempo) return bpm_text(report.tempo->bpm);
  if (field == HintField::key && report.key) return report.key->name();
  if (field == HintField::kind && report.kind != Kind::unknown) return std::string(name_of(report.kind));
  return {};
}

}  // namespace

bool same_tempo(double a_bpm, double b_bpm) {
  return std::abs(a_bpm / b_bpm - 1) <= 0.04;
}

bool keys_mix(const Key& a, const Key& b) {
  const int up = ((a.tonic - b.tonic) % 12 + 12) % 12;
  if (a.minor == b.minor) return up == 0 || up == 5 || up == 7;
  return up == (a.minor ? 9 : 3);
}

std::optional<Sourced<Tempo>> Report::effective_bpm() const {
  if (const Hint* hint = best_hint(hints, HintField::bpm)) {
    if (const auto bpm = number_of(hint->value)) return Sourced<Tempo>{{*bpm, 1}, std::string(name_of(hint->source))};
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

std::optional<Sourced<std::string>> Report::effective_class() const {
  if (const Hint* hint = best_hint(hints, HintField::sound_class))
    return Sourced<std::string>{hint->value, std::string(name_of(hint->source))};
  if (!sound_class.empty()) return Sourced<std::string>{sound_class, "heard"};
  return std::nullopt;
}

std::optional<Sourced<Root>> Report::effective_root() const {
  if (const Hint* hint = best_hint(hints, HintField::root)) {
    if (const auto labelled = parse_root(hint->value)) return Sourced<Root>{*labelled, std::string(name_of(hint->source))};
  }
  if (root) return Sourced<Root>{*root, "heard"};
  return std::nullopt;
}

std::vector<std::string> Report::disagreements() const {
  std::vector<std::string> out;
  for (const HintField field : {HintField::bpm, HintField::key, HintField::kind}) {
    const Hint* best = best_hint(hints, field);
    if (best == nullptr) continue;
    const std::string said = std::string(speaker(best->source)) + " says " + std::string(name_of(field)) + " " + best->value;
    for (const Hint& other : hints) {
      if (other.field == field && other.source != best->source && !agree(field, best->value, other.value))
        out.push_back(said + ", " + std::string(name_of(other.source)) + " says " + other.value + ".");
    }
    const std::string heard = heard_value(*this, field);
    if (!heard.empty() && !agree(field, best->value, heard)) out.push_back(said + ", it sounds like " + heard + ".");
  }
  return out;
}

}  // namespace cd
