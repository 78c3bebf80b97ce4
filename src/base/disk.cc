#include "base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace cd {
namespace {

class SystemFile final : public DiskFile {
 public:
  SystemFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~SystemFile() override { ::close(fd_); }
  SystemFile(const SystemFile&) = delete;
  SystemFile& operator=(const SystemFile&) = delete;

  Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
    std::size_t done = 0;
    while (done < length) {
      const ssize_t n = ::pread(fd_, out + done, length - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(error_from_errno(errno, "read " + path_));
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status write(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(error_from_errno(errno, "write " + path_));
      offset += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
      return fail(error_from_errno(errno, "truncate " + path_));
    return {};
  }

  Status sync() override {
    if (::fdatasync(fd_) != 0) return fail(error_from_errno(errno, "sync " + path_));
    return {};
  }

  Result<std::uint64_t> size() override {
    struct stat st{};
    if (::fstat(fd_, &st) != 0) return fail(error_from_errno(errno, "stat " + path_));
    return static_cast<std::uint64_t>(st.st_size);
  }

  [[nodiscard]] int fd() const override { return fd_; }

 private:
  const int fd_;
  const std::string path_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read: return O_RDONLY | O_CLOEXEC;
    case OpenMode::write: return O_RDWR | O_CLOEXEC;
    case OpenMode::create: return O_RDWR | O_CREAT | O_CLOEXEC;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
  }
  return O_RDONLY | O_CLOEXEC;
}

class SystemDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    const int fd = ::open(path.c_str(), flags_of(mode), 0600);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    return std::make_unique<SystemFile>(fd, path);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      return fail(error_from_errno(errno, "rename " + from + " to " + to));
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return fail(error_from_errno(errno, "remove " + path));
    return {};
  }

  Status make_dirs(const std::string& path) override {
    for (std::size_t at = 1; at <= path.size(); ++at) {
      if (at != path.size() && path[at] != '/') continue;
      const std::string part = path.substr(0, at);
      if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST)
        return fail(error_from_errno(errno, "make folder " + part));
    }
    struct stat st{};
    if (::stat(path.c_str(), &st) != 0) return fail(error_from_errno(errno, "make folder " + path));
    if (!S_ISDIR(st.st_mode)) return fail(Code::not_directory, path + " is there but is no folder");
    return {};
  }

  Status remove_tree(const std::string& path) override {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return fail(error_from_errno(error.value(), "remove " + path));
    return {};
  }

  Status sync_dir(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    const int rc = ::fsync(fd);
    const int errnum = errno;
    ::close(fd);
    if (rc != 0) return fail(error_from_errno(errnum, "sync " + path));
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return fail(error_from_errno(errno, "list " + path));
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(dir);
    return names;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<Space> space(const std::string& path) override {
    struct statvfs st{};
    if (::statvfs(path.c_str(), &st) != 0) return fail(error_from_errno(errno, "statvfs " + path));
    return Space{st.f_blocks * st.f_frsize, st.f_bavail * st.f_frsize};
  }
};

}  // namespace

Disk& system_disk() {
  static SystemDisk disk;
  return disk;
}

std::string folder_of_path(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

Status make_dirs_durably(Disk& disk, const std::string& path) {
  std::vector<std::string> parents;
  for (std::string at = path; at != "/" && !disk.exists(at); at = folder_of_path(at)) parents.push_back(folder_of_path(at));
  CD_TRY_VOID(disk.make_dirs(path));
  for (const std::string& parent : parents) CD_TRY_VOID(disk.sync_dir(parent));
  return {};
}

std::string boot_id_of_machine(Disk& disk) {
  // A file of /proc: its size is said to be 0, so it is read by length.
  auto file = disk.open("/proc/sys/kernel/random/boot_id", OpenMode::read);
  if (!file) return "";
  char text[64];
  const auto got = (*file)->read(0, text, sizeof text);
  if (!got) return "";
  std::string id(text, *got);
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

Result<std::string> read_file(Disk& disk, const std::string& path) {
  CD_TRY(auto file, disk.open(path, OpenMode::read));
  CD_TRY(const std::uint64_t size, file->size());
  std::string out(size, '\0');
  CD_TRY(const std::size_t got, file->read(0, out.data(), out.size()));
  out.resize(got);
  return out;
}

Status write_file_atomically(Disk& disk, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  {
    CD_TRY(auto file, disk.open(temporary, OpenMode::create));
    CD_TRY_VOID(file->truncate(0));
    CD_TRY_VOID(file->write(0, bytes));
    CD_TRY_VOID(file->sync());
  }
  CD_TRY_VOID(disk.rename(temporary, path));
  return disk.sync_dir(folder_of_path(path));
}

}  // namespace cd
