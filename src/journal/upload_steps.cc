// What the uploader asks of the store, one verb a step.
#include <algorithm>

#include "base/crash_point.h"
#include "journal/body_reader.h"
#include "journal/conflict_name.h"
#include "journal/uploader.h"

namespace cd {
namespace {

constexpr std::uint64_t kMaterialiseBytes = 4u << 20;

Condition condition_of(const std::optional<RemoteVersion>& expected) {
  if (!expected) return Condition::if_absent();
  return expected->etag.empty() ? Condition::none() : Condition::if_match(expected->etag);
}

std::string type_of(const Intent& intent, const std::string& slot) {
  if (is_folder_slot(slot)) return "application/x-directory";
  if (!intent.content_type.empty()) return intent.content_type;
  return intent.attr.type == NodeType::file ? content_type_of(slot) : "application/octet-stream";
}

// Of a symlink that was moved before anybody had looked at it.
std::string target_in(const StagedFile& body) {
  constexpr std::size_t kPathMax = 4'096;
  std::string bytes(std::min<std::uint64_t>(body.size(), kPathMax), '\0');
  const auto got = body.read(0, bytes.data(), bytes.size());
  bytes.resize(got.value_or(0));
  return symlink_target(bytes);
}

}  // namespace

// ---- put

void Uploader::put(const FlightPtr& flight) {
  if (flight->intent.attr.type == NodeType::symlink) return send_body(flight, share(symlink_body(flight->intent.target)));
  if (is_special(flight->intent.attr.type)) return send_body(flight, share(special_body()));
  if (!flight->file) return failed(flight, {Code::io, flight->slot + " has no staged bytes"});
  const std::uint64_t size = body_bytes(flight->intent);
  if (size >= options_.multipart_bytes) return multipart(flight);
  read_body(blocks_, flight->file, 0, size, read_options(flight), answer_to<SharedBytes>([this, flight](const auto& body) {
    send_body(flight, body);
  }));
}

void Uploader::send_body(const FlightPtr& flight, Result<SharedBytes> body) {
  if (!body) return body_missing(flight, body.error());
  if (flight->file && flight->file->generation() != flight->bytes_generation)
    return failed(flight, {Code::busy, "the file changed while it was read"});
  flight->body = *body;
  // The put will overwrite what shows through from this very key; until its answer is here the bytes are ours.
  if (flight->file && !flight->file->complete()) {
    if (Status filled = ledger_.area.fill(flight->intent.staged, **body, flight->bytes_generation); !filled)
      return failed(flight, filled.error());
  }
  PutRequest request;
  request.key = flight->key;
  request.body = *body;
  request.content_type = type_of(flight->intent, flight->slot);
  request.metadata = metadata_to_send(flight->intent);
  request.condition = condition_of(flight->intent.expected);
  crash_point("uploader.before_put");
  store_.put(std::move(request), call_options(flight, (*body)->size()), answer_to<PutReply>([this, flight](const auto& r) {
    answered(flight, r);
  }));
}

// Bytes of the base cannot be had. If an upload of ours has replaced it, all is well; else they are lost to us.
void Uploader::body_missing(const FlightPtr& flight, const Error& error) {
  const bool replaced = error.code == Code::stale || error.code == Code::not_found || error.code == Code::precondition_failed;
  if (!replaced) return failed(flight, error);
  flight->body_missing = true;
  look(flight);
}

void Uploader::put_marker(const FlightPtr& flight) { send_body(flight, share("")); }

// ---- copy

void Uploader::copy(const FlightPtr& flight) {
  know_source(flight, [this, flight] { flight->intent.exact ? send_copy(flight) : fetch_source(flight); });
}

// LIST alone may have told of it: its own metadata has to be known before it is replaced. What is no longer there
// stays unknown.
void Uploader::know_source(const FlightPtr& flight, std::function<void()> then) {
  if (flight->intent.exact || flight->intent.kind != IntentKind::copy) return then();
  store_.head(flight->intent.source->key, call_options(flight, 0),
              answer_to<ObjectHead>([this, flight, then = std::move(then)](const Result<ObjectHead>& head) {
                const bool not_there = !head && head.error().code == Code::not_found;
                if (!head && !not_there) return failed(flight, head.error());
                if (!not_there && head->info.etag == flight->intent.source->etag) learn_source(flight, *head);
                then();
              }));
}

void Uploader::learn_source(const FlightPtr& flight, const ObjectHead& head) {
  Intent& intent = flight->intent;
  MetaRecord known = record_of(intent, {});
  apply_metadata(head, known);
  if (intent.content_type.empty()) intent.content_type = head.content_type;
  intent.target = known.target;
  known.metadata.insert(intent.metadata.begin(), intent.metadata.end());
  for (const auto& [name, value] : intent.xattrs) known.xattrs[name] = value;
  intent.metadata = known.metadata;
  intent.xattrs = known.xattrs;
  if (!intent.dirty) intent.attr = known.attr;
  intent.exact = true;
  Ledger::Turn turn(ledger_);
  if (Intent* now = ledger_.table.edit(flight->slot)) add_attempt(*now, fingerprint(intent));
}

void Uploader::send_copy(const FlightPtr& flight) {
  const Intent& intent = flight->intent;
  CopyRequest request;
  request.source_key = intent.source->key;
  request.source_etag = intent.source->etag;
  request.key = flight->key;
  request.content_type = type_of(intent, flight->slot);
  request.metadata = metadata_to_send(intent);
  request.condition = condition_of(intent.expected);
  crash_point("uploader.before_put");
  store_.copy(std::move(request), call_options(flight, intent.source->size), answer_to<PutReply>([this, flight](const auto& r) {
    answered(flight, r);
  }));
}

// ---- remove

void Uploader::remove(const FlightPtr& flight) {
  const Intent& intent = flight->intent;
  if (!intent.expected && intent.attempts.empty()) return acknowledge(flight, std::nullopt);
  if (!intent.expected) return look(flight);  // only what is ours may go
  crash_point("uploader.before_remove");
  store_.remove(flight->key, intent.expected->etag, call_options(flight, 0), answer_to<void>([this, flight](const auto& r) {
    removed(flight, r);
  }));
}

// A store of files and folders cannot have a folder where a file still is, and that file's removal is on our list. A
// copy lets go of its source meanwhile: that may lie below the very name (two that changed places).
bool Uploader::waits_its_turn(const FlightPtr& flight, const Error& error) {
  if (error.code != Code::not_directory && error.code != Code::is_directory) return false;
  {
    Ledger::Turn turn(ledger_);
    if (!ledger_.table.waits_for_removal(flight->slot)) return false;
  }
  if (flight->intent.kind == IntentKind::copy)
    materialise_now(flight);
  else
    failed(flight, {Code::busy, error.message});
  return true;
}

// ---- materialise: the source's bytes become a staged file, and the copy a put

void Uploader::materialise(const FlightPtr& flight) {
  know_source(flight, [this, flight] { fetch_source(flight); });
}

void Uploader::fetch_source(const FlightPtr& flight) {
  const Intent& intent = flight->intent;
  if (intent.kind == IntentKind::put) {
    // Reads through to its base: fetch what shows through of it.
    flight->memory += kMaterialiseBytes;
    memory_used_ += kMaterialiseBytes;
  }
  const std::optional<RemoteVersion> source =
      intent.kind == IntentKind::put && intent.base ? Rare<RemoteVersion>(intent.base->version) : intent.source;
  if (!source) return failed(flight, {Code::io, flight->slot + " has no source"});
  auto fresh = ledger_.area.create(std::nullopt);
  if (!fresh) return failed(flight, fresh.error());
  // Until an intent speaks of it, it may go with a crash.
  const std::string temporary = encode(Record(DropRecord{(*fresh)->id()}));
  if (Status logged = ledger_.log->append({&temporary, 1}); !logged) {
    ledger_.area.drop((*fresh)->id());
    return failed(flight, logged.error());
  }
  if (!flight->intent.staged) flight->file.reset();
  flight->materialised = *fresh;
  materialise_next(flight, 0);
}

void Uploader::materialise_next(const FlightPtr& flight, std::uint64_t offset) {
  const Intent& intent = flight->intent;
  const std::uint64_t size = flight->file ? flight->file->size() : intent.source->size;
  if (offset >= size) return materialised(flight);
  const std::uint64_t n = std::min(kMaterialiseBytes, size - offset);
  auto done = answer_to<SharedBytes>([this, flight, offset, n](const Result<SharedBytes>& bytes) {
    Status written = bytes ? flight->materialised->write(offset, **bytes) : fail(bytes.error());
    if (written) return materialise_next(flight, offset + n);
    ledger_.area.drop(flight->materialised->id());
    const Code code = written.error().code;
    if (code != Code::stale && code != Code::not_found && code != Code::precondition_failed)
      return failed(flight, written.error());
    failed(flight, {Code::stale, "the stored version that " + flight->slot +
                                     " is made from was replaced by somebody else, and not all of its bytes are here"});
  });
  if (flight->file) {
    read_body(blocks_, flight->file, offset, n, read_options(flight), std::move(done));
  } else {
    read_version(blocks_, *intent.source, offset, n, read_options(flight), std::move(done));
  }
}

void Uploader::materialised(const FlightPtr& flight) {
  const StagedId fresh = flight->materialised->id();
  Ledger::Turn turn(ledger_);
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  const bool bytes_same = !flight->file || flight->file->generation() == flight->bytes_generation;
  if (entry == nullptr || entry->generation != flight->generation || !bytes_same) {
    ledger_.area.drop(fresh);
    return end(flight);
  }
  Change change;
  Intent intent = entry->intent;
  if (intent.staged) change.drops.push_back(intent.staged);
  intent.kind = IntentKind::put;
  intent.staged = fresh;
  intent.source.reset();
  intent.base.reset();
  if (flight->intent.exact && !intent.exact) describe(intent, record_of(flight->intent, {}));  // as its source is
  if (intent.attr.type == NodeType::file) {
    intent.attr.size = flight->materialised->size();
  } else if (intent.attr.type == NodeType::symlink && intent.target.empty()) {
    intent.target = target_in(*flight->materialised);
    intent.attr.size = intent.target.size();
  }
  change.slots[flight->slot] = std::move(intent);
  change.at_once = true;
  if (Status done = ledger_.commit(change); !done) {
    ledger_.area.drop(fresh);
    ledger_.queue.put_back(flight->slot, ledger_.clock.steady_ns() + std::chrono::nanoseconds(options_.retry_first).count());
  }
  end(flight);
}

}  // namespace cd
