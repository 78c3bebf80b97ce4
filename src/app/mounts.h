// Mounted drives as the commands find them: by /proc/self/mountinfo and by the daemons' own records.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/drive_place.h"
#include "base/result.h"

namespace cd {

struct MountedDrive {
  std::string mount_point;
  std::string source;                        // the URL
  std::string control_name = ".cratedrive";
  std::optional<DaemonRecord> daemon;        // none: its process is not this user's, or dead
};

// Drives of cratedrive in the text of a mountinfo file (proc(5)); octal escapes undone. Pure.
[[nodiscard]] std::vector<MountedDrive> drives_in(std::string_view mountinfo);
[[nodiscard]] std::vector<MountedDrive> mounted_drives(const std::string& state_home);
// The drive that a path is on; not_found says so in a sentence.
[[nodiscard]] Result<MountedDrive> drive_of(const std::string& path, const std::string& state_home);

// What somebody calls a drive: the URL of a bucket, a folder on a mounted drive, or "" for the only one that is mounted.
struct NamedDrive {
  std::string url;
  std::optional<MountedDrive> mounted;
};
// invalid: not to be understood; not_found: the folder is on no drive.
[[nodiscard]] Result<NamedDrive> named_drive(const std::string& where, const std::string& state_home);

// Absolute, without symlinks in front of the last part; works on a dead mount point, which cannot be looked into.
[[nodiscard]] Result<std::string> absolute_path(const std::string& path);

// A virtual file, whole. `wait`: Code::timeout after so long, so that a hanging drive does not hang the command.
[[nodiscard]] Result<std::string> read_control_file(const MountedDrive& drive, const std::string& name,
                                                    std::chrono::seconds wait = std::chrono::seconds(20));
[[nodiscard]] Status write_control_file(const MountedDrive& drive, const std::string& name, const std::string& text);

}  // namespace cd
