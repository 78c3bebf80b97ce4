// DrivePlace: where a drive keeps its things on this machine. The same bucket, prefix and endpoint give the same
// place, however the URL was typed. Folders are private to the user (0700).
//
// DriveLock: one daemon a drive. Its file says which process serves which mount point, so that commands find the
// daemon without asking the drive; the lock itself (flock) says whether it still lives.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

#include "app/config.h"
#include "base/result.h"
#include "remote/open_store.h"

namespace cd {

struct DrivePlace {
  std::string id;         // "my-bucket-kits-1a2b3c4d"
  std::string state_dir;  // <state>/<id>
  std::string cache_dir;  // <cache>/<id>
};

[[nodiscard]] std::string drive_id(const StoreUrl& url, const std::string& endpoint);
[[nodiscard]] DrivePlace place_of(const StoreUrl& url, const Config& config);
[[nodiscard]] std::string state_home(const Config& config);
// "" = the system's place is not known (no HOME).
[[nodiscard]] std::string xdg_home(const char* variable, const char* below_home);

struct DaemonRecord {
  pid_t pid = 0;
  std::string mount_point;
  std::string url;
  std::string control_name;
  std::string lock_file;

  [[nodiscard]] std::string to_json() const;
  static Result<DaemonRecord> from_json(const std::string& text);
};

class DriveLock {
 public:
  // busy: another daemon has the drive; the message names its mount point. One that `is_ending` is given some seconds
  // to end, so that a mount right after an unmount works.
  using IsEnding = std::function<bool(const DaemonRecord& holder)>;
  [[nodiscard]] static Result<DriveLock> take(const std::string& state_dir, const IsEnding& is_ending = {});
  DriveLock(DriveLock&& other) noexcept : fd_(other.fd_), path_(std::move(other.path_)) { other.fd_ = -1; }
  DriveLock& operator=(DriveLock&&) = delete;
  ~DriveLock();

  [[nodiscard]] Status describe(const DaemonRecord& record);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  DriveLock(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
};

// Is a process holding this lock file?
[[nodiscard]] bool is_locked(const std::string& lock_file);
// The living daemon that serves this mount point; empty if none of this user's does.
[[nodiscard]] std::optional<DaemonRecord> find_daemon(const std::string& state_home, const std::string& mount_point);
[[nodiscard]] std::vector<DaemonRecord> living_daemons(const std::string& state_home);

}  // namespace cd
