// DirectoryStore: a folder as a bucket (file://). One object is one plain file, so every other program sees
// the same library. The layout on disk is object_folder.h's; this is the ObjectStore on top of it.
//
//  * A put is whole or not at all: written beside, synced, renamed. Conditions are checked under one lock
//    with the rename, so they hold among all users of this store object; programs that write into the folder
//    directly are not held by them.
//  * ETags are MD5 as S3 has them ("-n" after multipart); files that others wrote have a made-up one that
//    changes with their time, size or inode.
//  * A folder cannot have the name of a file: Code::not_directory and Code::is_directory.
//  * Removing the last object of a folder removes the folder too, unless its marker was put.
// Thread-safe. Work is done on its own threads `disk-0` … `disk-3`; nothing waits for the network.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "remote/folder_lister.h"
#include "remote/object_folder.h"
#include "remote/probeable.h"
#include "remote/work_lanes.h"

namespace cd {

struct DirectoryOptions {
  int workers = 4;
  bool sync = true;  // a put is on the device before it is called stored
};

class DirectoryStore final : public ObjectStore, public Probeable {
 public:
  static Result<std::unique_ptr<DirectoryStore>> open(const std::string& root, const DirectoryOptions& options);

  void get(GetRequest request, CallOptions options, Done<GetReply> done) override;
  void head(std::string key, CallOptions options, Done<ObjectHead> done) override;
  void list(ListRequest request, CallOptions options, Done<ListReply> done) override;
  void put(PutRequest request, CallOptions options, Done<PutReply> done) override;
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override;
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override;
  void multipart_begin(PutRequest request, CallOptions options, Done<UploadId> done) override;
  void multipart_part(PartRequest request, CallOptions options, Done<Part> done) override;
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override;
  void multipart_abort(UploadId upload, CallOptions options, Done<void> done) override;
  [[nodiscard]] Result<std::string> presign(const std::string& key, std::chrono::seconds lifetime) override;
  [[nodiscard]] StoreTraits traits() const override;

  [[nodiscard]] Result<StoreTraits> probe(Millis deadline) override;
  void adopt(const StoreTraits&) override {}  // what a folder can do is known

 private:
  DirectoryStore(ObjectFolder folder, std::string root, const DirectoryOptions& options);

  template <class T>
  void work(const CallOptions& options, Done<T> done, std::function<Result<T>()> body);

  Result<GetReply> do_get(const GetRequest& request);
  Result<PutReply> do_put(const PutRequest& request);
  Result<PutReply> do_put_marker(const PutRequest& request, const ObjectPath& path);
  Result<PutReply> do_copy(const CopyRequest& request);
  Result<PutReply> relabel(const CopyRequest& request);
  Status do_remove(const std::string& key, const std::string& etag);
  Result<UploadId> do_begin(const PutRequest& request);
  Result<Part> do_part(const PartRequest& request);
  Result<PutReply> do_finish(const FinishRequest& request);
  Status do_abort(const UploadId& upload);

  // Labels, ETag, sync; then, under the lock, condition and rename. Removes the temporary on failure.
  Status publish(ObjectFolder::Temporary made, const std::string& key, const std::string& etag,
                 const std::string& content_type, const Metadata& metadata, const Condition& condition);
  Status check(const std::string& key, const Condition& condition) CD_REQUIRES(changes_);

  const ObjectFolder folder_;
  const FolderLister lister_{folder_};
  const std::string root_;
  const bool sync_;

  Mutex changes_;  // held while a condition is checked and the change it guards is made; a few system calls

  std::unique_ptr<WorkLanes> lanes_;  // last: its end waits for work that uses all of the above
};

}  // namespace cd
