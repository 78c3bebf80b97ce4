#include "cache/label_index.h"

#include <fmt/format.h>

#include "cache/lmdb.h"
#include "cache/meta_tables.h"

namespace cd {
namespace {

constexpr char kTwins = 'd';
constexpr std::size_t kContentBytes = 16;

std::string prefix_of(Facet facet, std::string_view value) {
  std::string prefix(1, static_cast<char>(facet));
  prefix.append(value).push_back('\0');
  return prefix;
}

std::string key_of(Facet facet, std::string_view value, std::string_view name, InodeId ino) {
  std::string key = prefix_of(facet, value);
  key.append(name).push_back('\0');
  return key + inode_key(ino);
}

// False: damaged.
bool split(std::string_view key, LabelRow& row) {
  row.key = key;
  const auto value_end = key.find('\0', 1);
  if (value_end == std::string_view::npos || key.size() < value_end + 1 + 1 + 8) return false;
  row.value = key.substr(1, value_end - 1);
  row.name = key.substr(value_end + 1, key.size() - 9 - value_end - 1);
  row.ino = InodeId(from_big_endian(key.substr(key.size() - 8)));
  return true;
}

// The decade that a tempo lies in: "090".
std::string decade_of(double bpm) { return fmt::format("{:03}", static_cast<int>(bpm) / 10 * 10); }

}  // namespace

LabelEntries label_entries(InodeId folder, std::string_view name, const MetaRecord& record) {
  LabelEntries out;
  if (!has_facts(record)) return out;
  const SampleFacts f = facts_of(folder, record);
  const auto add = [&](Facet facet, std::string_view value) {
    out.emplace_back(key_of(facet, value, name, record.ino), std::string());
  };
  add(Facet::name, "");
  out.back().second = encode(f);
  if (f.bpm > 0) f.bpm_sure ? add(Facet::bpm, decade_of(f.bpm)) : add(Facet::bpm_unsure, "");
  if (f.key != 0) {
    if (f.key_sure) add(Facet::key, fmt::format("{:0>3}", camelot_text(f.key)));
    else add(Facet::key_unsure, "");
  }
  if (!f.kind.empty()) add(Facet::kind, f.kind);
  if (!f.sound.empty() && f.sound != f.kind) add(Facet::kind, f.sound);
  add(Facet::recent, fmt::format("{:016x}", ~static_cast<std::uint64_t>(f.arrived_ns)));
  return out;
}

std::string twins_key(std::string_view content) {
  return std::string(1, kTwins) + std::string(content.substr(0, kContentBytes));
}

Status LabelIndex::scan_prefix(const std::string& prefix, std::string_view after, const Visit& visit) const {
  Lmdb& lmdb = meta_.lmdb();
  CD_TRY(const Lmdb::Snapshot txn, lmdb.read());
  const std::string from = after.empty() ? prefix : std::string(after) + '\0';
  Status bad;
  CD_TRY_VOID(txn.scan(lmdb.table("labels"), from, [&](std::string_view key, std::string_view value) {
    if (!key.starts_with(prefix)) return false;
    LabelRow row;
    if (!split(key, row)) {
      bad = fail(Code::corrupt, "the cache is damaged (a label cannot be read)");
      return false;
    }
    row.facts = value;
    return visit(row);
  }));
  return bad;
}

Status LabelIndex::scan(Facet facet, std::string_view value, std::string_view after, const Visit& visit) const {
  return scan_prefix(prefix_of(facet, value), after, visit);
}

Status LabelIndex::named(Facet facet, std::string_view value, std::string_view name, const Visit& visit) const {
  std::string prefix = prefix_of(facet, value);
  prefix.append(name).push_back('\0');
  return scan_prefix(prefix, "", visit);
}

Status LabelIndex::scan_all(Facet facet, std::string_view after, const Visit& visit) const {
  return scan_prefix(std::string(1, static_cast<char>(facet)), after, visit);
}

Result<bool> LabelIndex::holds(Facet facet, std::string_view value, std::string_view name, InodeId ino) const {
  CD_TRY(const Lmdb::Snapshot txn, meta_.lmdb().read());
  CD_TRY(const auto found, txn.get(meta_.lmdb().table("labels"), key_of(facet, value, name, ino)));
  return found.has_value();
}

Result<std::optional<std::string>> LabelIndex::next_value(Facet facet, std::string_view after) const {
  const std::string prefix(1, static_cast<char>(facet));
  std::optional<std::string> next;
  // 1 is behind the 0 that ends a value: all files of `after` are skipped at once.
  const std::string behind = after.empty() ? std::string() : prefix + std::string(after) + '\1';
  CD_TRY_VOID(scan_prefix(prefix, behind, [&](const LabelRow& row) {
    next = row.value;
    return false;
  }));
  return next;
}

Status LabelIndex::twins(std::string_view after, const std::function<bool(std::string_view)>& visit) const {
  Lmdb& lmdb = meta_.lmdb();
  CD_TRY(const Lmdb::Snapshot txn, lmdb.read());
  const std::string from = after.empty() ? std::string(1, kTwins) : twins_key(after) + '\0';
  return txn.scan(lmdb.table("labels"), from, [&](std::string_view key, std::string_view) {
    return key.size() == kContentBytes + 1 && key.front() == kTwins && visit(key.substr(1));
  });
}

Result<std::vector<InodeId>> LabelIndex::files_of(std::string_view content) const {
  Lmdb& lmdb = meta_.lmdb();
  CD_TRY(const Lmdb::Snapshot txn, lmdb.read());
  std::vector<InodeId> files;
  CD_TRY_VOID(txn.scan(lmdb.table("content"), content, [&](std::string_view key, std::string_view) {
    if (!key.starts_with(content) || key.size() != kContentBytes + 8) return false;
    files.push_back(InodeId(from_big_endian(key.substr(kContentBytes))));
    return true;
  }));
  return files;
}

}  // namespace cd
