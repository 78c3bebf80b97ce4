// ObjectFolder: the folder behind a file:// bucket, as descriptors: finds, makes and removes the files that
// objects are. It knows how an object lies on disk and nothing of conditions, pages or threads.
//
// An object is a plain file. What a plain file cannot say lies in extended attributes:
//   user.cratedrive.etag   "<md5 or multipart ETag> <mtime_ns> <size>"; it counts only while time and size fit
//   user.cratedrive.meta   JSON {"type": content type, "meta": {name: value}}
//   user.cratedrive.marker on a folder: its key "dir/" was put as an object
// A file that others wrote has the ETag "<mtime_ns>-<size>-<inode>". An empty folder counts as its marker.
// Symlinks are never followed and never listed, so nothing outside the folder can be reached.
//
// Thread-safe as far as the file system is; callers serialise what must not interleave.
#pragma once

#include <sys/stat.h>

#include <string>

#include "base/unique_fd.h"
#include "base/result.h"
#include "remote/object_path.h"
#include "remote/object_store.h"

namespace cd {

class ObjectFolder {
 public:
  // The folder must exist, and its file system must keep extended attributes.
  static Result<ObjectFolder> open(const std::string& root);

  // The folder that holds the file (for a marker: the folder itself). not_found if it is not there.
  // With `make` missing folders are made; Code::not_directory when a file stands in the way.
  [[nodiscard]] Result<UniqueFd> parent(const ObjectPath& path, bool make) const;
  // The object's file (for a marker: its folder), open for reading.
  struct Found {
    UniqueFd fd;
    ObjectHead head;
  };
  [[nodiscard]] Result<Found> find(const std::string& key) const;
  [[nodiscard]] Result<Found> find_in(int parent, const std::string& name, const std::string& key) const;

  // Removes folders from the innermost outwards as long as they are empty and no marker was put.
  void prune(std::vector<std::string> folders) const;

  // A new file below the temporary folder, to be renamed by `publish` or removed by its owner.
  struct Temporary {
    UniqueFd fd;
    std::string name;
  };
  [[nodiscard]] Result<Temporary> make_temporary() const;
  [[nodiscard]] Status publish(const std::string& temporary, const ObjectPath& to) const;
  void drop_temporary(const std::string& temporary) const;
  // Leftovers of a killed process, older than a day. Multipart uploads stay: they can be resumed.
  void sweep() const;

  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] int temporary() const { return temporary_.get(); }

 private:
  UniqueFd root_;
  UniqueFd temporary_;
};

// What lies in the attributes of one open file or folder.
[[nodiscard]] std::string etag_of(int fd, const struct stat& stat);
[[nodiscard]] Status write_etag(int fd, const std::string& etag);
[[nodiscard]] Status write_labels(int fd, const std::string& content_type, const Metadata& metadata);
void read_labels(int fd, ObjectHead& head);
[[nodiscard]] bool has_marker(int folder);
[[nodiscard]] Status write_marker(int folder);
void drop_marker(int folder);
// "." and ".." and, in the bucket's own folder, the temporary one aside, is there anything that could be a key?
[[nodiscard]] bool is_empty_folder(int folder);
[[nodiscard]] std::string marker_etag();  // MD5 of no bytes
[[nodiscard]] std::int64_t modified_ns(const struct stat& stat);
[[nodiscard]] Error no_such_key(const std::string& key);

}  // namespace cd
