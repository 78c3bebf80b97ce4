// io_load VERB …: what the bench does to a mounted folder, with nothing of an interpreter in the way. Prints the seconds
// that the work took; a failed call ends it with its errno and status 1.
//   read LIST DIR JOBS BYTES      opens each file of LIST (relative paths, a line each) below DIR, reads its first BYTES
//                                 (0 = all) and closes it; JOBS threads take the next file in turn
//   stat LIST DIR                 lstat of each
//   sequential FILE               reads a file from end to end, 1 MiB at a time
//   write FILE MIB                writes so much; until close(2) returned
//   random FILE BLOCK JOBS COUNT  COUNT reads of BLOCK bytes at random places, by JOBS threads
//   create|rename|unlink DIR N    N files of 1 KiB
//   patch FILE                    100 bytes in the middle, in place
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "io_load: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

int open_or_die(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) die(path);
  return fd;
}

std::vector<std::string> paths_of(const char* list, const std::string& dir) {
  std::vector<std::string> paths;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) paths.push_back(dir + "/" + line);
  return paths;
}

void in_parallel(int jobs, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int job = 0; job < jobs; ++job) threads.emplace_back(work, job);
  for (std::thread& thread : threads) thread.join();
}

void read_files(const std::vector<std::string>& paths, int jobs, std::size_t bytes) {
  std::atomic<std::size_t> next{0};
  in_parallel(jobs, [&](int) {
    std::vector<char> room(bytes != 0 ? bytes : 128u << 10);
    for (std::size_t i = next++; i < paths.size(); i = next++) {
      const int fd = open_or_die(paths[i], O_RDONLY);
      ssize_t got = 0;
      std::size_t all = 0;
      do {
        got = ::read(fd, room.data(), room.size());
        if (got < 0) die(paths[i]);
        all += static_cast<std::size_t>(got);
      } while (got > 0 && (bytes == 0 || all < bytes));
      ::close(fd);
    }
  });
}

void read_random(const std::string& path, std::size_t block, int jobs, std::uint64_t count) {
  const int fd = open_or_die(path, O_RDONLY);
  struct stat st {};
  if (::fstat(fd, &st) != 0) die(path);
  const std::uint64_t blocks = static_cast<std::uint64_t>(st.st_size) / block;
  in_parallel(jobs, [&](int job) {
    std::vector<char> room(block);
    std::mt19937_64 dice(static_cast<std::uint64_t>(job) + 1);
    for (std::uint64_t i = 0; i < count / static_cast<std::uint64_t>(jobs); ++i) {
      const off_t at = static_cast<off_t>(dice() % blocks * block);
      if (::pread(fd, room.data(), block, at) != static_cast<ssize_t>(block)) die(path);
    }
  });
  ::close(fd);
}

void write_file(const std::string& path, std::size_t mib) {
  std::mt19937_64 dice(7);
  std::vector<std::uint64_t> room((1u << 20) / sizeof(std::uint64_t));
  for (std::uint64_t& word : room) word = dice();
  const int fd = open_or_die(path, O_WRONLY | O_CREAT | O_TRUNC);
  for (std::size_t i = 0; i < mib; ++i) {
    room[0] = i;
    if (::write(fd, room.data(), 1u << 20) != 1 << 20) die(path);
  }
  if (::close(fd) != 0) die(path);
}

void read_through(const std::string& path) {
  const int fd = open_or_die(path, O_RDONLY);
  std::vector<char> room(1u << 20);
  for (ssize_t got = 1; got > 0;)
    if ((got = ::read(fd, room.data(), room.size())) < 0) die(path);
  ::close(fd);
}

void patch(const std::string& path) {
  const int fd = open_or_die(path, O_RDWR);
  struct stat st {};
  const std::string bytes(100, 'x');
  if (::fstat(fd, &st) != 0 || ::pwrite(fd, bytes.data(), bytes.size(), st.st_size / 2) != 100 || ::close(fd) != 0)
    die(path);
}

void create_files(const std::string& dir, int n) {
  const std::string bytes(1024, 'x');
  for (int i = 0; i < n; ++i) {
    const std::string path = dir + "/f" + std::to_string(i);
    const int fd = open_or_die(path, O_WRONLY | O_CREAT | O_EXCL);
    if (::write(fd, bytes.data(), bytes.size()) != 1024 || ::close(fd) != 0) die(path);
  }
}

void for_files(const std::string& dir, int n, const std::function<int(const std::string&, const std::string&)>& verb) {
  for (int i = 0; i < n; ++i)
    if (verb(dir + "/f" + std::to_string(i), dir + "/g" + std::to_string(i)) != 0) die(dir);
}

bool run(const std::string& verb, int argc, char** argv) {
  const auto number = [&](int i) { return std::atoll(argv[i]); };
  const std::string path = argc > 2 ? argv[2] : "";
  if (verb == "write" && argc == 4) return write_file(path, static_cast<std::size_t>(number(3))), true;
  if (verb == "sequential" && argc == 3) return read_through(path), true;
  if (verb == "patch" && argc == 3) return patch(path), true;
  if (verb == "create" && argc == 4) return create_files(path, static_cast<int>(number(3))), true;
  if (verb == "random" && argc == 6)
    return read_random(path, static_cast<std::size_t>(number(3)), static_cast<int>(number(4)),
                       static_cast<std::uint64_t>(number(5))), true;
  if (verb == "rename" && argc == 4)
    return for_files(path, static_cast<int>(number(3)),
                     [](const auto& from, const auto& to) { return std::rename(from.c_str(), to.c_str()); }), true;
  if (verb == "unlink" && argc == 4)
    return for_files(path, static_cast<int>(number(3)),
                     [](const auto&, const auto& name) { return ::unlink(name.c_str()); }), true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  std::vector<std::string> paths;
  if (argc > 3 && (verb == "read" || verb == "stat")) paths = paths_of(argv[2], argv[3]);
  const auto start = std::chrono::steady_clock::now();
  if (verb == "read" && argc == 6) {
    read_files(paths, std::atoi(argv[4]), static_cast<std::size_t>(std::atoll(argv[5])));
  } else if (verb == "stat" && argc == 4) {
    struct stat st {};
    for (const std::string& path : paths)
      if (::lstat(path.c_str(), &st) != 0) die(path);
  } else if (!run(verb, argc, argv)) {
    std::fprintf(stderr, "io_load: see the top of io_load.cc\n");
    return 2;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.6f\n", took.count());
  return 0;
}
