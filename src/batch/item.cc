#include "batch/item.h"

#include <array>

#include "base/check.h"
#include "base/codec.h"

namespace cd {
namespace {

constexpr std::uint32_t bit(Step step) { return 1u << static_cast<unsigned>(step); }

// Rows: from; bits: where it may go. Everything unfinished may be cancelled, fail, or be removed by the user
// (skipped); an archive is done when it is unpacked; what is final moves only by a retry, or because its file in the inbox was written anew.
constexpr std::uint32_t kAway = bit(Step::skipped) | bit(Step::failed) | bit(Step::cancelled);
constexpr std::array<std::uint32_t, kSteps> kMoves{
    /* waiting   */ bit(Step::analysing) | bit(Step::done) | bit(Step::held) | kAway,
    /* analysing */ bit(Step::waiting) | bit(Step::twin) | bit(Step::ready) | bit(Step::held) | bit(Step::done) | kAway,
    /* twin      */ bit(Step::waiting) | bit(Step::held) | kAway,
    /* ready     */ bit(Step::waiting) | bit(Step::held) | bit(Step::filing) | bit(Step::twin) | kAway,
    /* filing    */ bit(Step::ready) | bit(Step::waiting) | bit(Step::done) | kAway,
    /* done      */ 0,
    /* skipped   */ bit(Step::waiting),
    /* failed    */ bit(Step::waiting) | bit(Step::cancelled),
    /* held      */ bit(Step::waiting) | bit(Step::cancelled),
    /* cancelled */ bit(Step::waiting),
};

constexpr std::uint8_t kResultVersion = 1;

}  // namespace

bool may_move(Step from, Step to) { return (kMoves[static_cast<std::size_t>(from)] & bit(to)) != 0; }

bool is_final(Step step) {
  return step == Step::done || step == Step::skipped || step == Step::failed || step == Step::held ||
         step == Step::cancelled;
}

ItemState state_of(Step step) {
  switch (step) {
    case Step::waiting: return ItemState::waiting;
    case Step::analysing: return ItemState::analysing;
    case Step::twin:
    case Step::ready: return ItemState::waiting;
    case Step::filing: return ItemState::uploading;
    case Step::done: return ItemState::done;
    case Step::skipped: return ItemState::skipped;
    case Step::failed: return ItemState::failed;
    case Step::held: return ItemState::held;
    case Step::cancelled: return ItemState::cancelled;
  }
  CD_CHECK(false);
}

std::string encode(const ItemResult& result) {
  Encoder out;
  out.u8(kResultVersion);
  out.u64(result.content.high);
  out.u64(result.content.low);
  out.string(result.etag_single);
  out.string(result.etag_multipart);
  out.varint(result.bytes);
  out.string(result.type);
  out.u8(result.is_audio ? 1 : 0);
  out.string(result.bpm);
  out.string(result.key);
  out.string(result.kind);
  out.varint(result.labels.size());
  for (const auto& [name, value] : result.labels) {
    out.string(name);
    out.string(value);
  }
  out.varint(result.warnings.size());
  for (const std::string& warning : result.warnings) out.string(warning);
  out.string(result.report_json);
  return std::move(out).str();
}

Result<ItemResult> decode_item_result(std::string_view bytes) {
  Decoder in(bytes);
  ItemResult out;
  if (in.u8() != kResultVersion) return fail(Code::corrupt, "the result of an item has an unknown version");
  out.content.high = in.u64();
  out.content.low = in.u64();
  out.etag_single = in.string();
  out.etag_multipart = in.string();
  out.bytes = in.varint();
  out.type = in.string();
  out.is_audio = in.u8() != 0;
  out.bpm = in.string();
  out.key = in.string();
  out.kind = in.string();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    std::string name(in.string());
    out.labels[std::move(name)] = in.string();
  }
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) out.warnings.emplace_back(in.string());
  out.report_json = in.string();
  if (!in.done()) return fail(Code::corrupt, "the result of an item is damaged");
  return out;
}

}  // namespace cd
