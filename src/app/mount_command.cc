// mount: all that can be found out without a thread is checked here; then a child becomes the daemon and tells
// through a pipe whether the drive is up. The parent ends well only when the drive has answered it.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "app/commands.h"
#include "app/daemon.h"
#include "app/mounts.h"
#include "base/text.h"
#include "fs/fuse_session.h"

namespace cd {

namespace {

constexpr std::chrono::seconds kAnswerPatience{30};

using Planned = tl::expected<MountPlan, Outcome>;

tl::unexpected<Outcome> refuse(ExitCode code, std::string message) {
  return tl::make_unexpected(Outcome::fail(code, std::move(message)));
}

bool is_within(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder == "/" ? folder : folder + "/");
}

bool is_empty_folder(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return true;  // cannot look: FUSE will say why, if it minds
  bool empty = true;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  ::closedir(dir);
  return empty;
}

// The mount point, absolute and free; a dead mount of a killed daemon is cleaned away first.
tl::expected<std::string, Outcome> prepare_mount_point(const std::string& directory) {
  const auto path = absolute_path(directory);
  const std::string shown = printable(directory);
  if (!path) {
    if (path.error().code == Code::not_found) {
      return refuse(ExitCode::mount, fmt::format("there is no folder {0}; make it first: mkdir {0}", shown));
    }
    return refuse(ExitCode::mount, path.error().message);
  }
  auto state = mount_state(*path);
  if (state && *state == MountState::dead) {
    if (const Status gone = unmount(*path, true); !gone) return refuse(ExitCode::mount, gone.error().message);
    state = mount_state(*path);
  }
  if (!state) return refuse(ExitCode::mount, state.error().message);
  if (*state == MountState::ours) {
    return refuse(ExitCode::busy, fmt::format("a drive is mounted on {0} already; unmount it first: cratedrive umount {0}", shown));
  }
  if (*state == MountState::foreign) {
    return refuse(ExitCode::mount, fmt::format("something else is mounted on {}; choose another folder", shown));
  }
  if (*state == MountState::dead) {
    return refuse(ExitCode::mount, fmt::format("{0} is a dead mount point; remove it first: fusermount3 -uz {0}", shown));
  }
  struct stat info {};
  if (::stat(path->c_str(), &info) != 0) return refuse(ExitCode::mount, error_from_errno(errno, shown).message);
  if (!S_ISDIR(info.st_mode)) return refuse(ExitCode::mount, fmt::format("{} is not a folder; a drive is mounted on an empty folder", shown));
  if (!is_empty_folder(*path)) return refuse(ExitCode::mount, fmt::format("{} is not empty; a drive is mounted on an empty folder", shown));
  return *path;
}

tl::expected<void, Outcome> check_fuse() {
  const int fd = ::open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
    return {};
  }
  if (errno == ENOENT) {
    return refuse(ExitCode::mount, "there is no /dev/fuse; load FUSE (modprobe fuse), or start the container with --device /dev/fuse");
  }
  return refuse(ExitCode::mount, fmt::format("{}; this user needs access to /dev/fuse", error_from_errno(errno, "open /dev/fuse").message));
}

// A drive whose own files lie on the drive would wait for itself.
tl::expected<void, Outcome> check_folders(const MountPlan& plan) {
  if (plan.place.state_dir.empty() || plan.place.cache_dir.empty()) {
    return refuse(ExitCode::usage, "HOME is not set; set it, or give --state-dir and --cache-dir");
  }
  for (const std::string& dir : {plan.place.state_dir, plan.place.cache_dir}) {
    if (is_within(dir, plan.mount_point)) {
      return refuse(ExitCode::mount, fmt::format("{} would lie on the drive itself; choose another folder for it or mount elsewhere", printable(dir)));
    }
  }
  if (plan.url.scheme != "file") return {};
  if (is_within(plan.mount_point, plan.url.bucket) || is_within(plan.url.bucket, plan.mount_point)) {
    return refuse(ExitCode::mount, "the mount point and the bucket's folder lie in one another; mount elsewhere");
  }
  return {};
}

Planned make_plan(const MountArguments& arguments, const CommandContext& context) {
  auto url = StoreUrl::parse(arguments.url);
  if (!url) return refuse(ExitCode::usage, url.error().message);
  auto config = context.config(url->to_string());
  if (!config) return refuse(ExitCode::usage, config.error().message);
  if (const auto fuse = check_fuse(); !fuse) return tl::make_unexpected(fuse.error());
  auto mount_point = prepare_mount_point(arguments.directory);
  if (!mount_point) return tl::make_unexpected(mount_point.error());
  MountPlan plan{*url, *config, place_of(*url, *config), *mount_point, arguments.foreground};
  if (const auto fine = check_folders(plan); !fine) return tl::make_unexpected(fine.error());
  return plan;
}

std::string mounted_line(const MountPlan& plan, const std::string& note) {
  std::string line = fmt::format("mounted {} on {}", plan.url.to_string(), printable(plan.mount_point));
  return note.empty() ? line : line + "; " + printable(note);
}

// The drive is up when a program can read its status through the mount.
Status ask_drive(const MountPlan& plan) {
  MountedDrive drive;
  drive.mount_point = plan.mount_point;
  drive.control_name = plan.config.control_name;
  CD_TRY(const std::string status, read_control_file(drive, "status", kAnswerPatience));
  return status.empty() ? fail(Code::io, "the drive gave an empty status") : Status{};
}

Outcome stay_in_front(const MountPlan& plan) {
  auto daemon = Daemon::start(plan);
  if (!daemon) return daemon.error();
  std::printf("%s\n", mounted_line(plan, (*daemon)->note()).c_str());
  std::fflush(stdout);
  return (*daemon)->run();
}

// ---- in the background. The message through the pipe: an exit code as a digit, then the sentence; "0" and a note when
// the drive is mounted.

void tell(int pipe, ExitCode code, const std::string& text) {
  const std::string message = fmt::format("{}{}", static_cast<int>(code), text);
  if (::write(pipe, message.data(), message.size()) < 0) ::perror("cratedrive: telling the parent");
  ::close(pipe);
}

// The terminal is the user's again. What a crash says in the end goes to a file of the drive.
void leave_terminal(const std::string& state_dir) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int crash = ::open((state_dir + "/stderr.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (null < 0) return;
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(crash < 0 ? null : crash, STDERR_FILENO);
  ::close(null);
  if (crash >= 0) ::close(crash);
}

Outcome become_daemon(const MountPlan& plan, int pipe) {
  ::setsid();
  if (::chdir("/") != 0) ::perror("cratedrive: chdir /");
  auto daemon = Daemon::start(plan);
  if (!daemon) {
    tell(pipe, daemon.error().code, daemon.error().message);
    return Outcome{daemon.error().code, ""};  // the parent says it
  }
  leave_terminal(plan.place.state_dir);
  tell(pipe, ExitCode::ok, (*daemon)->note());
  return (*daemon)->run();
}

Outcome hear_daemon(const MountPlan& plan, int pipe, pid_t child) {
  std::string message;
  std::array<char, 4096> buffer;
  for (ssize_t n = 1; n != 0;) {
    n = ::read(pipe, buffer.data(), buffer.size());
    if (n > 0) message.append(buffer.data(), static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  if (message.empty()) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return Outcome::fail(ExitCode::failed, fmt::format("the daemon ended before the drive was up; see {}/cratedrive.log",
                                                       printable(plan.place.state_dir)));
  }
  const auto code = static_cast<ExitCode>(message[0] - '0');
  message.erase(0, 1);
  if (code != ExitCode::ok) {
    ::waitpid(child, nullptr, 0);  // its locks are free when we return
    return Outcome::fail(code, message);
  }
  if (const Status answered = ask_drive(plan); !answered) {
    ::kill(child, SIGTERM);
    return Outcome::fail(ExitCode::mount, "the drive was mounted but does not answer: " + answered.error().message);
  }
  std::printf("%s\n", mounted_line(plan, message).c_str());
  return Outcome::ok();
}

}  // namespace

Outcome run_mount(const MountArguments& arguments, const CommandContext& context) {
  const auto plan = make_plan(arguments, context);
  if (!plan) return plan.error();
  if (plan->foreground) return stay_in_front(*plan);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Outcome::fail(ExitCode::failed, error_from_errno(errno, "pipe"));
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) return Outcome::fail(ExitCode::failed, error_from_errno(errno, "fork"));
  if (child == 0) {
    ::close(ends[0]);
    return become_daemon(*plan, ends[1]);
  }
  ::close(ends[1]);
  const Outcome outcome = hear_daemon(*plan, ends[0], child);
  ::close(ends[0]);
  return outcome;
}

}  // namespace cd
