// Disk: the seam for local files. Journal and cache reach files only through it, so that tests can drop
// what was not synced, fill the disk, or tear a write.
// Paths are absolute. Files are made 0600 and folders 0700 (DESIGN P10). Errors carry the path.
// Thread-safe; a DiskFile may be read and written by many threads at once (pread/pwrite). A DiskFile must
// not outlive its Disk. system_disk() lives for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cd {

class DiskFile {
 public:
  virtual ~DiskFile() = default;

  // Up to `length` bytes at `offset`; fewer only at the end of the file.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) = 0;
  // All of `bytes` at `offset`, or an error; after an error any part may be written.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  // Data and the size needed to read it are on the device (fdatasync).
  [[nodiscard]] virtual Status sync() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() = 0;
  // The descriptor behind it, for splice, mmap and SEEK_HOLE; -1 where there is none.
  [[nodiscard]] virtual int fd() const { return -1; }
};

enum class OpenMode { read, write, create, create_new };  // write, create, create_new can also read

class Disk {
 public:
  virtual ~Disk() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) = 0;
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  [[nodiscard]] virtual Status remove(const std::string& path) = 0;           // a file; not_found if absent
  [[nodiscard]] virtual Status make_dirs(const std::string& path) = 0;        // and its parents
  [[nodiscard]] virtual Status remove_tree(const std::string& path) = 0;      // fine if absent
  // Names that were created, renamed or removed in this folder are on the device.
  [[nodiscard]] virtual Status sync_dir(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, unsorted
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;

  struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;  // for this user
  };
  [[nodiscard]] virtual Result<Space> space(const std::string& path) = 0;
};

[[nodiscard]] Disk& system_disk();

// Like Disk::make_dirs, and every folder that it made is on the device.
[[nodiscard]] Status make_dirs_durably(Disk& disk, const std::string& path);
[[nodiscard]] std::string folder_of_path(const std::string& path);  // "/" for what lies at the root

// Which start of this machine it is: what was not synced is gone when this changes. "" = cannot be told.
[[nodiscard]] std::string boot_id_of_machine(Disk& disk);

// Whole small files, in one call.
[[nodiscard]] Result<std::string> read_file(Disk& disk, const std::string& path);
// Written beside it, synced, renamed over it: readers see the old bytes or the new, also after power loss.
[[nodiscard]] Status write_file_atomically(Disk& disk, const std::string& path, std::string_view bytes);

}  // namespace cd
