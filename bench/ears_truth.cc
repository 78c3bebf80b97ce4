#include "bench/ears_truth.h"

#include <sndfile.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

namespace cd::bench {

namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else if (c != '\r') {
      cells.back().push_back(c);
    }
  }
  return cells;
}

std::uint32_t hash(std::string_view text) {  // FNV-1a
  std::uint32_t h = 2166136261U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 16777619U;
  return h ^ (h >> 15U);
}

// "h012_song_kit_2bar" → "song", "k003_Cmaj_M1_Groove_full" → "Groove", "kit__kick1" → "kit", "tom12" → "tom".
std::string origin_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  std::string stem = path.substr(slash + 1, path.find_last_of('.') - slash - 1);
  if (const std::size_t kit = stem.find("__"); kit != std::string::npos) return stem.substr(0, kit);
  std::vector<std::string> words(1);
  for (const char c : stem) {
    if (c == '_') {
      words.emplace_back();
    } else {
      words.back().push_back(c);
    }
  }
  const bool numbered = words[0].size() == 4 && std::isdigit(static_cast<unsigned char>(words[0][1])) != 0;
  if (numbered && words[0][0] == 'k' && words.size() > 3) return words[3];
  if (numbered && words.size() > 1) return words[1];
  std::erase_if(stem, [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; });
  return stem;
}

bool says(const std::string& name, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return name.find(word) != std::string::npos; });
}

// The class that the name of a one-shot or its folder tells, as its maker meant it.
std::string class_by_name(const Truth& truth) {
  if (truth.kind != "oneshot" && truth.kind != "fx") return {};
  if (truth.content == "basses") return "bass";
  if (truth.content == "effects" || truth.content == "misc") return "fx";
  if (truth.content == "instruments" || truth.content == "stringsnpads") return "other";
  std::string name = truth.path.substr(truth.path.find_last_of('/') + 1);
  if (const std::size_t kit = name.find("__"); kit != std::string::npos) name = name.substr(kit + 2);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  name = name.substr(0, name.find_last_of('.'));
  if (says(name, {"djembe", "conga", "bongo", "cowbell", "clave", "tamb", "wood", "maraca", "shak", "snap", "stick", "rim",
                  "agogo", "cabasa", "guiro", "triang", "timbal", "perc", "water"}))
    return "percussion";
  if (says(name, {"clap"})) return "clap";
  if (says(name, {"snare"}) || name.starts_with("sn") || name.starts_with("sd")) return "snare";
  if (says(name, {"kick", "bassdrum", "bdrum"}) || name.starts_with("bd")) return "kick";
  if (says(name, {"tom"}) || name.starts_with("tm")) return "tom";
  if (says(name, {"hat"}) || name.starts_with("hh")) return "hat";
  if (says(name, {"crash", "ride", "cymb", "china", "splash"}) || name.starts_with("rd") || name.starts_with("cr"))
    return "cymbal";
  return {};
}

struct Pcm {
  SF_INFO info{};
  std::vector<float> samples;
};

Pcm decode(const std::string& path) {
  Pcm pcm;
  SNDFILE* file = sf_open(path.c_str(), SFM_READ, &pcm.info);
  if (file == nullptr) return pcm;
  pcm.samples.resize(static_cast<std::size_t>(pcm.info.frames * pcm.info.channels));
  pcm.info.frames = sf_readf_float(file, pcm.samples.data(), pcm.info.frames);
  sf_close(file);
  return pcm;
}

void put(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
}

std::string as_wav(const Pcm& pcm) {
  std::string out = "RIFF";
  const auto data = static_cast<std::uint32_t>(pcm.samples.size() * 2);
  const auto channels = static_cast<std::uint32_t>(pcm.info.channels);
  const auto rate = static_cast<std::uint32_t>(pcm.info.samplerate);
  put(out, data + 36, 4);
  out += "WAVEfmt ";
  put(out, 16, 4);
  put(out, 1, 2);
  put(out, channels, 2);
  put(out, rate, 4);
  put(out, rate * channels * 2, 4);
  put(out, channels * 2, 2);
  put(out, 16, 2);
  out += "data";
  put(out, data, 4);
  for (const float sample : pcm.samples) {
    const auto value = static_cast<std::int32_t>(std::lround(std::clamp(sample, -1.0F, 1.0F) * 32767.0F));
    put(out, static_cast<std::uint32_t>(value), 2);
  }
  return out;
}

// A tail that dies away: the end once more, backwards, for a second.
void ring_out(Pcm& pcm) {
  const auto channels = static_cast<std::size_t>(pcm.info.channels);
  const std::size_t frames = pcm.samples.size() / channels;
  const std::size_t tail = std::min<std::size_t>(frames, static_cast<std::size_t>(pcm.info.samplerate));
  for (std::size_t i = 0; i < tail; ++i) {
    const auto gain = static_cast<float>(0.5 * std::exp(-4.0 * static_cast<double>(i) / static_cast<double>(tail)));
    for (std::size_t c = 0; c < channels; ++c) pcm.samples.push_back(gain * pcm.samples[(frames - 1 - i) * channels + c]);
  }
}

}  // namespace

Result<std::vector<Truth>> read_truth(const std::string& folder) {
  std::ifstream csv(folder + "/truth.csv");
  if (!csv) return fail(Code::not_found, folder + "/truth.csv cannot be read");
  std::string line;
  std::getline(csv, line);
  const std::vector<std::string> columns = cells_of(line);
  std::vector<Truth> out;
  while (std::getline(csv, line)) {
    const std::vector<std::string> cells = cells_of(line);
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < std::min(cells.size(), columns.size()); ++i) row[columns[i]] = cells[i];
    Truth truth;
    truth.path = folder + "/" + row["path"];
    truth.kind = row["kind"];
    truth.content = row["content"];
    truth.note = row["note"];
    truth.bpm = std::atof(row["bpm"].c_str());
    truth.key = row["key"];
    if (!row["onsets"].empty()) truth.onsets_path = folder + "/" + row["onsets"];
    truth.origin = origin_of(truth.path);
    truth.sound_class = class_by_name(truth);
    truth.second_half = hash(truth.origin) % 2 == 1;
    out.push_back(std::move(truth));
  }
  return out;
}

std::optional<std::vector<Truth>> read_truths(const std::vector<std::string>& folders) {
  std::vector<Truth> all;
  for (const std::string& folder : folders) {
    auto truths = read_truth(folder);
    if (!truths) {
      std::fprintf(stderr, "ears: %s\n", truths.error().message.c_str());
      return std::nullopt;
    }
    std::move(truths->begin(), truths->end(), std::back_inserter(all));
  }
  return all;
}

std::vector<double> read_onsets(const std::string& path) {
  std::ifstream in(path);
  std::vector<double> out;
  for (double at_s = 0; in >> at_s;) out.push_back(at_s);
  return out;
}

std::string damaged(const Truth& truth) {
  Pcm pcm = decode(truth.path);
  const std::uint32_t draw = hash(truth.path.substr(truth.path.find_last_of('/')));
  const auto channels = static_cast<std::size_t>(pcm.info.channels);
  const double part = static_cast<double>((draw >> 8U) % 1000U) / 1000;  // 0 to 1
  const auto samples = [&](double seconds) {
    return static_cast<std::size_t>(std::lround(seconds * pcm.info.samplerate)) * channels;
  };
  auto& v = pcm.samples;
  switch (draw % 6U) {
    case 0:  // cut too early
      v.resize(v.size() - std::min(v.size(), samples(0.002 + 0.010 * part)));
      break;
    case 1:  // cut too late: the first hit is there once more
      v.insert(v.end(), v.begin(), v.begin() + static_cast<std::ptrdiff_t>(std::min(v.size(), samples(0.002 + 0.010 * part))));
      break;
    case 2:
      v.resize(v.size() + samples(0.08 + 0.5 * part), 0.0F);
      break;
    case 3:
      v.insert(v.begin(), samples(0.02 + 0.25 * part), 0.0F);
      break;
    case 4:
      ring_out(pcm);
      break;
    default:  // MP3: the encoder's delay, and whole frames
      v.insert(v.begin(), 1105 * channels, 0.0F);
      v.resize((v.size() / channels / 1152 + 1) * 1152 * channels, 0.0F);
  }
  return as_wav(pcm);
}

}  // namespace cd::bench
