#include "cache/sample_facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/codec.h"

namespace cd {
namespace {

constexpr double kSure = 0.5;  // confidence from which what was heard counts as known
constexpr std::size_t kWordMax = 32;
constexpr double kLufsMost = 1'000;  // further from 0 nothing was measured
constexpr std::array<std::string_view, 12> kMinor{"Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm",
                                                  "Dm",  "Am",  "Em",  "Bm", "F#m", "Dbm"};
constexpr std::array<std::string_view, 12> kMajor{"B", "F#", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E"};

std::string_view label(const MetaRecord& record, const char* name) {
  const auto found = record.metadata.find(name);
  return found == record.metadata.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// A word that can name a folder.
std::string word(std::string_view text) {
  const bool plain = !text.empty() && text.size() <= kWordMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return plain && text != "unknown" && text != "other" ? std::string(text) : std::string();
}

bool is_sure(const MetaRecord& record, const char* source, const char* confidence) {
  const std::string_view from = label(record, source);
  if (!from.empty() && from != "heard") return true;
  return number(label(record, confidence)).value_or(0) >= kSure;
}

// A batch is called by the moment at which it began: "20260131-120000-kicks", in UTC.
std::optional<std::int64_t> moment_of_batch(std::string_view id) {
  if (id.size() < 15 || id[8] != '-') return std::nullopt;
  std::array<int, 6> part{};
  constexpr std::array<std::pair<std::size_t, std::size_t>, 6> kAt{{{0, 4}, {4, 2}, {6, 2}, {9, 2}, {11, 2}, {13, 2}}};
  for (std::size_t i = 0; i < kAt.size(); ++i) {
    const std::string_view digits = id.substr(kAt[i].first, kAt[i].second);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), part[i]);
    if (error != std::errc{} || end != digits.data() + digits.size() || part[i] < 0) return std::nullopt;
  }
  using namespace std::chrono;
  const year_month_day day{year(part[0]), month(static_cast<unsigned>(part[1])), std::chrono::day(static_cast<unsigned>(part[2]))};
  // Years that 64 bits of nanoseconds hold, and times of a day.
  if (!day.ok() || part[0] < 1970 || part[0] > 2200 || part[3] > 23 || part[4] > 59 || part[5] > 60) return std::nullopt;
  const auto at = sys_days(day) + hours(part[3]) + minutes(part[4]) + seconds(part[5]);
  return duration_cast<nanoseconds>(at.time_since_epoch()).count();
}

}  // namespace

int camelot_number(std::string_view text) {
  if (text.size() < 2 || text.size() > 3) return 0;
  const char side = text.back();
  int hour = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, hour);
  if (error != std::errc{} || end != text.data() + text.size() - 1 || hour < 1 || hour > 12) return 0;
  if (side == 'A' || side == 'a') return hour;
  return side == 'B' || side == 'b' ? hour + 12 : 0;
}

std::string camelot_text(int number) {
  if (number < 1 || number > 24) return "";
  return std::to_string((number - 1) % 12 + 1) + (number > 12 ? "B" : "A");
}

std::string key_folder(int number) {
  if (number < 1 || number > 24) return "";
  const std::size_t hour = static_cast<std::size_t>((number - 1) % 12);
  return camelot_text(number) + " " + std::string(number > 12 ? kMajor[hour] : kMinor[hour]);
}

bool has_facts(const MetaRecord& record) {
  if (record.metadata.empty() || record.whiteout || record.local_only || record.attr.type != NodeType::file) return false;
  return !label(record, "duration").empty() || !label(record, "bpm").empty() || !label(record, "camelot").empty() ||
         !word(label(record, "kind")).empty();
}

SampleFacts facts_of(InodeId folder, const MetaRecord& record) {
  SampleFacts f;
  f.folder = folder;
  if (const auto bpm = number(label(record, "bpm")); bpm && *bpm >= 1 && *bpm < 1000) {
    f.bpm = *bpm;
    f.bpm_sure = is_sure(record, "bpm-source", "bpm-confidence");
  }
  f.key = camelot_number(label(record, "camelot"));
  f.key_sure = f.key != 0 && is_sure(record, "key-source", "key-confidence");
  f.kind = word(label(record, "kind"));
  f.sound = word(label(record, "class"));
  if (const auto lufs = number(label(record, "lufs")); lufs && std::abs(*lufs) < kLufsMost) f.lufs = lufs;
  f.duration_s = number(label(record, "duration")).value_or(-1);
  f.arrived_ns = moment_of_batch(label(record, "batch")).value_or(record.attr.ctime_ns);
  return f;
}

std::string encode(const SampleFacts& f) {
  Encoder e;
  e.varint(f.folder.value());
  e.varint(static_cast<std::uint64_t>(std::llround(f.bpm * 100)));
  e.u8(static_cast<std::uint8_t>(f.key));
  e.u8(static_cast<std::uint8_t>((f.bpm_sure ? 1 : 0) | (f.key_sure ? 2 : 0) | (f.lufs ? 4 : 0)));
  e.i64(std::llround(f.lufs.value_or(0) * 100));
  e.i64(f.duration_s < 0 ? -1 : std::llround(std::min(f.duration_s, 1e9) * 1000));
  e.string(f.kind);
  e.string(f.sound);
  e.i64(f.arrived_ns);
  return std::move(e).str();
}

Result<SampleFacts> decode_facts(std::string_view bytes) {
  Decoder in(bytes);
  SampleFacts f;
  f.folder = InodeId(in.varint());
  f.bpm = static_cast<double>(in.varint()) / 100;
  f.key = in.u8();
  const std::uint8_t flags = in.u8();
  f.bpm_sure = (flags & 1) != 0;
  f.key_sure = (flags & 2) != 0;
  const double lufs = static_cast<double>(in.i64()) / 100;
  if ((flags & 4) != 0) f.lufs = lufs;
  const std::int64_t ms = in.i64();
  f.duration_s = ms < 0 ? -1 : static_cast<double>(ms) / 1000;
  f.kind = in.string();
  f.sound = in.string();
  f.arrived_ns = in.i64();
  if (!in.done()) return fail(Code::corrupt, "the cache is damaged (the facts of a sample cannot be read)");
  return f;
}

}  // namespace cd
