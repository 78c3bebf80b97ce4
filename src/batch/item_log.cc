#include "batch/item_log.h"

#include <algorithm>

#include "base/codec.h"

namespace cd {
namespace {

enum class RecordKind : std::uint8_t { head = 1, item = 2, enriched = 3 };
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kTidyBytes = 8u << 20;  // below it history costs less than compacting
constexpr std::uint64_t kResultHeader = 8;      // xxh3-64 of the bytes that follow

std::string encode_head(const BatchHead& head) {
  Encoder out;
  out.u8(static_cast<std::uint8_t>(RecordKind::head));
  out.u8(kVersion);
  out.string(head.id);
  out.string(head.name);
  out.string(head.folder);
  out.u8(static_cast<std::uint8_t>(head.state));
  out.u8(head.paused ? 1 : 0);
  out.i64(head.created_at_ns);
  out.i64(head.started_at_ns);
  out.i64(head.finished_at_ns);
  out.string(head.note);
  out.u8(static_cast<std::uint8_t>(head.priority + 9));
  out.u8(head.told ? 1 : 0);
  return std::move(out).str();
}

BatchHead decode_head(Decoder& in) {
  BatchHead head;
  head.id = in.string();
  head.name = in.string();
  head.folder = in.string();
  head.state = static_cast<BatchState>(std::min<std::uint8_t>(in.u8(), 7));
  head.paused = in.u8() != 0;
  head.created_at_ns = in.i64();
  head.started_at_ns = in.i64();
  head.finished_at_ns = in.i64();
  head.note = in.string();
  if (in.done()) return head;  // from before there were priorities
  head.priority = std::clamp<int>(in.u8(), 0, 18) - 9;
  head.told = in.u8() != 0;
  return head;
}

std::uint8_t flags_of(const Item& item) {
  return static_cast<std::uint8_t>((item.warned ? 1 : 0) | (item.as_it_is ? 2 : 0) | (item.interrupted ? 4 : 0) |
                                   (item.stays ? 8 : 0) | (item.opened ? 16 : 0) | (item.depth << 5));
}

// Steps that a crash undoes are logged as the step to begin again from.
Step step_on_disk(Step step) {
  if (step == Step::analysing || step == Step::twin) return Step::waiting;
  return step;
}

std::string encode_item(std::uint32_t number, const Item& item) {
  Encoder out;
  out.u8(static_cast<std::uint8_t>(RecordKind::item));
  out.varint(number);
  out.string(item.path);
  out.varint(item.stamp.bytes);
  out.i64(item.stamp.mtime_ns);
  out.u64(item.content.high);
  out.u64(item.content.low);
  out.varint(item.result.offset);
  out.varint(item.result.length);
  out.u8(static_cast<std::uint8_t>(step_on_disk(item.step)));
  out.u8(flags_of(item));
  out.string(item.destination);
  out.string(item.reason);
  return std::move(out).str();
}

NumberedItem decode_item(Decoder& in) {
  NumberedItem out;
  Item& item = out.item;
  out.number = static_cast<std::uint32_t>(in.varint());
  item.path = in.string();
  item.stamp.bytes = in.varint();
  item.stamp.mtime_ns = in.i64();
  item.content.high = in.u64();
  item.content.low = in.u64();
  item.result.offset = in.varint();
  item.result.length = static_cast<std::uint32_t>(in.varint());
  item.step = static_cast<Step>(std::min<std::uint8_t>(in.u8(), kSteps - 1));
  const std::uint8_t flags = in.u8();
  item.warned = (flags & 1) != 0;
  item.as_it_is = (flags & 2) != 0;
  item.interrupted = (flags & 4) != 0;
  item.stays = (flags & 8) != 0;
  item.opened = (flags & 16) != 0;
  item.depth = flags >> 5;
  item.destination = in.string();
  item.reason = in.string();
  return out;
}

std::string encode_enriched(const EnrichRecord& record) {
  Encoder out;
  out.u8(static_cast<std::uint8_t>(RecordKind::enriched));
  out.varint(record.item);
  out.u64(record.enricher);
  out.u8(record.ok ? 1 : 0);
  out.varint(record.extent.offset);
  out.varint(record.extent.length);
  return std::move(out).str();
}

EnrichRecord decode_enriched(Decoder& in) {
  EnrichRecord out;
  out.item = static_cast<std::uint32_t>(in.varint());
  out.enricher = in.u64();
  out.ok = in.u8() != 0;
  out.extent.offset = in.varint();
  out.extent.length = static_cast<std::uint32_t>(in.varint());
  return out;
}

Status replay_record(std::string_view record, ItemLog::Contents& contents) {
  Decoder in(record);
  const auto kind = static_cast<RecordKind>(in.u8());
  if (kind == RecordKind::head) {
    if (in.u8() > kVersion) return fail(Code::unsupported, "a batch log was written by a newer version");
    contents.head = decode_head(in);
  } else if (kind == RecordKind::item) {
    NumberedItem numbered = decode_item(in);
    if (numbered.number > contents.items.size()) return fail(Code::corrupt, "a batch log skips an item");
    if (numbered.number == contents.items.size()) contents.items.emplace_back();
    contents.items[numbered.number] = std::move(numbered.item);
  } else if (kind == RecordKind::enriched) {
    const EnrichRecord answer = decode_enriched(in);
    if (in.ok()) contents.enriched.add(answer);
  }
  if (!in.ok()) return fail(Code::corrupt, "a batch log holds a damaged record");
  return {};
}

}  // namespace

Result<std::unique_ptr<ItemLog>> ItemLog::open(Disk& disk, const std::string& directory, const std::string& id,
                                               Contents& contents) {
  const std::string stem = directory + "/" + id;
  CD_TRY(auto log, Log::open(disk, stem + ".log", [&](std::string_view record) {
    return replay_record(record, contents);
  }));
  CD_TRY(auto results, disk.open(stem + ".results", OpenMode::create));
  CD_TRY(const std::uint64_t end, results->size());
  if (end == 0) CD_TRY_VOID(disk.sync_dir(directory));  // new: later syncs are of its bytes
  return std::unique_ptr<ItemLog>(new ItemLog(std::move(log), std::move(results), end));
}

void ItemLog::remove(Disk& disk, const std::string& directory, const std::string& id) {
  for (const char* suffix : {".log", ".results", ".report.json"}) {
    const Status removed = disk.remove(directory + "/" + id + suffix);
    (void)removed;  // what is left is found, and tried again, at the next start
  }
}

Status ItemLog::append_head(const BatchHead& head) {
  const std::string record = encode_head(head);
  return log_->append({&record, 1});
}

Status ItemLog::append_items(std::span<const std::uint32_t> numbers, const std::vector<Item>& items) {
  // A frame is bounded, so that 100,000 items do not stand in memory a second time. New items are numbered in
  // order: a crash between two frames leaves the first of them, and the scan finds the rest again.
  constexpr std::size_t kFrameItems = 1000;
  for (std::size_t from = 0; from < numbers.size(); from += kFrameItems) {
    std::vector<std::string> frame;
    for (const std::uint32_t n : numbers.subspan(from, std::min(kFrameItems, numbers.size() - from))) {
      frame.push_back(encode_item(n, items[n]));
    }
    CD_TRY_VOID(log_->append(frame));
  }
  return {};
}

Status ItemLog::append_item(std::uint32_t number, const Item& item) {
  const std::string record = encode_item(number, item);
  return log_->append({&record, 1});
}

Result<ResultExtent> ItemLog::append_result(const ItemResult& result) { return append_bytes(encode(result)); }

Result<ResultExtent> ItemLog::append_enriched_result(const EnrichResult& result) { return append_bytes(encode(result)); }

Status ItemLog::append_enriched(const EnrichRecord& enriched) {
  const std::string record = encode_enriched(enriched);
  return log_->append({&record, 1});
}

Result<ResultExtent> ItemLog::append_bytes(const std::string& body) {
  Encoder out;
  out.u64(xxh3_64(body));
  out.bytes(body);
  CD_TRY_VOID(results_->write(results_end_, out.str()));
  const ResultExtent extent{results_end_, static_cast<std::uint32_t>(out.size())};
  results_end_ += extent.length;
  return extent;
}

Result<ItemResult> ItemLog::read_result(ResultExtent extent) const {
  CD_TRY(const std::string body, read_bytes(extent));
  return decode_item_result(body);
}

Result<EnrichResult> ItemLog::read_enriched(ResultExtent extent) const {
  CD_TRY(const std::string body, read_bytes(extent));
  return decode_enrich_result(body);
}

Result<std::string> ItemLog::read_bytes(ResultExtent extent) const {
  if (extent.length < kResultHeader) return fail(Code::not_found, "the item has no result yet");
  std::string bytes(extent.length, '\0');
  CD_TRY(const std::size_t got, results_->read(extent.offset, bytes.data(), bytes.size()));
  Decoder in(std::string_view(bytes).substr(0, got));
  const std::uint64_t checksum = in.u64();
  const std::string_view body = std::string_view(bytes).substr(kResultHeader);
  if (got != bytes.size() || xxh3_64(body) != checksum) {
    return fail(Code::corrupt, "the result of an item is damaged");
  }
  return std::string(body);
}

Status ItemLog::tidy(const BatchHead& head, const std::vector<Item>& items, const EnrichBook& enriched) {
  if (log_->bytes() < kTidyBytes || log_->bytes() < 4 * log_->bytes_at_last_rewrite()) return {};
  return log_->rewrite([&](const Log::Record& emit) -> Status {
    CD_TRY_VOID(emit(encode_head(head)));
    for (std::uint32_t n = 0; n < items.size(); ++n) CD_TRY_VOID(emit(encode_item(n, items[n])));
    for (const EnrichRecord& record : enriched.all()) CD_TRY_VOID(emit(encode_enriched(record)));
    return {};
  });
}

Status ItemLog::sync() {
  CD_TRY_VOID(results_->sync());
  return log_->sync();
}

}  // namespace cd
