// Large files, in parts. Every part that is there is in the log, so a restart sends only what is missing; a change of
// the file makes the whole upload stale (intent_table.h), and a stale one is aborted in the bucket.
#include <algorithm>

#include "base/crash_point.h"
#include "journal/body_reader.h"
#include "journal/conflict_name.h"
#include "journal/uploader.h"

namespace cd {
namespace {

constexpr std::uint64_t kPartsMax = 9'000;  // S3 allows 10,000
constexpr int kPartsInFlight = 8;           // of one file; others want to go on too

std::uint64_t part_bytes_for(std::uint64_t size, std::uint64_t wanted) {
  constexpr std::uint64_t kStep = 1u << 20;
  const std::uint64_t least = (size / kPartsMax + kStep) / kStep * kStep;
  return size / wanted < kPartsMax ? wanted : std::max(wanted, least);
}

}  // namespace

void Uploader::multipart(const FlightPtr& flight) {
  Multipart& parts = flight->multipart;
  const std::uint64_t size = body_bytes(flight->intent);
  bool resumed = false;
  {
    Ledger::Turn turn(ledger_);
    parts.part_bytes = part_bytes_for(size, std::max(options_.part_bytes, store_.traits().part_bytes_min));
    parts.parts_all = static_cast<int>((size + parts.part_bytes - 1) / parts.part_bytes);
    const IntentTable::Upload* begun = ledger_.table.usable_upload(flight->slot);
    if (begun != nullptr && begun->begun.staged == flight->intent.staged &&
        begun->begun.part_bytes == parts.part_bytes && begun->begun.upload.key == flight->key) {
      resumed = true;
      parts.upload = begun->begun.upload;
      parts.parts = begun->parts;
      for (const auto& [number, part] : parts.parts) flight->bytes_done += part.size;
    }
  }
  if (resumed) return multipart_more(flight);
  PutRequest request;
  request.key = flight->key;
  request.content_type = flight->intent.content_type.empty() ? content_type_of(flight->slot) : flight->intent.content_type;
  request.metadata = metadata_to_send(flight->intent);
  store_.multipart_begin(std::move(request), call_options(flight, 0), answer_to<UploadId>([this, flight](const auto& r) {
    multipart_begun(flight, r);
  }));
}

void Uploader::multipart_begun(const FlightPtr& flight, Result<UploadId> begun) {
  if (!begun) return failed(flight, begun.error());
  flight->multipart.upload = *begun;
  UploadRecord record{flight->slot, *begun, flight->intent.staged, flight->multipart.part_bytes};
  Status logged;
  {
    Ledger::Turn turn(ledger_);
    const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
    // Changed meanwhile: it is stale from the start.
    if (entry == nullptr || entry->generation != flight->generation) record.slot.clear();
    Change change;
    change.records.push_back(record);
    logged = ledger_.commit(change);
  }
  if (!logged) {
    store_.multipart_abort(*begun, {}, answer_to<void>([](const auto&) {}));
    return failed(flight, logged.error());
  }
  crash_point("uploader.after_begin");
  multipart_more(flight);
}

void Uploader::multipart_more(const FlightPtr& flight) {
  Multipart& parts = flight->multipart;
  const std::uint64_t size = body_bytes(flight->intent);
  while (!parts.error && parts.in_flight < kPartsInFlight) {
    while (parts.parts.contains(parts.next_part)) ++parts.next_part;
    if (parts.again.empty() && parts.next_part > parts.parts_all) break;
    if (parts.in_flight > 0 && memory_used_ + parts.part_bytes > options_.memory_bytes) break;
    const int number = parts.again.empty() ? parts.next_part++ : parts.again.extract(parts.again.begin()).value();
    const std::uint64_t offset = static_cast<std::uint64_t>(number - 1) * parts.part_bytes;
    const std::uint64_t n = std::min(parts.part_bytes, size - offset);
    ++parts.in_flight;
    if (may_copy_part(*flight, offset, n)) {
      copy_part(flight, number, offset, n);
      continue;
    }
    memory_used_ += n;
    flight->memory += n;
    read_body(blocks_, flight->file, offset, n, read_options(flight), answer_to<SharedBytes>([this, flight, number](const auto& body) {
      multipart_part(flight, number, body);
    }));
  }
  if (parts.in_flight > 0 || parts.finishing) return;
  if (parts.error) return body_missing(flight, *parts.error);
  multipart_finish(flight);
}

// Nothing of the part is ours, and what shows through is what the upload will replace. The condition of the finish says
// that it still was there then, so no part can be of another version.
bool Uploader::may_copy_part(const Flight& flight, std::uint64_t offset, std::uint64_t length) const {
  const auto base = flight.file->base();
  const auto& expected = flight.intent.expected;
  if (flight.multipart.fetch_all || !base || !expected || !store_.traits().copy_part) return false;
  const bool replaces_it = base->version.key == flight.key && expected->key == flight.key &&
                           !base->version.etag.empty() && expected->etag == base->version.etag;
  if (!replaces_it || base->version.size < offset + length) return false;
  const auto pieces = flight.file->pieces(offset, length);
  return pieces.size() == 1 && pieces.front().source == StagedFile::Source::base && pieces.front().length == length;
}

void Uploader::copy_part(const FlightPtr& flight, int number, std::uint64_t offset, std::uint64_t length) {
  flight->multipart.copying.insert(number);
  PartRequest request;
  request.upload = flight->multipart.upload;
  request.number = number;
  request.source_key = flight->key;
  if (store_.traits().copy_source_if_match) request.source_etag = flight->intent.expected->etag;
  request.source_offset = offset;
  request.source_length = length;
  store_.multipart_part(std::move(request), call_options(flight, length), answer_to<Part>([this, flight, number, length](const auto& part) {
    Multipart& parts = flight->multipart;
    if (part || is_transient(part.error().code) || part.error().code == Code::cancelled)
      return multipart_part_done(flight, number, length, part);
    // Whatever it does not like about it, bytes that come from here cannot be wrong.
    parts.fetch_all = true;
    parts.copying.erase(number);
    parts.again.insert(number);
    --parts.in_flight;
    multipart_more(flight);
  }));
}

void Uploader::multipart_part(const FlightPtr& flight, int number, Result<SharedBytes> body) {
  if (!body) return multipart_part_done(flight, number, 0, fail(body.error()));
  PartRequest request;
  request.upload = flight->multipart.upload;
  request.number = number;
  request.body = *body;
  const std::uint64_t n = (*body)->size();
  store_.multipart_part(std::move(request), call_options(flight, n), answer_to<Part>([this, flight, number, n](const auto& part) {
    if (!part && part.error().code == Code::not_found) {
      flight->multipart.gone = true;
      multipart_spoiled(flight);
    }
    multipart_part_done(flight, number, n, part);
  }));
}

// The next try begins anew: the file changed, or the store has forgotten the upload (a lifecycle rule, somebody's
// clean-up), and what was sent with it.
void Uploader::multipart_spoiled(const FlightPtr& flight) {
  Ledger::Turn turn(ledger_);
  ledger_.table.spoil_upload(flight->multipart.upload.id);
}

void Uploader::multipart_part_done(const FlightPtr& flight, int number, std::uint64_t bytes, Result<Part> part) {
  Multipart& parts = flight->multipart;
  const std::uint64_t offset = static_cast<std::uint64_t>(number - 1) * parts.part_bytes;
  const bool copied = parts.copying.erase(number) > 0;
  const std::uint64_t held = copied ? 0 : std::min(parts.part_bytes, body_bytes(flight->intent) - offset);
  --parts.in_flight;
  memory_used_ -= held;
  flight->memory -= held;
  if (!part) {
    if (!parts.error) parts.error = part.error();
    if (parts.gone) parts.error = Error{Code::io, "the store does not know this multipart upload any more; it begins anew"};
    return multipart_more(flight);
  }
  crash_point("uploader.after_part");
  part->number = number;
  part->size = bytes;
  {
    Ledger::Turn turn(ledger_);
    Change change;
    change.records.push_back(PartRecord{parts.upload.id, *part});
    if (Status logged = ledger_.commit(change); !logged && !parts.error) parts.error = logged.error();
  }
  parts.parts[number] = *part;
  flight->bytes_done += bytes;
  multipart_more(flight);
}

void Uploader::multipart_finish(const FlightPtr& flight) {
  Multipart& parts = flight->multipart;
  parts.finishing = true;
  if (flight->file->generation() != flight->bytes_generation) {
    multipart_spoiled(flight);
    return failed(flight, {Code::busy, "the file changed while it was sent"});
  }
  FinishRequest request;
  request.upload = parts.upload;
  for (const auto& [number, part] : parts.parts) request.parts.push_back(part);
  const auto& expected = flight->intent.expected;
  request.condition = expected ? (expected->etag.empty() ? Condition::none() : Condition::if_match(expected->etag))
                               : Condition::if_absent();
  crash_point("uploader.before_finish");
  store_.multipart_finish(std::move(request), call_options(flight, body_bytes(flight->intent)),
                          answer_to<PutReply>([this, flight](const auto& r) {
                            if (!r && r.error().code == Code::not_found) multipart_spoiled(flight);
                            answered(flight, r);
                          }));
}

void Uploader::abort_stale() {
  std::vector<UploadId> stale;
  {
    Ledger::Turn turn(ledger_);
    if (stopping_) return;
    const std::int64_t now = ledger_.clock.steady_ns();
    for (const auto& [id, upload] : ledger_.table.uploads()) {
      if (const auto busy = aborting_.find(id); !upload.stale || (busy != aborting_.end() && busy->second > now)) continue;
      const bool in_use = std::any_of(flights_.begin(), flights_.end(), [&its_id = id](const auto& f) {
        return f.second->multipart.upload.id == its_id;
      });
      if (in_use) continue;
      aborting_[id] = INT64_MAX;
      stale.push_back(upload.begun.upload);
    }
  }
  for (const UploadId& upload : stale) {
    CallOptions options;
    options.priority = Priority::background;
    store_.multipart_abort(upload, options, answer_to<void>([this, id = upload.id](const Status& done) {
      Ledger::Turn turn(ledger_);
      if (!done && done.error().code != Code::not_found) {
        aborting_[id] = ledger_.clock.steady_ns() + std::chrono::nanoseconds(options_.retry_max).count();
        return;
      }
      aborting_.erase(id);
      Change change;
      change.records.push_back(UploadGoneRecord{id});
      (void)ledger_.commit(change);
    }));
  }
}

}  // namespace cd
