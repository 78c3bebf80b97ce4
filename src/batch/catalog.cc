#include "batch/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "batch/enricher.h"

namespace cd {
namespace {

// The labels that analysis gives, in the order of the CSV's columns. What was heard where a label in the file or its name says
// otherwise is in the last two: there they disagree.
constexpr std::array<const char*, 22> kLabels{
    "kind", "bpm",   "bpm-confidence", "bpm-source", "key",    "camelot", "key-confidence", "key-source",
    "lufs", "peak",  "duration",       "rate",       "channels", "format", "codec",         "xxh128",
    "class", "class-source", "root",   "root-source", "bpm-heard", "key-heard"};
constexpr std::size_t kPage = 500;

struct Row {
  std::string name;
  MetaRecord record;
};
using VisitFile = std::function<void(const std::string& path, const MetaRecord& record)>;

bool has_labels(const MetaRecord& record) {
  return std::any_of(kLabels.begin(), kLabels.end(),
                     [&](const char* name) { return record.metadata.count(name) > 0; });
}

// Page by page, so that neither memory nor the age of a snapshot grows with the library.
Status visit_files(const MetaStore& meta, InodeId folder, const std::string& path, const VisitFile& visit) {
  std::string after;
  for (;;) {
    std::vector<Row> rows;
    CD_TRY_VOID(meta.list(folder, after, [&](std::string_view name, const MetaRecord& record) {
      rows.push_back({std::string(name), record});
      return rows.size() < kPage;
    }));
    for (const Row& row : rows) {
      if (row.record.local_only) continue;
      const std::string full = path.empty() ? row.name : path + "/" + row.name;
      if (row.record.is_directory()) CD_TRY_VOID(visit_files(meta, row.record.ino, full, visit));
      else if (has_labels(row.record)) visit(full, row.record);
    }
    if (rows.size() < kPage) return {};
    after = rows.back().name;
  }
}

// "-14.3" is a number to a spreadsheet, no formula.
bool is_number(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

}  // namespace

Status write_catalog_json(const MetaStore& meta, const UrlOf& url_of, const TextSink& sink) {
  sink("[");
  bool first = true;
  CD_TRY_VOID(visit_files(meta, kRootInode, "", [&](const std::string& path, const MetaRecord& record) {
    nlohmann::ordered_json row;
    row["path"] = path;
    row["bytes"] = record.attr.size;
    row["type"] = record.content_type;
    for (const char* name : kLabels) {
      const auto label = record.metadata.find(name);
      if (label != record.metadata.end()) row["labels"][name] = label->second;
    }
    for (const auto& [name, value] : record.xattrs) {
      if (name.starts_with(kLabelXattr)) row["labels"][name.substr(std::string_view(kLabelXattr).size())] = value;
    }
    if (std::string url = url_of(record); !url.empty()) row["url"] = std::move(url);
    sink(first ? "\n" : ",\n");
    sink(row.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    first = false;
  }));
  sink("\n]\n");
  return {};
}

std::string csv_cell(std::string_view text) {
  std::string out;
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) out += '\'';
  while (!text.empty()) {  // new lines and tabs are a cell's own; other controls would steer a terminal
    const std::size_t end = std::min(text.find_first_of("\n\t"), text.size());
    out += printable(text.substr(0, end));
    out.append(text.substr(end, 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (out.find_first_of(",\"\r\n") == std::string::npos) return out;
  std::string quoted = "\"";
  for (const char c : out) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

// Extended M3U. Paths are relative to the folder that the list is in, so none begins with '#'. A name with a line end
// cannot be in a list of lines.
Status write_catalog_m3u8(const MetaStore& meta, const UrlOf&, const TextSink& sink) {
  sink("#EXTM3U\n");
  return visit_files(meta, kRootInode, "", [&](const std::string& path, const MetaRecord& record) {
    const auto duration = record.metadata.find("duration");
    if (duration == record.metadata.end() || !is_number(duration->second)) return;
    if (path.find_first_of("\r\n") != std::string::npos) {
      sink("# left out, its name has a line end: " + printable(path) + "\n");
      return;
    }
    const std::string name = path.substr(path.rfind('/') + 1);
    const auto bpm = record.metadata.find("bpm");
    const auto key = record.metadata.find("key");
    std::string title = printable(name);
    if (bpm != record.metadata.end()) title += " " + printable(bpm->second) + " bpm";
    if (key != record.metadata.end()) title += " " + printable(key->second);
    sink("#EXTINF:" + duration->second + "," + title + "\n../" + path + "\n");
  });
}

Status write_catalog_csv(const MetaStore& meta, const UrlOf& url_of, const TextSink& sink) {
  std::string header = "path,bytes,type";
  for (const char* name : kLabels) header.append(",").append(name);
  sink(header + ",url\r\n");
  return visit_files(meta, kRootInode, "", [&](const std::string& path, const MetaRecord& record) {
    std::string line = csv_cell(path) + "," + std::to_string(record.attr.size) + "," + csv_cell(record.content_type);
    for (const char* name : kLabels) {
      const auto label = record.metadata.find(name);
      line += ",";
      if (label != record.metadata.end()) line += is_number(label->second) ? label->second : csv_cell(label->second);
    }
    sink(line + "," + csv_cell(url_of(record)) + "\r\n");
  });
}

}  // namespace cd
