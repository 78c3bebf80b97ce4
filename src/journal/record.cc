#include "journal/record.h"

#include "base/codec.h"

namespace cd {
namespace {

// On disk; never renumbered.
enum class Kind : std::uint8_t {
  intent = 1, clear = 2, range = 3, limit = 4, drop = 5, upload = 6, part = 7, upload_gone = 8,
  synced = 9,
};

struct Writer {
  Encoder& out;

  void kind(Kind k) { out.u8(static_cast<std::uint8_t>(k)); }

  void operator()(const IntentRecord& r) { kind(Kind::intent), out.string(r.slot), out.string(encode(r.intent)); }
  void operator()(const ClearRecord& r) { kind(Kind::clear), out.string(r.slot); }
  void operator()(const RangeRecord& r) {
    kind(Kind::range);
    out.varint(r.id.value());
    out.varint(r.range.offset);
    out.varint(r.range.length);
  }
  void operator()(const LimitRecord& r) { kind(Kind::limit), out.varint(r.id.value()), out.varint(r.limit); }
  void operator()(const DropRecord& r) { kind(Kind::drop), out.varint(r.id.value()); }
  void operator()(const UploadRecord& r) {
    kind(Kind::upload);
    out.string(r.slot);
    out.string(r.upload.key);
    out.string(r.upload.id);
    out.varint(r.staged.value());
    out.varint(r.part_bytes);
  }
  void operator()(const PartRecord& r) {
    kind(Kind::part);
    out.string(r.upload_id);
    out.varint(static_cast<std::uint64_t>(r.part.number));
    out.string(r.part.etag);
    out.varint(r.part.size);
  }
  void operator()(const UploadGoneRecord& r) { kind(Kind::upload_gone), out.string(r.upload_id); }
  void operator()(const SyncedRecord& r) { kind(Kind::synced), out.varint(r.id.value()), out.varint(r.size); }
};

std::string text(Decoder& in) { return std::string(in.string()); }
StagedId staged_id(Decoder& in) { return StagedId(in.varint()); }

Result<Record> read(Kind kind, Decoder& in) {
  switch (kind) {
    case Kind::intent: {
      IntentRecord r{text(in), {}};
      CD_TRY(r.intent, decode_intent(in.string()));
      return r;
    }
    case Kind::clear: return ClearRecord{text(in)};
    case Kind::range: {
      RangeRecord r{staged_id(in), {}};
      r.range.offset = in.varint();
      r.range.length = in.varint();
      return r;
    }
    case Kind::limit: {
      LimitRecord r{staged_id(in)};
      r.limit = in.varint();
      return r;
    }
    case Kind::drop: return DropRecord{staged_id(in)};
    case Kind::upload: {
      UploadRecord r;
      r.slot = text(in);
      r.upload.key = text(in);
      r.upload.id = text(in);
      r.staged = staged_id(in);
      r.part_bytes = in.varint();
      return r;
    }
    case Kind::part: {
      PartRecord r;
      r.upload_id = text(in);
      r.part.number = static_cast<int>(in.varint());
      r.part.etag = text(in);
      r.part.size = in.varint();
      return r;
    }
    case Kind::upload_gone: return UploadGoneRecord{text(in)};
    case Kind::synced: {
      SyncedRecord r{staged_id(in)};
      r.size = in.varint();
      return r;
    }
  }
  return fail(Code::unsupported, "the log holds a kind of record that only a newer program knows");
}

}  // namespace

std::string encode(const Record& record) {
  Encoder out;
  std::visit(Writer{out}, record);
  return std::move(out).str();
}

Result<Record> decode_record(std::string_view bytes) {
  Decoder in(bytes);
  const Kind kind{in.u8()};
  CD_TRY(Record record, read(kind, in));
  if (!in.done()) return fail(Code::corrupt, "a record of the log cannot be read");
  return record;
}

}  // namespace cd
