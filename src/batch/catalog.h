// Catalog: every file of the library that has labels, as JSON, CSV or a playlist. Read from MetaStore, which has the labels
// of what this drive filed and of every object whose metadata was seen. Bounded memory: rendered in a stream.
// Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cache/meta_store.h"

namespace cd {

using TextSink = std::function<void(std::string_view text)>;
using UrlOf = std::function<std::string(const MetaRecord& record)>;  // where the file can be fetched; "" = nowhere yet

[[nodiscard]] Status write_catalog_json(const MetaStore& meta, const UrlOf& url_of, const TextSink& sink);
[[nodiscard]] Status write_catalog_csv(const MetaStore& meta, const UrlOf& url_of, const TextSink& sink);
// For players: what has a duration, with paths relative to the folder of virtual files.
[[nodiscard]] Status write_catalog_m3u8(const MetaStore& meta, const UrlOf& url_of, const TextSink& sink);

// A CSV cell (RFC 4180) that no spreadsheet takes for a formula: a leading = + - @, tab or CR gets a ' before it,
// and that steers no terminal: controls but tab and new line are shown as \xNN.
[[nodiscard]] std::string csv_cell(std::string_view text);

}  // namespace cd
