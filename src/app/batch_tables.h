// The tables of one batch: items.csv (a line for each file) and errors (the failed and held ones, with reasons).
#pragma once

#include <string>
#include <string_view>

#include "batch/conductor.h"

namespace cd {

// RFC 4180, UTF-8; cells that a spreadsheet would take for a formula are defused (csv_cell).
// Columns: path, state, bytes, type, destination, twin, xxh128, warning, error, bpm, key, camelot, lufs, kind, duration
[[nodiscard]] Result<std::string> items_csv(const Conductor& conductor, std::string_view id);
// "path: reason" a line, printable; empty if nothing failed.
[[nodiscard]] Result<std::string> errors_text(const Conductor& conductor, std::string_view id);

}  // namespace cd
