#include "app/mounts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>

#include "base/disk.h"
#include "base/text.h"

namespace cd {

namespace {

// "\040" is a space: how mountinfo writes what would split its fields.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

Result<std::string> read_whole(int fd, const std::string& what) {
  std::string out;
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return out;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(error_from_errno(errno, "read " + what));
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

// In the child: the file to the pipe. Its exit status is errno, 0 if all went well.
[[noreturn]] void copy_to(int out, const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) ::_exit(errno);
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) ::_exit(0);
    if (n < 0) ::_exit(errno);
    if (::write(out, buffer.data(), static_cast<std::size_t>(n)) != n) ::_exit(EIO);
  }
}

// Until the writer has closed its end; timeout when nothing came for `wait`.
Result<std::string> read_pipe(int fd, std::chrono::seconds wait, const std::string& what) {
  std::string out;
  std::array<char, 1 << 16> buffer;
  while (true) {
    pollfd poll_fd{fd, POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(wait.count() * 1000));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return fail(Code::timeout, fmt::format("{} does not answer", what));
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return out;
    if (n < 0) return fail(error_from_errno(errno, "read " + what));
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace

std::vector<MountedDrive> drives_in(std::string_view mountinfo) {
  std::vector<MountedDrive> out;
  for (std::string_view line : split(mountinfo, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 7 || dash == fields.end() || std::distance(dash, fields.end()) < 3) continue;
    if (*(dash + 1) != "fuse.cratedrive") continue;
    MountedDrive drive;
    drive.mount_point = unescape(fields[4]);
    drive.source = unescape(*(dash + 2));
    out.push_back(std::move(drive));
  }
  return out;
}

std::vector<MountedDrive> mounted_drives(const std::string& state_home) {
  const int fd = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const auto text = read_whole(fd, "/proc/self/mountinfo");
  ::close(fd);
  std::vector<MountedDrive> drives = text ? drives_in(*text) : std::vector<MountedDrive>{};
  const auto daemons = living_daemons(state_home);
  for (MountedDrive& drive : drives) {
    for (const DaemonRecord& daemon : daemons) {
      if (daemon.mount_point != drive.mount_point) continue;
      drive.daemon = daemon;
      if (!daemon.control_name.empty()) drive.control_name = daemon.control_name;
    }
  }
  return drives;
}

Result<MountedDrive> drive_of(const std::string& path, const std::string& state_home) {
  CD_TRY(const std::string wanted, absolute_path(path));
  std::optional<MountedDrive> best;
  for (MountedDrive& drive : mounted_drives(state_home)) {
    const bool inside = wanted == drive.mount_point || wanted.starts_with(drive.mount_point + "/");
    if (inside && (!best || drive.mount_point.size() >= best->mount_point.size())) best = std::move(drive);
  }
  if (!best) return fail(Code::not_found, fmt::format("{} is not on a mounted drive of cratedrive", printable(path)));
  return std::move(*best);
}

Result<NamedDrive> named_drive(const std::string& where, const std::string& state_home) {
  if (where.find("://") == std::string::npos && !where.empty()) {
    CD_TRY(MountedDrive drive, drive_of(where, state_home));
    return NamedDrive{drive.source, std::move(drive)};
  }
  std::vector<MountedDrive> drives = mounted_drives(state_home);
  std::erase_if(drives, [](const MountedDrive& drive) { return !drive.daemon; });  // of others
  if (where.empty()) {
    if (drives.size() == 1) return NamedDrive{drives[0].source, drives[0]};
    return fail(Code::invalid, drives.empty() ? "no drive is mounted; give the URL of a bucket, too"
                                              : "several drives are mounted; say which: its folder or URL");
  }
  CD_TRY(const StoreUrl url, StoreUrl::parse(where));
  NamedDrive named{url.to_string(), std::nullopt};
  for (MountedDrive& drive : drives)
    if (drive.source == named.url) named.mounted = std::move(drive);
  return named;
}

Result<std::string> absolute_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) != nullptr) return std::string(resolved);
  if (errno != ENOTCONN && errno != EACCES && errno != EIO) {
    return fail(error_from_errno(errno, printable(path)));
  }
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.ends_with('/')) trimmed.pop_back();
  const std::size_t slash = trimmed.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : trimmed.substr(0, slash);
  if (::realpath(parent.c_str(), resolved) == nullptr) return fail(error_from_errno(errno, printable(parent)));
  const std::string base = std::string(resolved) == "/" ? "" : resolved;
  return base + "/" + trimmed.substr(slash == std::string::npos ? 0 : slash + 1);
}

// A read that hangs in the kernel cannot be given up by the thread that makes it, so another process makes it.
Result<std::string> read_control_file(const MountedDrive& drive, const std::string& name, std::chrono::seconds wait) {
  const std::string path = fmt::format("{}/{}/{}", drive.mount_point, drive.control_name, name);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(error_from_errno(errno, "pipe"));
  const pid_t child = ::fork();
  if (child == 0) copy_to(ends[1], path.c_str());
  ::close(ends[1]);
  auto text = child < 0 ? Result<std::string>(fail(error_from_errno(errno, "fork"))) : read_pipe(ends[0], wait, drive.mount_point);
  ::close(ends[0]);
  if (child < 0) return text;
  if (!text) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (text && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    return fail(error_from_errno(WEXITSTATUS(status), "read " + path));
  }
  return text;
}

Status write_control_file(const MountedDrive& drive, const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/{}/{}", drive.mount_point, drive.control_name, name);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(error_from_errno(errno, "open " + path));
  const ssize_t n = ::write(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (n != static_cast<ssize_t>(text.size())) return fail(error_from_errno(error, "write " + path));
  return {};
}

}  // namespace cd
