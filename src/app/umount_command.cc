// umount: waits until everything is in the bucket, with a bar on a terminal and plain lines elsewhere, then unmounts
// and waits until the daemon has really ended (its lock is free). --now does not wait for uploads.
#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/commands.h"
#include "app/mounts.h"
#include "app/umount_progress.h"
#include "base/disk.h"
#include "base/text.h"
#include "fs/fuse_session.h"

namespace cd {

namespace {

constexpr std::chrono::milliseconds kPollPause{250};
constexpr std::chrono::seconds kLineEvery{5};
constexpr std::chrono::seconds kDaemonPatience{30};
constexpr std::size_t kNamesShown = 3;

// ---- who keeps a drive busy: as fuser(1) finds out, by /proc.

bool points_into(const std::string& link, const std::string& folder) {
  char target[4096];
  const ssize_t n = ::readlink(link.c_str(), target, sizeof target);
  if (n <= 0) return false;
  const std::string_view path(target, static_cast<std::size_t>(n));
  return path == folder || path.starts_with(folder + "/");
}

bool uses(const std::string& proc, const std::string& folder) {
  if (points_into(proc + "/cwd", folder) || points_into(proc + "/root", folder)) return true;
  DIR* dir = ::opendir((proc + "/fd").c_str());
  if (dir == nullptr) return false;
  bool found = false;
  while (const dirent* entry = ::readdir(dir)) found = found || points_into(proc + "/fd/" + entry->d_name, folder);
  ::closedir(dir);
  return found;
}

std::string users_of(const std::string& folder) {
  std::vector<std::string> names;
  const auto processes = system_disk().list("/proc");
  for (const std::string& pid : processes ? *processes : std::vector<std::string>{}) {
    if (pid.find_first_not_of("0123456789") != std::string::npos || !uses("/proc/" + pid, folder)) continue;
    std::ifstream comm("/proc/" + pid + "/comm");  // such files say that they are empty: no whole-file read
    std::string name;
    std::getline(comm, name);
    names.push_back(fmt::format("{} ({})", name.empty() ? "?" : printable(name), pid));
  }
  if (names.empty()) return "";
  const std::size_t more = names.size() > kNamesShown ? names.size() - kNamesShown : 0;
  names.resize(names.size() - more);
  std::string text = fmt::format(": {}", fmt::join(names, ", "));
  return more == 0 ? text : text + fmt::format(" and {} more", more);
}

// ---- draining

class ProgressPrinter {
 public:
  void show(const DrainProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const std::string text = drain_line(progress);
    if (terminal_) {
      std::printf("\r\033[K%s", text.c_str());
      drawn_ = true;
    } else if (text != last_ && now - printed_ >= kLineEvery) {
      std::printf("%s\n", text.c_str());
      printed_ = now;
      last_ = text;
    }
    std::fflush(stdout);
  }
  ~ProgressPrinter() {
    if (drawn_) std::printf("\r\033[K");
    std::fflush(stdout);
  }

 private:
  const bool terminal_ = ::isatty(STDOUT_FILENO) == 1;
  bool drawn_ = false;
  std::string last_;
  std::chrono::steady_clock::time_point printed_{};
};

// Until nothing is left that could be uploaded. Gives what stays behind, "" if nothing.
Result<std::string> drain(const MountedDrive& drive) {
  ProgressPrinter printer;
  DrainProgress progress;
  CD_TRY_VOID(write_control_file(drive, "control", "sync\n"));
  while (true) {
    CD_TRY(const std::string text, read_control_file(drive, "status.json"));
    CD_TRY_VOID(progress.update(text));
    if (progress.over()) return progress.left_behind();
    printer.show(progress);
    std::this_thread::sleep_for(kPollPause);
  }
}

// ---- the end

// A process that nobody has waited for yet has ended all the same.
bool runs(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  const std::size_t state = stat.rfind(") ") + 2;
  return stat.rfind(") ") != std::string::npos && state < stat.size() && stat[state] != 'Z' && stat[state] != 'X';
}

// Its lock goes first, then it closes its cache: only then is all of it at rest.
bool wait_for_end(const std::optional<DaemonRecord>& daemon) {
  if (!daemon) return true;
  const auto until = std::chrono::steady_clock::now() + kDaemonPatience;
  while (is_locked(daemon->lock_file) || (daemon->pid > 0 && runs(daemon->pid))) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Outcome finish(const MountedDrive& drive, const std::string& left_behind) {
  if (!wait_for_end(drive.daemon)) {
    return Outcome::fail(ExitCode::failed, fmt::format("{} is unmounted, but its daemon (process {}) is still ending",
                                                       printable(drive.mount_point), drive.daemon->pid));
  }
  std::printf("unmounted %s\n", printable(drive.mount_point).c_str());
  if (!left_behind.empty()) std::printf("%s\n", left_behind.c_str());
  return Outcome::ok();
}

Outcome unmount_now(const MountedDrive& drive) {
  // The daemon takes its mount down even where files on it are open.
  if (drive.daemon && drive.daemon->pid > 0 && ::kill(drive.daemon->pid, SIGTERM) == 0) {
    if (wait_for_end(drive.daemon)) {
      const auto state = mount_state(drive.mount_point);
      if (!state || *state != MountState::free) {
        if (const Status gone = unmount(drive.mount_point, true); !gone) {
          return Outcome::fail(ExitCode::mount, gone.error());
        }
      }
    }
    return finish(drive, "");
  }
  if (const Status gone = unmount(drive.mount_point, true); !gone) return Outcome::fail(ExitCode::mount, gone.error());
  return finish(drive, "");
}

Outcome unmount_drained(const MountedDrive& drive) {
  const auto left_behind = drain(drive);
  if (!left_behind) {
    return Outcome::fail(ExitCode::failed, fmt::format("{}; to unmount without waiting: cratedrive umount --now {}",
                                                       left_behind.error().message, printable(drive.mount_point)));
  }
  const Status gone = unmount(drive.mount_point, false);
  if (gone) return finish(drive, *left_behind);
  if (gone.error().code != Code::busy) return Outcome::fail(ExitCode::mount, gone.error());
  return Outcome::fail(ExitCode::busy, fmt::format("{0} is in use{1}; close what is open there and try again, or: "
                                                   "cratedrive umount --now {0}", printable(drive.mount_point),
                                                   users_of(drive.mount_point)));
}

}  // namespace

Outcome run_umount(const UmountArguments& arguments, const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const auto path = absolute_path(arguments.directory);
  if (!path) return Outcome::fail(ExitCode::mount, path.error());
  const auto state = mount_state(*path);
  if (!state) return Outcome::fail(ExitCode::mount, state.error());
  if (*state == MountState::dead) {
    if (const Status gone = unmount(*path, true); !gone) return Outcome::fail(ExitCode::mount, gone.error());
    std::printf("removed the dead mount point %s; what was pending goes on at the next mount\n", printable(*path).c_str());
    return Outcome::ok();
  }
  if (*state != MountState::ours) {
    return Outcome::fail(ExitCode::mount, fmt::format("no drive of cratedrive is mounted on {}", printable(arguments.directory)));
  }
  const auto drive = drive_of(*path, state_home(*config));
  if (!drive) return Outcome::fail(ExitCode::mount, drive.error());
  if (drive->mount_point != *path) {
    return Outcome::fail(ExitCode::mount, fmt::format("{} is inside the drive on {}", printable(*path), printable(drive->mount_point)));
  }
  return arguments.now ? unmount_now(*drive) : unmount_drained(*drive);
}

}  // namespace cd
