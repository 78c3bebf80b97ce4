#include "remote/directory_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "remote/digest.h"
#include "remote/file_bytes.h"

namespace cd {

namespace {

Error changed(const std::string& key) {
  return Error{Code::precondition_failed, fmt::format("\"{}\" is another version by now", printable(key))};
}

}  // namespace

Result<std::unique_ptr<DirectoryStore>> DirectoryStore::open(const std::string& root,
                                                             const DirectoryOptions& options) {
  CD_TRY(auto folder, ObjectFolder::open(root));
  folder.sweep();
  return std::unique_ptr<DirectoryStore>(new DirectoryStore(std::move(folder), root, options));
}

DirectoryStore::DirectoryStore(ObjectFolder folder, std::string root, const DirectoryOptions& options)
    : folder_(std::move(folder)),
      root_(std::move(root)),
      sync_(options.sync),
      lanes_(std::make_unique<WorkLanes>("disk", options.workers)) {}

// Runs `body` on a worker, unless the caller gave up or ran out of time while it waited for its turn.
template <class T>
void DirectoryStore::work(const CallOptions& options, Done<T> done, std::function<Result<T>()> body) {
  const auto until = std::chrono::steady_clock::now() + options.deadline;
  lanes_->add(options.priority, [this, until, cancel = options.cancel, done = std::move(done), body = std::move(body)] {
    if (cancel.stop_requested() || lanes_->stopping()) {
      done(fail(Code::cancelled, "the request was cancelled"));
    } else if (std::chrono::steady_clock::now() >= until) {
      done(fail(Code::timeout, "the folder did not answer in time"));
    } else {
      done(body());
    }
  });
}

void DirectoryStore::get(GetRequest request, CallOptions options, Done<GetReply> done) {
  work<GetReply>(options, std::move(done), [this, request = std::move(request)] { return do_get(request); });
}

void DirectoryStore::head(std::string key, CallOptions options, Done<ObjectHead> done) {
  work<ObjectHead>(options, std::move(done), [this, key = std::move(key)]() -> Result<ObjectHead> {
    CD_TRY(auto found, folder_.find(key));
    return std::move(found.head);
  });
}

void DirectoryStore::list(ListRequest request, CallOptions options, Done<ListReply> done) {
  work<ListReply>(options, std::move(done),
                  [this, request = std::move(request)] { return lister_.list(request); });
}

void DirectoryStore::put(PutRequest request, CallOptions options, Done<PutReply> done) {
  work<PutReply>(options, std::move(done), [this, request = std::move(request)] { return do_put(request); });
}

void DirectoryStore::copy(CopyRequest request, CallOptions options, Done<PutReply> done) {
  work<PutReply>(options, std::move(done), [this, request = std::move(request)] { return do_copy(request); });
}

void DirectoryStore::remove(std::string key, std::string etag, CallOptions options, Done<void> done) {
  work<void>(options, std::move(done),
             [this, key = std::move(key), etag = std::move(etag)] { return do_remove(key, etag); });
}

void DirectoryStore::multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) {
  work<UploadId>(options, std::move(done), [this, request = std::move(request)] { return do_begin(request); });
}

void DirectoryStore::multipart_part(PartRequest request, CallOptions options, Done<Part> done) {
  work<Part>(options, std::move(done), [this, request = std::move(request)] { return do_part(request); });
}

void DirectoryStore::multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) {
  work<PutReply>(options, std::move(done), [this, request = std::move(request)] { return do_finish(request); });
}

void DirectoryStore::multipart_abort(UploadId upload, CallOptions options, Done<void> done) {
  work<void>(options, std::move(done), [this, upload = std::move(upload)] { return do_abort(upload); });
}

Result<std::string> DirectoryStore::presign(const std::string&, std::chrono::seconds) {
  return fail(Code::unsupported, "a folder has no URLs that others could open");
}

StoreTraits DirectoryStore::traits() const {
  StoreTraits traits;
  traits.probed = traits.put_if_absent = traits.put_if_match = traits.finish_if_absent = true;
  traits.delete_if_match = traits.copy_source_if_match = traits.copy_part = true;
  traits.description = fmt::format("the folder {}", root_);
  return traits;
}

Result<StoreTraits> DirectoryStore::probe(Millis) {
  CD_TRY(const auto made, folder_.make_temporary());  // a full or read-only disk says so now
  folder_.drop_temporary(made.name);
  return traits();
}

Result<GetReply> DirectoryStore::do_get(const GetRequest& request) {
  CD_TRY(auto found, folder_.find(request.key));
  const ObjectInfo& info = found.head.info;
  if (!request.if_match.empty() && request.if_match != info.etag) return fail(changed(request.key));
  const std::uint64_t begin = std::min(request.offset, info.size);
  const std::uint64_t length = std::min(request.length, info.size - begin);
  std::string body;
  if (length > 0) {
    CD_TRY(body, read_exactly(found.fd.get(), begin, length));
    // Our own puts replace the file and leave this one as it was; a foreign program may write in place.
    struct stat now {};
    if (::fstat(found.fd.get(), &now) != 0 || static_cast<std::uint64_t>(now.st_size) != info.size ||
        modified_ns(now) != info.modified_ns) {
      return fail(Code::io, fmt::format("\"{}\" changed while it was read", printable(request.key)));
    }
  }
  return GetReply{std::move(found.head), share(std::move(body))};
}

Result<PutReply> DirectoryStore::do_put(const PutRequest& request) {
  CD_TRY(const ObjectPath path, ObjectPath::from_key(request.key));
  if (path.is_marker()) return do_put_marker(request, path);
  CD_TRY(auto made, folder_.make_temporary());
  const std::string_view body = request.body ? std::string_view(*request.body) : std::string_view();
  if (const Status written = write_exactly(made.fd.get(), body); !written) {
    folder_.drop_temporary(made.name);
    return fail(written.error());
  }
  const std::string etag = md5_hex(body);
  CD_TRY_VOID(publish(std::move(made), request.key, etag, request.content_type, request.metadata, request.condition));
  return PutReply{etag};
}

Result<PutReply> DirectoryStore::do_put_marker(const PutRequest& request, const ObjectPath& path) {
  if (request.body && !request.body->empty()) {
    return fail(Code::invalid, fmt::format("\"{}\" is a folder: its marker holds no bytes", printable(request.key)));
  }
  MutexLock lock(changes_);
  CD_TRY_VOID(check(request.key, request.condition));
  CD_TRY(const UniqueFd folder, folder_.parent(path, true));
  CD_TRY_VOID(write_labels(folder.get(), request.content_type, request.metadata));
  CD_TRY_VOID(write_marker(folder.get()));
  return PutReply{marker_etag()};
}

Status DirectoryStore::publish(ObjectFolder::Temporary made, const std::string& key, const std::string& etag,
                               const std::string& content_type, const Metadata& metadata,
                               const Condition& condition) {
  const auto steps = [&]() -> Status {
    CD_TRY(const ObjectPath path, ObjectPath::from_key(key));
    if (!content_type.empty() || !metadata.empty()) {
      CD_TRY_VOID(write_labels(made.fd.get(), content_type, metadata));
    }
    CD_TRY_VOID(write_etag(made.fd.get(), etag));
    if (sync_ && ::fdatasync(made.fd.get()) != 0) return fail(error_from_errno(errno, "sync a new object"));
    MutexLock lock(changes_);
    CD_TRY_VOID(check(key, condition));
    return folder_.publish(made.name, path);
  };
  const Status done = steps();
  if (!done) folder_.drop_temporary(made.name);
  return done;
}

Status DirectoryStore::check(const std::string& key, const Condition& condition) {
  if (condition.kind == Condition::Kind::none) return {};
  const auto found = folder_.find(key);
  if (!found && found.error().code != Code::not_found) return fail(found.error());
  if (condition.kind == Condition::Kind::if_absent) {
    if (!found) return {};
    return fail(Code::precondition_failed, fmt::format("\"{}\" exists already", printable(key)));
  }
  if (!found || found->head.info.etag != condition.etag) return fail(changed(key));
  return {};
}

Result<PutReply> DirectoryStore::do_copy(const CopyRequest& request) {
  if (request.key == request.source_key || request.key.ends_with('/')) return relabel(request);
  CD_TRY(const auto source, folder_.find(request.source_key));
  const ObjectInfo& info = source.head.info;
  if (!request.source_etag.empty() && request.source_etag != info.etag) return fail(changed(request.source_key));
  CD_TRY(auto made, folder_.make_temporary());
  auto etag = copy_bytes(source.fd.get(), 0, info.size, made.fd.get());
  if (!etag) {
    folder_.drop_temporary(made.name);
    return fail(etag.error());
  }
  CD_TRY_VOID(publish(std::move(made), request.key, *etag, request.content_type, request.metadata, request.condition));
  return PutReply{std::move(*etag)};
}

// New labels for what is there already; the bytes stay where they are. Also the copy of a folder's marker.
Result<PutReply> DirectoryStore::relabel(const CopyRequest& request) {
  CD_TRY(const auto source, folder_.find(request.source_key));
  const std::string etag = source.head.info.etag;
  if (request.key != request.source_key) {
    PutRequest marker;
    marker.key = request.key;
    marker.content_type = request.content_type;
    marker.metadata = request.metadata;
    marker.condition = request.condition;
    if (!request.source_etag.empty() && request.source_etag != etag) return fail(changed(request.source_key));
    return do_put(marker);
  }
  MutexLock lock(changes_);
  CD_TRY_VOID(check(request.key, request.condition));
  if (!request.source_etag.empty()) {
    CD_TRY_VOID(check(request.key, Condition::if_match(request.source_etag)));
  }
  CD_TRY(const auto now, folder_.find(request.key));
  CD_TRY_VOID(write_labels(now.fd.get(), request.content_type, request.metadata));
  return PutReply{now.head.info.etag};
}

Status DirectoryStore::do_remove(const std::string& key, const std::string& etag) {
  CD_TRY(const ObjectPath path, ObjectPath::from_key(key));
  MutexLock lock(changes_);
  const auto found = folder_.find(key);
  if (!found) return found.error().code == Code::not_found ? Status() : Status(fail(found.error()));
  if (!etag.empty() && found->head.info.etag != etag) return fail(changed(key));
  if (path.is_marker()) {
    drop_marker(found->fd.get());
  } else {
    CD_TRY(const UniqueFd folder, folder_.parent(path, false));
    if (::unlinkat(folder.get(), path.name.c_str(), 0) != 0 && errno != ENOENT) {
      return fail(error_from_errno(errno, fmt::format("remove \"{}\"", printable(key))));
    }
  }
  folder_.prune(path.folders);
  return {};
}

}  // namespace cd
