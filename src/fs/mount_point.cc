#include "fs/mount_point.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fs/fuse_session.h"

extern char** environ;

namespace cd {
namespace {

constexpr std::string_view kType = "fuse.cratedrive";

// /proc/self/mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out.push_back(static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

// The type of what is mounted there last, "" if nothing is. Source: proc(5), /proc/pid/mountinfo.
std::string mounted_type(const std::string& directory) {
  std::ifstream lines("/proc/self/mountinfo");
  std::string line;
  std::string type;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string word;
    std::string where;
    for (int i = 0; i < 5 && words >> word; ++i) where = word;
    if (unescape(where) != directory) continue;
    while (words >> word && word != "-") {
    }
    words >> type;
  }
  return type;
}

bool is_empty(const std::string& directory) {
  std::error_code ignored;
  return std::filesystem::is_empty(directory, ignored) && !ignored;
}

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
  return false;
}

// The path without a trailing slash and without symlinks; of a dead mount as it was given.
std::string tidy(const std::string& directory) {
  std::error_code failed;
  const auto real = std::filesystem::canonical(directory, failed);
  std::string path = failed ? std::filesystem::absolute(directory).lexically_normal().string() : real.string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Status run_fusermount(const std::string& directory, bool lazy) {
  std::vector<std::string> words{"fusermount3", "-u", "-q"};
  if (lazy) words.emplace_back("-z");
  words.emplace_back("--");
  words.push_back(directory);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, "fusermount3", nullptr, nullptr, argv.data(), environ);
  if (failed != 0) return fail(Code::not_found, "fusermount3 is missing: install the package fuse3");
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Code::busy, directory + " could not be unmounted: a program still uses it, or it is not yours");
}

}  // namespace

Status check_mount_point(const std::string& directory) {
  if (::access("/dev/fuse", F_OK) != 0)
    return fail(Code::unsupported,
                "/dev/fuse is missing: load the module (modprobe fuse), or give the container --device /dev/fuse");
  if (::geteuid() != 0 && !on_path("fusermount3"))
    return fail(Code::unsupported, "fusermount3 is missing: install the package fuse3");
  CD_TRY(const MountState state, mount_state(directory));
  switch (state) {
    case MountState::ours: return fail(Code::busy, directory + " is a mounted drive already");
    case MountState::dead:
      return fail(Code::busy, directory + " is the mount of a daemon that died: `cratedrive umount " + directory +
                                  "` frees it");
    case MountState::foreign: return fail(Code::busy, "something else is mounted on " + directory);
    case MountState::free: break;
  }
  if (!is_empty(directory))
    return fail(Code::not_empty, directory + " is not empty: a drive would hide what is in it; choose another folder");
  return {};
}

Result<MountState> mount_state(const std::string& directory) {
  struct stat st{};
  const bool there = ::stat(directory.c_str(), &st) == 0;
  const int why = errno;
  if (!there && (why == ENOTCONN || why == ECONNABORTED || why == EIO || why == ESTALE)) return MountState::dead;
  if (!there && why == ENOENT)
    return fail(Code::not_found, directory + " does not exist: make it with mkdir -p " + directory);
  if (!there) return fail(error_from_errno(why, directory));
  if (!S_ISDIR(st.st_mode)) return fail(Code::not_directory, directory + " is not a folder");
  const std::string type = mounted_type(tidy(directory));
  if (type.empty()) return MountState::free;
  if (type != kType) return MountState::foreign;
  // Attributes of a dead mount may still be answered from the kernel's cache; statfs always asks the daemon.
  struct statvfs asked{};
  if (::statvfs(directory.c_str(), &asked) != 0 && (errno == ENOTCONN || errno == ECONNABORTED)) return MountState::dead;
  return MountState::ours;
}

Status unmount(const std::string& directory, bool lazy) {
  const std::string path = tidy(directory);
  if (::geteuid() != 0) return run_fusermount(path, lazy);
  if (::umount2(path.c_str(), (lazy ? MNT_DETACH : 0) | UMOUNT_NOFOLLOW) == 0) return {};
  if (errno == EBUSY) return fail(Code::busy, path + " is in use: close what is open in it (fuser -vm shows who)");
  if (errno == EINVAL) return fail(Code::invalid, path + " is not a mount point");
  return fail(error_from_errno(errno, "unmount " + path));
}

}  // namespace cd
