#include "app/batch_tables.h"

#include <fmt/format.h>

#include <map>

#include "analyze/report.h"
#include "base/text.h"
#include "batch/catalog.h"

namespace cd {

namespace {

constexpr std::string_view kLabels[] = {"bpm", "key", "camelot", "lufs", "kind", "duration"};

std::map<std::string, std::string> labels_in(const std::string& report_json) {
  if (report_json.empty()) return {};
  const auto report = report_from_json(report_json);
  return report ? labels_of(*report) : std::map<std::string, std::string>{};
}

// Our own numbers ("-23.3") are no formula, and have to stay numbers.
std::string number_cell(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of("-.0123456789") == std::string::npos;
  return plain ? text : csv_cell(text);
}

void append_row(std::string& out, const ItemRow& row) {
  out += fmt::format("{},{},{}", csv_cell(row.path), name_of(row.state), row.bytes);
  for (const std::string* cell : {&row.type, &row.destination, &row.twin, &row.xxh128, &row.warning, &row.error}) {
    out += ',' + csv_cell(*cell);
  }
  auto labels = labels_in(row.labels_json);
  for (std::string_view name : kLabels) out += ',' + number_cell(labels[std::string(name)]);
  out += "\r\n";
}

}  // namespace

Result<std::string> items_csv(const Conductor& conductor, std::string_view id) {
  std::string out = "path,state,bytes,type,destination,twin,xxh128,warning,error,bpm,key,camelot,lufs,kind,duration\r\n";
  CD_TRY_VOID(conductor.items(id, [&out](const ItemRow& row) { append_row(out, row); }));
  return out;
}

Result<std::string> errors_text(const Conductor& conductor, std::string_view id) {
  std::string out;
  CD_TRY_VOID(conductor.items(id, [&out](const ItemRow& row) {
    if (!row.enrich_error.empty()) out += fmt::format("{}: {}\n", printable(row.path), printable(row.enrich_error));
    if (row.state != ItemState::failed && row.state != ItemState::held) return;
    const std::string& reason = row.error.empty() ? row.warning : row.error;
    out += fmt::format("{}: {}\n", printable(row.path), printable(reason));
  }));
  return out;
}

}  // namespace cd
