#include "batch/enrich_book.h"

#include <algorithm>

#include "base/codec.h"

namespace cd {

std::string encode(const EnrichResult& result) {
  Encoder out;
  out.u8(1);
  out.string(result.enricher);
  out.varint(result.labels.size());
  for (const auto& [name, value] : result.labels) {
    out.string(name);
    out.string(value);
  }
  out.string(result.error);
  return std::move(out).str();
}

Result<EnrichResult> decode_enrich_result(std::string_view bytes) {
  Decoder in(bytes);
  EnrichResult out;
  if (in.u8() != 1) return fail(Code::corrupt, "the answer of an enricher has an unknown version");
  out.enricher = in.string();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    std::string name(in.string());
    out.labels[std::move(name)] = in.string();
  }
  out.error = in.string();
  if (!in.done()) return fail(Code::corrupt, "the answer of an enricher is damaged");
  return out;
}

void EnrichBook::add(const EnrichRecord& record) {
  const auto [from, to] = by_item_.equal_range(record.item);
  for (auto at = from; at != to; ++at) {
    EnrichRecord& old = records_[at->second];
    if (old.enricher != record.enricher) continue;
    failed_ = failed_ - (old.ok ? 0 : 1) + (record.ok ? 0 : 1);
    old = record;
    return;
  }
  by_item_.emplace(record.item, records_.size());
  records_.push_back(record);
  ++total_;
  if (!record.ok) ++failed_;
}

bool EnrichBook::has(std::uint32_t item, std::uint64_t enricher) const {
  const auto [from, to] = by_item_.equal_range(item);
  return std::any_of(from, to, [&](const auto& at) { return records_[at.second].enricher == enricher; });
}

std::vector<EnrichRecord> EnrichBook::of(std::uint32_t item) const {
  std::vector<EnrichRecord> out;
  const auto [from, to] = by_item_.equal_range(item);
  for (auto at = from; at != to; ++at) out.push_back(records_[at->second]);
  return out;
}

std::uint64_t EnrichBook::forget_failed(std::optional<std::uint32_t> item) {
  std::vector<EnrichRecord> kept;
  for (const EnrichRecord& record : records_) {
    if (record.ok || (item && record.item != *item)) kept.push_back(record);
  }
  const std::uint64_t forgotten = records_.size() - kept.size();
  records_.clear();
  by_item_.clear();
  failed_ = total_ = 0;
  for (const EnrichRecord& record : kept) add(record);
  return forgotten;
}

void EnrichBook::clear_records() {
  std::vector<EnrichRecord>().swap(records_);
  by_item_.clear();
}

}  // namespace cd
