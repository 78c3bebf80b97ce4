// Multipart uploads of DirectoryStore: a folder ".cratedrive-tmp/mp-<n>" holds the labels (as those of the
// file "labels") and one file a part, "00001" …; finish writes them one after another into a new object.
// They survive the process, so an upload can go on after a restart.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "base/text.h"
#include "remote/digest.h"
#include "remote/directory_store.h"
#include "remote/file_bytes.h"

namespace cd {

namespace {

constexpr const char* kLabels = "labels";

std::string part_name(int number) { return fmt::format("{:05}", number); }

Error no_such_upload(const UploadId& upload) {
  return Error{Code::not_found, fmt::format("no multipart upload {} of \"{}\"", printable(upload.id),
                                            printable(upload.key))};
}

// The upload's folder; its id comes from outside and must not lead elsewhere.
Result<UniqueFd> open_upload(const ObjectFolder& folder, const UploadId& upload) {
  if (!upload.id.starts_with("mp-") || upload.id.find('/') != std::string::npos) return fail(no_such_upload(upload));
  UniqueFd fd(::openat(folder.temporary(), upload.id.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail(no_such_upload(upload));
  return fd;
}

Result<UniqueFd> open_file(int folder, const std::string& name, int flags) {
  UniqueFd fd(::openat(folder, name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd) return fail(error_from_errno(errno, fmt::format("open the part {} of an upload", name)));
  return fd;
}

Status drop_upload(const ObjectFolder& folder, const UploadId& upload, int fd) {
  const int own = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = own < 0 ? nullptr : ::fdopendir(own);
  if (dir == nullptr) return fail(error_from_errno(errno, "read a multipart upload"));
  while (const dirent* entry = ::readdir(dir)) (void)::unlinkat(fd, entry->d_name, 0);
  ::closedir(dir);
  if (::unlinkat(folder.temporary(), upload.id.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return fail(error_from_errno(errno, "remove a multipart upload"));
  }
  return {};
}

}  // namespace

Result<UploadId> DirectoryStore::do_begin(const PutRequest& request) {
  CD_TRY(const ObjectPath path, ObjectPath::from_key(request.key));
  if (path.is_marker()) return fail(Code::invalid, "a folder's marker is not uploaded in parts");
  std::random_device random;
  const UploadId upload{request.key, fmt::format("mp-{:08x}{:08x}{:08x}", random(), random(), random())};
  if (::mkdirat(folder_.temporary(), upload.id.c_str(), 0700) != 0) {
    return fail(error_from_errno(errno, "begin a multipart upload"));
  }
  CD_TRY(const UniqueFd folder, open_upload(folder_, upload));
  CD_TRY(const UniqueFd labels, open_file(folder.get(), kLabels, O_RDWR | O_CREAT | O_EXCL));
  CD_TRY_VOID(write_labels(labels.get(), request.content_type, request.metadata));
  return upload;
}

Result<Part> DirectoryStore::do_part(const PartRequest& request) {
  if (request.number < 1 || request.number > 10'000) return fail(Code::invalid, "part numbers go from 1 to 10,000");
  CD_TRY(const UniqueFd folder, open_upload(folder_, request.upload));
  const std::string temporary = part_name(request.number) + ".new";
  CD_TRY(const UniqueFd to, open_file(folder.get(), temporary, O_RDWR | O_CREAT | O_TRUNC));
  Part part{.number = request.number, .etag = {}, .size = 0};
  if (request.body) {
    CD_TRY_VOID(write_exactly(to.get(), *request.body));
    part.etag = md5_hex(*request.body);
    part.size = request.body->size();
  } else {
    CD_TRY(const auto source, folder_.find(request.source_key));
    const ObjectInfo& info = source.head.info;
    if (!request.source_etag.empty() && request.source_etag != info.etag) {
      return fail(Code::precondition_failed,
                  fmt::format("\"{}\" is another version by now", printable(request.source_key)));
    }
    if (request.source_offset > info.size || request.source_length > info.size - request.source_offset) {
      return fail(Code::invalid, fmt::format("\"{}\" has no such range", printable(request.source_key)));
    }
    CD_TRY(part.etag, copy_bytes(source.fd.get(), request.source_offset, request.source_length, to.get()));
    part.size = request.source_length;
  }
  CD_TRY_VOID(write_etag(to.get(), part.etag));
  if (::renameat(folder.get(), temporary.c_str(), folder.get(), part_name(request.number).c_str()) != 0) {
    return fail(error_from_errno(errno, "keep a part of an upload"));
  }
  return part;
}

Result<PutReply> DirectoryStore::do_finish(const FinishRequest& request) {
  if (request.parts.empty()) return fail(Code::invalid, "a multipart upload needs at least one part");
  CD_TRY(const UniqueFd folder, open_upload(folder_, request.upload));
  ObjectHead head;
  CD_TRY(const UniqueFd labels, open_file(folder.get(), kLabels, O_RDONLY));
  read_labels(labels.get(), head);
  CD_TRY(auto made, folder_.make_temporary());
  const auto join = [&]() -> Result<std::string> {
    std::vector<std::string> etags;
    int number_before = 0;
    for (const Part& part : request.parts) {
      if (part.number <= number_before) return fail(Code::invalid, "the parts of an upload must ascend");
      number_before = part.number;
      CD_TRY(const UniqueFd from, open_file(folder.get(), part_name(part.number), O_RDONLY));
      struct stat stat {};
      if (::fstat(from.get(), &stat) != 0) return fail(error_from_errno(errno, "stat a part"));
      CD_TRY(const std::string etag,
             copy_bytes(from.get(), 0, static_cast<std::uint64_t>(stat.st_size), made.fd.get()));
      if (etag != part.etag) {
        return fail(Code::invalid, fmt::format("part {} is not the one that was announced", part.number));
      }
      etags.push_back(etag);
    }
    return multipart_etag(etags);
  };
  auto etag = join();
  if (!etag) {
    folder_.drop_temporary(made.name);
    return fail(etag.error());
  }
  CD_TRY_VOID(publish(std::move(made), request.upload.key, *etag, head.content_type, head.metadata,
                      request.condition));
  CD_TRY_VOID(drop_upload(folder_, request.upload, folder.get()));
  return PutReply{std::move(*etag)};
}

Status DirectoryStore::do_abort(const UploadId& upload) {
  const auto folder = open_upload(folder_, upload);
  if (!folder) return {};
  return drop_upload(folder_, upload, folder->get());
}

}  // namespace cd
