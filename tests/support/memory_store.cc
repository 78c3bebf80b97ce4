#include "tests/support/memory_store.h"

#include <algorithm>

#include "base/hash.h"

namespace cd::testing {

namespace {

std::string etag_of(std::string_view bytes) { return xxh3_128(bytes).hex(); }

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// The first string after every string that starts with `prefix` (0xFF never occurs in UTF-8).
std::string after_all(std::string prefix) { return prefix + '\xFF'; }

}  // namespace

MemoryStore::MemoryStore(MemoryStoreOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  traits_.probed = true;
  traits_.put_if_absent = traits_.put_if_match = traits_.finish_if_absent = true;
  traits_.delete_if_match = traits_.copy_source_if_match = traits_.copy_part = true;
  traits_.presign = !options_.presign_base.empty();
  traits_.part_bytes_min = options_.part_bytes_min;
  traits_.description = "a bucket in memory";
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back("memory-store", [this](std::stop_token) {
      while (auto job = jobs_.pop()) (*job)();
    });
  }
}

MemoryStore::~MemoryStore() {
  closing_ = true;
  jobs_.close();
  for (Thread& thread : threads_) thread.join();
}

template <class T>
void MemoryStore::answer(const CallOptions& options, Done<T> done, std::function<Result<T>()> apply) {
  Job job = [this, cancel = options.cancel, done = std::move(done), apply = std::move(apply)] {
    if (closing_ || cancel.stop_requested()) {
      done(fail(Code::cancelled, "the request was cancelled"));
      return;
    }
    MutexLock lock(mutex_);
    Result<T> result = apply();
    lock.unlock();
    done(std::move(result));
  };
  if (threads_.empty()) {
    job();
  } else {
    CD_CHECK(jobs_.push(std::move(job)));  // a verb was called on a store that is being destroyed
  }
}

void MemoryStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  answer<GetReply>(options, std::move(done),
                   [this, request = std::move(request)]() CD_NO_TSA { return apply_get(request); });
}

void MemoryStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  answer<ObjectHead>(options, std::move(done),
                     [this, key = std::move(key)]() CD_NO_TSA -> Result<ObjectHead> {
                       CD_TRY(const Object* object, find(key, ""));
                       return object->head;
                     });
}

void MemoryStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  answer<ListReply>(options, std::move(done),
                    [this, request = std::move(request)]() CD_NO_TSA { return apply_list(request); });
}

void MemoryStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  answer<PutReply>(options, std::move(done),
                   [this, request = std::move(request)]() CD_NO_TSA -> Result<PutReply> {
                     CD_TRY_VOID(check(request.key, request.condition));
                     SharedBytes bytes = request.body ? request.body : share("");
                     std::string etag = etag_of(*bytes);
                     return store(request, std::move(bytes), std::move(etag));
                   });
}

void MemoryStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  answer<PutReply>(options, std::move(done),
                   [this, request = std::move(request)]() CD_NO_TSA { return apply_copy(request); });
}

void MemoryStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  answer<void>(options, std::move(done),
               [this, key = std::move(key), etag = std::move(etag)]() CD_NO_TSA -> Status {
                 const auto at = objects_.find(key);
                 if (at == objects_.end()) return {};
                 CD_TRY_VOID(check(key, etag.empty() ? Condition::none() : Condition::if_match(etag)));
                 objects_.erase(at);
                 return {};
               });
}

void MemoryStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  answer<UploadId>(options, std::move(done),
                   [this, request = std::move(request)]() CD_NO_TSA -> Result<UploadId> {
                     UploadId id{request.key, "upload-" + std::to_string(next_upload_++)};
                     uploads_[id.id] = Upload{request, {}, {}};
                     return id;
                   });
}

void MemoryStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  answer<Part>(options, std::move(done),
               [this, request = std::move(request)]() CD_NO_TSA { return apply_part(request); });
}

void MemoryStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  answer<PutReply>(options, std::move(done),
                   [this, request = std::move(request)]() CD_NO_TSA { return apply_finish(request); });
}

void MemoryStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  answer<void>(options, std::move(done), [this, upload = std::move(upload)]() CD_NO_TSA -> Status {
    const auto at = uploads_.find(upload.id);
    if (at != uploads_.end() && at->second.finished_etag.empty()) uploads_.erase(at);
    return {};
  });
}

Result<std::string> MemoryStore::presign(const std::string& key, std::chrono::seconds lifetime) {
  if (options_.presign_base.empty()) return fail(Code::unsupported, "this store has no URLs");
  return options_.presign_base + key + "?expires=" + std::to_string(lifetime.count());
}

StoreTraits MemoryStore::traits() const {
  MutexLock lock(mutex_);
  return traits_;
}

void MemoryStore::set_traits(StoreTraits traits) {
  MutexLock lock(mutex_);
  traits_ = std::move(traits);
}

void MemoryStore::set_conditions(Conditions conditions) {
  MutexLock lock(mutex_);
  conditions_ = conditions;
}

std::string MemoryStore::put_object(const std::string& key, std::string bytes, Metadata metadata,
                                    std::string content_type) {
  MutexLock lock(mutex_);
  std::string etag = etag_of(bytes);
  return store(PutRequest{key, nullptr, std::move(content_type), std::move(metadata), {}}, share(std::move(bytes)),
               std::move(etag))
      .etag;
}

void MemoryStore::remove_object(const std::string& key) {
  MutexLock lock(mutex_);
  objects_.erase(key);
}

std::optional<std::string> MemoryStore::bytes_of(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto at = objects_.find(key);
  if (at == objects_.end()) return std::nullopt;
  return *at->second.bytes;
}

std::optional<ObjectHead> MemoryStore::head_of(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto at = objects_.find(key);
  if (at == objects_.end()) return std::nullopt;
  return at->second.head;
}

std::vector<std::string> MemoryStore::keys() const {
  MutexLock lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [key, object] : objects_) out.push_back(key);
  return out;
}

std::size_t MemoryStore::open_uploads() const {
  MutexLock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(uploads_.begin(), uploads_.end(), [](const auto& u) { return u.second.finished_etag.empty(); }));
}

Result<const MemoryStore::Object*> MemoryStore::find(const std::string& key, const std::string& etag) const {
  const auto at = objects_.find(key);
  if (at == objects_.end()) return fail(Code::not_found, "no object " + key);
  if (!etag.empty() && at->second.head.info.etag != etag) {
    return fail(Code::precondition_failed, key + " is another version now");
  }
  return &at->second;
}

Status MemoryStore::check(const std::string& key, const Condition& condition) const {
  if (condition.kind == Condition::Kind::none || conditions_ == Conditions::ignored) return {};
  if (conditions_ == Conditions::if_absent && condition.kind == Condition::Kind::if_match) return {};
  const auto at = objects_.find(key);
  const bool there = at != objects_.end();
  if (condition.kind == Condition::Kind::if_absent && there) {
    return fail(Code::precondition_failed, key + " is there already");
  }
  if (condition.kind == Condition::Kind::if_match && (!there || at->second.head.info.etag != condition.etag)) {
    return fail(Code::precondition_failed, key + " is another version now");
  }
  return {};
}

PutReply MemoryStore::store(const PutRequest& request, SharedBytes bytes, std::string etag) {
  Object object;
  object.head.info = ObjectInfo{request.key, bytes->size(), etag, clock_.wall_ns()};
  object.head.content_type = request.content_type;
  object.head.metadata = request.metadata;
  object.bytes = std::move(bytes);
  objects_[request.key] = std::move(object);
  return PutReply{std::move(etag)};
}

Result<GetReply> MemoryStore::apply_get(const GetRequest& request) const {
  CD_TRY(const Object* object, find(request.key, request.if_match));
  const std::string& bytes = *object->bytes;
  const std::uint64_t from = std::min<std::uint64_t>(request.offset, bytes.size());
  const std::uint64_t length = std::min<std::uint64_t>(request.length, bytes.size() - from);
  if (from == 0 && length == bytes.size()) return GetReply{object->head, object->bytes};
  return GetReply{object->head, share(bytes.substr(from, length))};
}

Result<ListReply> MemoryStore::apply_list(const ListRequest& request) const {
  // A token is the first key that the next page may hold.
  auto at = !request.token.empty()   ? objects_.lower_bound(request.token)
            : !request.after.empty() ? objects_.upper_bound(request.after)
                                     : objects_.begin();
  if (at != objects_.end() && at->first < request.prefix) at = objects_.lower_bound(request.prefix);
  const auto room = static_cast<std::size_t>(std::clamp(request.max_keys, 1, 1000));
  ListReply reply;
  while (at != objects_.end() && starts_with(at->first, request.prefix)) {
    if (reply.objects.size() + reply.folders.size() == room) {
      reply.next_token = at->first;
      break;
    }
    const std::size_t slash = request.delimited ? at->first.find('/', request.prefix.size()) : std::string::npos;
    if (slash == std::string::npos) {
      reply.objects.push_back(at->second.head.info);
      ++at;
    } else {
      reply.folders.push_back(at->first.substr(0, slash + 1));
      at = objects_.lower_bound(after_all(reply.folders.back()));
    }
  }
  return reply;
}

Result<PutReply> MemoryStore::apply_copy(const CopyRequest& request) {
  CD_TRY(const Object* source, find(request.source_key, request.source_etag));
  CD_TRY_VOID(check(request.key, request.condition));
  SharedBytes bytes = source->bytes;
  std::string etag = etag_of(*bytes);
  return store(PutRequest{request.key, nullptr, request.content_type, request.metadata, {}}, std::move(bytes),
               std::move(etag));
}

Result<MemoryStore::Upload*> MemoryStore::find_upload(const UploadId& upload) {
  const auto at = uploads_.find(upload.id);
  if (at == uploads_.end() || at->second.request.key != upload.key) {
    return fail(Code::not_found, "no multipart upload " + upload.id + " of " + upload.key);
  }
  return &at->second;
}

Result<Part> MemoryStore::apply_part(const PartRequest& request) {
  CD_TRY(Upload * upload, find_upload(request.upload));
  if (!upload->finished_etag.empty()) return fail(Code::not_found, "the multipart upload is finished");
  if (request.number < 1 || request.number > 10'000) return fail(Code::invalid, "part numbers are 1 to 10,000");
  SharedBytes bytes = request.body;
  if (!bytes) {
    CD_TRY(const Object* source, find(request.source_key, request.source_etag));
    if (request.source_offset + request.source_length > source->bytes->size()) {
      return fail(Code::invalid, "the range to copy is not inside " + request.source_key);
    }
    bytes = share(source->bytes->substr(request.source_offset, request.source_length));
  }
  Part part{request.number, etag_of(*bytes), bytes->size()};
  upload->parts[request.number] = StoredPart{std::move(bytes), part.etag};
  return part;
}

Result<PutReply> MemoryStore::apply_finish(const FinishRequest& request) {
  CD_TRY(Upload * upload, find_upload(request.upload));
  if (!upload->finished_etag.empty()) return PutReply{upload->finished_etag};
  if (request.parts.empty()) return fail(Code::invalid, "a multipart upload needs a part");
  std::string bytes;
  std::string hashes;
  int last = 0;
  for (const Part& part : request.parts) {
    const auto at = upload->parts.find(part.number);
    if (part.number <= last) return fail(Code::invalid, "parts are not in ascending order");
    if (at == upload->parts.end() || at->second.etag != part.etag) {
      return fail(Code::invalid, "part " + std::to_string(part.number) + " is not the one that was sent");
    }
    if (&part != &request.parts.back() && at->second.bytes->size() < options_.part_bytes_min) {
      return fail(Code::invalid, "part " + std::to_string(part.number) + " is too small");
    }
    last = part.number;
    bytes += *at->second.bytes;
    hashes += part.etag;
  }
  CD_TRY_VOID(check(request.upload.key, request.condition));
  upload->finished_etag = etag_of(hashes) + "-" + std::to_string(request.parts.size());
  upload->parts.clear();
  return store(upload->request, share(std::move(bytes)), upload->finished_etag);
}

}  // namespace cd::testing
