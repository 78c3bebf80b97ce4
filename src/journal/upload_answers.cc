// What the store's answers mean for the intents.
#include <algorithm>

#include "base/crash_point.h"
#include "journal/conflict_name.h"
#include "journal/hard_links.h"
#include "journal/uploader.h"

namespace cd {
namespace {

constexpr std::uint64_t kKeepBytesMax = 64u << 20;   // larger files are not handed to the block cache
constexpr std::uint64_t kKeepChunkBytes = 4u << 20;

MetaRecord foreign_record(InodeId ino, const ObjectHead& head, const std::string& key, const JournalOptions& options) {
  MetaRecord record;
  record.ino = ino;
  record.attr.mode = 0644;
  record.attr.uid = options.default_uid;
  record.attr.gid = options.default_gid;
  record.attr.size = head.info.size;
  record.attr.atime_ns = record.attr.mtime_ns = record.attr.ctime_ns = head.info.modified_ns;
  record.content_type = head.content_type;
  const Hash128 id = RemoteVersion::make_cache_id(key, head.info.etag, head.info.size);
  record.remote = RemoteVersion{key, head.info.etag, head.info.size, id};
  record.exact = true;
  apply_metadata(head, record);
  return record;
}

// The bucket has it no more: nothing is left to hide.
Status uncover(MetaStore::Writer& writer, const Ledger& ledger, const std::string& slot) {
  CD_TRY_VOID(uncover_twin(writer, slot));
  const std::string path(path_of_slot(slot));
  CD_TRY(const auto there, writer.resolve_raw(path));
  if (!there || !there->record.whiteout || there->record.is_directory() != is_folder_slot(slot)) return {};
  if (is_folder_slot(slot) && ledger.table.any_below(path)) return {};  // hidden until they are gone too
  CD_TRY_VOID(writer.erase(there->parent, there->name));
  if (is_folder_slot(slot)) CD_TRY_VOID(ledger.hide_file_again(writer, path));
  return prune_hidden(writer, ledger.table, std::string(parent_path(path)));
}

}  // namespace

void Uploader::answered(const FlightPtr& flight, Result<PutReply> reply) {
  crash_point("uploader.after_put");
  if (reply) return stored(flight, reply->etag);
  const Code code = reply.error().code;
  // A key that is not there does not match either; a copy whose source is gone is found out by looking.
  if (code == Code::precondition_failed || code == Code::not_found) return look(flight);
  failed(flight, reply.error());
}

void Uploader::removed(const FlightPtr& flight, Status reply) {
  crash_point("uploader.after_remove");
  if (reply || reply.error().code == Code::not_found) return acknowledge(flight, std::nullopt);
  if (reply.error().code == Code::precondition_failed) return look(flight);
  failed(flight, reply.error());
}

// ---- reached

void Uploader::stored(const FlightPtr& flight, const std::string& etag) {
  const Intent& intent = flight->intent;
  RemoteVersion version{flight->key, etag, body_bytes(intent), {}};
  version.cache_id = intent.kind == IntentKind::copy ? intent.source->cache_id
                                                     : RemoteVersion::make_cache_id(flight->key, etag, version.size);
  keep_bytes(flight, version);
  acknowledge(flight, version);
}

void Uploader::keep_bytes(const FlightPtr& flight, const RemoteVersion& version) {
  if (flight->intent.kind != IntentKind::put || version.size == 0 || version.size > kKeepBytesMax) return;
  if (flight->body) return blocks_.insert(version, 0, *flight->body);
  if (!flight->file || !flight->file->complete()) return;
  std::string chunk;
  for (std::uint64_t at = 0; at < version.size; at += kKeepChunkBytes) {
    chunk.resize(std::min(kKeepChunkBytes, version.size - at));
    const auto got = flight->file->read(at, chunk.data(), chunk.size());
    if (!got || *got != chunk.size() || flight->file->generation() != flight->bytes_generation) return;
    blocks_.insert(version, at, chunk);
  }
}

void Uploader::acknowledge(const FlightPtr& flight, const std::optional<RemoteVersion>& version) {
  Ledger::Turn turn(ledger_);
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  if (entry == nullptr) return end(flight);
  if (entry->generation != flight->generation) {
    flight->applied = true;
    return believe(flight, version);
  }
  const Intent intent = entry->intent;
  const std::string path(path_of_slot(flight->slot));

  Change change;
  change.slots[flight->slot] = std::nullopt;
  if (intent.staged) change.drops.push_back(intent.staged);
  for (const auto& [id, upload] : ledger_.table.uploads()) {
    if (id == flight->multipart.upload.id) change.records.push_back(UploadGoneRecord{id});
  }
  if (intent.live()) settle_links(ledger_, change, path, intent.exact ? intent : flight->intent, *version);
  change.at_once = true;  // who waited for this one has waited
  // MetaStore first: had the log forgotten first, a crash in between would leave nobody who knows the new version
  // until the next LIST. This way the next start sends it again and finds it to be ours.
  if (!intent.live()) ledger_.meta.removed_keys().note(flight->key);
  Status applied = ledger_.meta.write([&](MetaStore::Writer& writer) -> Status {
    if (!intent.live()) return uncover(writer, ledger_, flight->slot);
    CD_TRY(auto there, writer.resolve_raw(path));
    if (!there || there->record.is_directory() != is_folder_slot(flight->slot)) return {};
    MetaRecord& record = there->record;
    record.remote = version;
    record.staged = {};
    record.pending = false;
    record.marker = intent.kind == IntentKind::marker;
    if (intent.kind == IntentKind::copy && !intent.exact) {
      const InodeId ino = record.ino;
      record = record_of(flight->intent, record);
      record.ino = ino;
      record.remote = version;
      record.pending = false;
    }
    record.exact = true;
    return writer.put(there->parent, there->name, std::move(record));
  });
  crash_point("uploader.after_apply");
  if (applied) applied = ledger_.commit(change);
  crash_point("uploader.after_ack");
  if (!applied) {
    efforts_[flight->slot].last_error = last_error_ = applied.error().message;
    end(flight);
    ledger_.queue.set_failed(flight->slot);
    return;
  }
  if (intent.kind == IntentKind::put) {
    UploadOutcome outcome;
    outcome.path = intent.conflict_of.empty() ? path : intent.conflict_of;
    if (!intent.conflict_of.empty()) outcome.conflict_path = path;
    outcome.tag = intent.tag;
    outcome.etag = version->etag;
    outcome.bytes = version->size;
    ledger_.tell_outcome(std::move(outcome));
    stored_.add();
    stored_bytes_.add(version->size);
    recent_.emplace_back(ledger_.clock.steady_ns(), version->size);
    if (recent_.size() > 4096) recent_.pop_front();
  }
  last_stored_ns_ = ledger_.clock.steady_ns();
  efforts_.erase(flight->slot);
  end(flight);
  check_waiters(flight->slot);
}

// Inside a Turn. The wish has changed since, but now we know what it will replace.
void Uploader::believe(const FlightPtr& flight, const std::optional<RemoteVersion>& version) {
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  if (entry == nullptr) return end(flight);
  Change change;
  Intent intent = entry->intent;
  // Who copies from here, or lets it show through, pinned the version that a change of attributes replaced.
  const auto& before = flight->intent.source;
  if (version && flight->intent.kind == IntentKind::copy && before->key == flight->key && before->etag != version->etag) {
    for (const auto& [slot, other] : ledger_.table.all()) {
      if (!other.intent.source || other.intent.source->key != flight->key || other.intent.source->etag != before->etag)
        continue;
      Intent moved = other.intent;
      moved.source->etag = version->etag;
      change.slots[slot] = std::move(moved);
    }
    if (const auto own = change.slots.find(flight->slot); own != change.slots.end()) intent = *own->second;
  }
  intent.expected = version;
  intent.attempts.clear();
  // Ours went over the base that shows through: the new version has the same bytes there.
  if (version && flight->applied && intent.base && intent.base->version.key == flight->key) {
    intent.base->version = *version;
    ledger_.area.rebase(intent.staged, *version);
  }
  change.slots[flight->slot] = std::move(intent);
  change.at_once = true;
  if (Status done = ledger_.commit(change); !done) last_error_ = done.error().message;
  end(flight);
}

// ---- not reached

void Uploader::failed(const FlightPtr& flight, const Error& error) {
  if (waits_its_turn(flight, error)) return;
  Ledger::Turn turn(ledger_);
  const std::int64_t now = ledger_.clock.steady_ns();
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  const bool changed = entry == nullptr || entry->generation != flight->generation;
  end(flight);
  if (changed || error.code == Code::cancelled) return;
  const auto wait = [&](std::int64_t ns) { ledger_.queue.postpone(flight->slot, now + ns); };
  if (error.code == Code::busy) return wait(std::chrono::nanoseconds(options_.retry_first).count());
  Effort& effort = efforts_[flight->slot];
  effort.last_error = last_error_ = error.message;
  ++effort.rounds;
  if (error.code != Code::unreachable && error.code != Code::credentials) ++effort.tries;  // not this file's fault
  if (error.code == Code::throttled) {  // refused before it was looked at
    std::erase(ledger_.table.edit(flight->slot)->attempts, fingerprint(flight->intent));
  }
  // What arrived damaged is sent again; what arrived well, and only its answer was damaged, is recognised then.
  // A folder where a file was, or the other way round, may have met the last moment of that one.
  const bool worth_another = is_transient(error.code) || error.code == Code::corrupt ||
                             error.code == Code::not_directory || error.code == Code::is_directory;
  if (worth_another && effort.tries < options_.tries_max) {
    const std::int64_t first = std::chrono::nanoseconds(options_.retry_first).count();
    const std::int64_t most = std::min(std::chrono::nanoseconds(options_.retry_max).count(),
                                       first << std::min(effort.rounds, 20));
    std::uniform_int_distribution<std::int64_t> jitter(1, std::max<std::int64_t>(most, 2));
    return wait(jitter(random_));
  }
  effort.failed = error;
  failures_.add();
  ledger_.queue.set_failed(flight->slot);
  // What it was to read is gone; who wants to write there must not wait for it.
  if (error.code == Code::stale) ledger_.queue.stop_reading(flight->slot);
  const Intent& intent = ledger_.table.find(flight->slot)->intent;
  if (intent.kind == IntentKind::put) {
    UploadOutcome outcome;
    outcome.path = path_of_slot(flight->slot);
    outcome.tag = intent.tag;
    outcome.bytes = body_bytes(intent);
    outcome.error = error;
    ledger_.tell_outcome(std::move(outcome));
  }
  check_waiters(flight->slot);
}

// ---- what is there really?

void Uploader::look(const FlightPtr& flight) {
  CallOptions options = call_options(flight, 0);
  options.cancel = {};  // what became of a request that was cut is worth knowing
  store_.head(flight->key, options, answer_to<ObjectHead>([this, flight](const auto& head) { looked(flight, head); }));
}

void Uploader::looked(const FlightPtr& flight, Result<ObjectHead> head) {
  const bool absent = !head && head.error().code == Code::not_found;
  if (!head && !absent) return failed(flight, head.error());
  const Intent& sent = flight->intent;
  if (absent && !sent.live()) return acknowledge(flight, std::nullopt);

  std::vector<std::uint64_t> attempts;
  bool same = false;
  {
    Ledger::Turn turn(ledger_);
    const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
    if (entry == nullptr) return end(flight);
    attempts = entry->intent.attempts;
    same = entry->generation == flight->generation;
  }
  if (absent && flight->body_missing) return lost_base(flight);
  if (absent) {
    // Gone by somebody else's hand: then there is nothing to protect, and ours is made anew.
    if (sent.kind == IntentKind::copy && (!sent.expected || sent.source->key == flight->key)) return materialise_now(flight);
    Ledger::Turn turn(ledger_);
    return try_again(flight, std::nullopt);
  }

  const std::uint64_t print = fingerprint(head->info.size, head->metadata);
  const bool ours = std::find(attempts.begin(), attempts.end(), print) != attempts.end();
  const RemoteVersion found{flight->key, head->info.etag, head->info.size,
                            RemoteVersion::make_cache_id(flight->key, head->info.etag, head->info.size)};
  if (ours && same && sent.live() && print == fingerprint(sent)) return stored(flight, head->info.etag);
  if (flight->body_missing && !ours) return lost_base(flight);
  const bool as_expected = sent.expected && sent.expected->etag == head->info.etag;
  if (as_expected && sent.kind == IntentKind::copy) return materialise_now(flight);  // so it is the source that changed
  if (ours || as_expected || sent.kind == IntentKind::marker) {
    Ledger::Turn turn(ledger_);
    if (ours) flight->applied = true;
    return try_again(flight, found);
  }
  const bool onto_itself = sent.kind == IntentKind::copy && sent.source->key == flight->key;
  if (!sent.live() || onto_itself) return keep_foreign(flight, *head);
  conflict(flight, *head);
}

void Uploader::lost_base(const FlightPtr& flight) {
  failed(flight, {Code::stale, "the stored version that " + flight->slot +
                                   " is made from was replaced by somebody else, and not all of its bytes are here"});
}

void Uploader::materialise_now(const FlightPtr& flight) {
  bool same = false;
  {
    Ledger::Turn turn(ledger_);
    const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
    same = entry != nullptr && entry->generation == flight->generation;
    if (!same) return end(flight);
  }
  materialise(flight);
}

// Inside a Turn. We know better now what is there. Not for ever: two of us may chase each other.
void Uploader::try_again(const FlightPtr& flight, const std::optional<RemoteVersion>& found) {
  Effort effort = efforts_[flight->slot];
  const std::string slot = flight->slot;
  believe(flight, found);
  ++effort.tries;
  ++effort.rounds;
  efforts_[slot] = effort;
  if (effort.tries < options_.tries_max) return;
  efforts_[slot].failed = Error{Code::busy, "the object changes in the bucket again and again"};
  ledger_.queue.set_failed(slot);
  check_waiters(slot);
}

void Uploader::conflict(const FlightPtr& flight, const ObjectHead& head) {
  Ledger::Turn turn(ledger_);
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  if (entry == nullptr) return end(flight);
  if (!entry->intent.live()) {
    // Removed here meanwhile; the removal will look for itself.
    return end(flight);
  }
  const std::string path(path_of_slot(flight->slot));
  const auto there = ledger_.meta.resolve(path);
  if (!there || !*there) return end(flight);
  const InodeId parent = (*there)->parent;
  const InodeId ours = (*there)->record.ino;
  const std::string name = (*there)->name;
  std::string other;
  for (int attempt = 1;; ++attempt) {
    other = conflict_path(path, options_.host, ledger_.clock.wall_ns(), attempt);
    const auto taken = ledger_.meta.lookup_raw(parent, base_name(other));
    if (taken && !*taken && ledger_.table.find(other) == nullptr) break;
  }
  Change change;
  Intent intent = entry->intent;
  intent.expected.reset();
  intent.attempts.clear();
  if (intent.conflict_of.empty()) intent.conflict_of = path;
  change.slots[flight->slot] = std::nullopt;
  change.slots[other] = std::move(intent);
  redirect_links(ledger_, change, {{path, other}});
  change.at_once = true;
  const std::string other_name(base_name(other));
  change.before.push_back([=](MetaStore::Writer& w) { return w.move(parent, name, parent, other_name); });
  change.after.push_back([=, this](MetaStore::Writer& w) {
    return w.put(parent, name, foreign_record(w.new_inode(), head, flight->key, options_));
  });
  if (Status done = ledger_.commit(change); !done) {
    last_error_ = done.error().message;
    end(flight);
    ledger_.queue.set_failed(flight->slot);
    return;
  }
  conflicts_.add();
  ledger_.tell_name(parent, name, ours);
  ledger_.tell_name(parent, other_name, {});
  end(flight);
  check_waiters(flight->slot);
}

void Uploader::keep_foreign(const FlightPtr& flight, const ObjectHead& head) {
  Ledger::Turn turn(ledger_);
  const IntentTable::Entry* entry = ledger_.table.find(flight->slot);
  if (entry == nullptr || entry->generation != flight->generation) return end(flight);
  const std::string path(path_of_slot(flight->slot));
  InodeId parent;
  InodeId gone;
  Change change;
  change.slots[flight->slot] = std::nullopt;
  if (flight->intent.source) settle_links(ledger_, change, path, entry->intent, *flight->intent.source);
  change.after.push_back([&](MetaStore::Writer& w) -> Status {
    CD_TRY(const auto there, w.resolve_raw(path));
    if (!there || there->record.is_directory() != is_folder_slot(flight->slot)) return {};
    CD_TRY(const auto above, w.entry(there->parent));
    parent = there->parent;
    gone = there->record.whiteout ? InodeId{} : there->record.ino;
    CD_TRY_VOID(w.erase(there->parent, there->name));
    if (!above || above->record.whiteout || is_folder_slot(flight->slot)) return {};  // the next LIST tells
    return w.put(there->parent, there->name, foreign_record(w.new_inode(), head, flight->key, options_));
  });
  if (Status done = ledger_.commit(change); !done) {
    last_error_ = done.error().message;
    end(flight);
    ledger_.queue.set_failed(flight->slot);
    return;
  }
  (void)ledger_.meta.write([&](MetaStore::Writer& writer) {
    return prune_hidden(writer, ledger_.table, std::string(parent_path(path)));
  });
  if (parent) ledger_.tell_name(parent, std::string(base_name(path)), gone);
  end(flight);
  check_waiters(flight->slot);
}

}  // namespace cd
