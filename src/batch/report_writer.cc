#include "batch/report_writer.h"

#include <nlohmann/json.hpp>

namespace cd {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

void put(Json& json, const char* name, const std::string& value) {
  if (!value.empty()) json[name] = value;
}

// What was found out about a content; `result` may be none.
void put_content(Json& out, const Hash128& content, const std::vector<std::string>& etags, const ItemResult* result) {
  if (!content.empty()) out["xxh128"] = content.hex();
  if (!etags.empty()) out["etags"] = etags;
  if (result != nullptr && !result->labels.empty()) out["labels"] = result->labels;
  if (result != nullptr && !result->warnings.empty()) out["warnings"] = result->warnings;
}

Json item_json(const Item& item, const std::vector<EnrichRecord>& answers, const ItemLog& log) {
  Json out;
  out["path"] = item.path;
  out["state"] = name_of(state_of(item.step));
  out["bytes"] = item.stamp.bytes;
  const auto result = log.read_result(item.result);
  if (result) put(out, "type", result->type);
  put(out, item.step == Step::skipped ? "twin" : "destination", item.destination);
  std::vector<std::string> etags;
  if (result && !result->etag_single.empty()) etags = {result->etag_single, result->etag_multipart};
  put_content(out, item.content, etags, result ? &*result : nullptr);
  const bool bad = item.step == Step::failed || item.step == Step::held;
  put(out, bad ? "error" : "note", item.reason);
  for (const EnrichRecord& record : answers) {
    const auto answer = log.read_enriched(record.extent);
    if (!answer) continue;
    for (const auto& [name, value] : answer->labels) out["enriched"][name] = value;
    if (!answer->error.empty()) out["enrich_errors"][answer->enricher] = answer->error;
  }
  return out;
}

// All but the items, which follow before the closing brace.
std::string head_text(const BatchProgress& progress) {
  Json head;
  head["version"] = 1;
  head["id"] = progress.id;
  head["name"] = progress.name;
  head["state"] = name_of(progress.state);
  head["created_at"] = format_utc(progress.created_at_ns);
  head["started_at"] = format_utc(progress.started_at_ns);
  head["finished_at"] = format_utc(progress.finished_at_ns);
  head["files_total"] = progress.files_total;
  head["files_done"] = progress.files_done;
  head["files_failed"] = progress.files_failed;
  head["files_skipped"] = progress.files_skipped;
  head["files_warned"] = progress.files_warned;
  head["bytes_total"] = progress.bytes_total;
  head["bytes_done"] = progress.bytes_done;
  std::string text = text_of(head);
  text.pop_back();
  return text + ",\"items\":[";
}

constexpr const char* kEnd = "\n]}\n";

}  // namespace

ReportWriter::ReportWriter(const Batch& batch, const ItemLog& log, std::int64_t finished_at_ns)
    : batch_(batch), log_(log), finished_at_ns_(finished_at_ns) {
  BatchProgress progress = batch.progress(0);
  BatchFacts facts = batch.facts(true);
  facts.report_stored = true;
  progress.state = next_state(facts);
  progress.finished_at_ns = finished_at_ns;
  text_ = head_text(progress);
}

bool ReportWriter::write_some(std::size_t items) {
  for (; items > 0 && next_ < batch_.items().size(); --items, ++next_) {
    text_ += next_ == 0 ? "\n" : ",\n";
    text_ += text_of(item_json(batch_.item(next_), batch_.enriched.of(next_), log_));
  }
  if (next_ < batch_.items().size()) return false;
  text_ += kEnd;
  return true;
}

std::string library_report(const BatchProgress& head, const std::vector<LibraryFile>& files) {
  std::string text = head_text(head);
  for (const LibraryFile& file : files) {
    Json item;
    item["path"] = file.path;
    item["state"] = name_of(ItemState::done);
    item["bytes"] = file.result.bytes;
    put(item, "type", file.result.type);
    item["destination"] = file.path;
    put_content(item, file.result.content, {file.etag}, &file.result);
    text += &file == &files.front() ? "\n" : ",\n";
    text += text_of(item);
  }
  return text + kEnd;
}

ItemRow row_of(const Item& item, const std::vector<EnrichRecord>& answers, const ItemLog& log) {
  ItemRow row;
  row.path = item.path;
  row.state = state_of(item.step);
  row.bytes = item.stamp.bytes;
  if (item.step == Step::skipped) row.twin = item.destination;
  else row.destination = item.destination;
  if (!item.content.empty()) row.xxh128 = item.content.hex();
  const bool bad = item.step == Step::failed || item.step == Step::held;
  (bad ? row.error : row.warning) = item.reason;
  for (const EnrichRecord& record : answers) {
    const auto answer = record.ok ? Result<EnrichResult>(EnrichResult{}) : log.read_enriched(record.extent);
    if (!answer || answer->error.empty()) continue;
    row.enrich_error += (row.enrich_error.empty() ? "" : "; ") + answer->enricher + ": " + answer->error;
  }
  const auto result = log.read_result(item.result);
  if (!result) return row;
  row.type = result->type;
  row.labels_json = result->report_json;
  for (const std::string& warning : result->warnings) row.warning += (row.warning.empty() ? "" : "; ") + warning;
  return row;
}

}  // namespace cd
