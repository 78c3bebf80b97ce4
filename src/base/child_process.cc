#include "base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "base/unique_fd.h"

extern char** environ;

namespace cd {
namespace {

constexpr std::size_t kErrorsKept = 2'000;  // the end of stderr
constexpr std::array<std::string_view, 4> kSecret{"AWS_", "R2_", "AZURE_", "GOOGLE_"};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
  [[nodiscard]] bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
    return ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
  }
};

std::vector<std::string> environment_of(const ChildOptions& options) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    const bool secret = std::any_of(kSecret.begin(), kSecret.end(), [&](auto prefix) { return name.starts_with(prefix); });
    if (!secret && !options.environment.contains(name)) out.emplace_back(text);
  }
  for (const auto& [name, value] : options.environment) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// posix_spawn's two small objects, in one place.
class Spawn {
 public:
  // No file of the user's is opened before the exec: a child that waits in open(2) still holds all of our descriptors, and
  // thereby, were we killed, a mount of ours that the file lies on.
  Spawn(int out, int err) {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setsigmask(&attributes_, &none);  // our threads have all of them blocked
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, out, 1);
    ::posix_spawn_file_actions_adddup2(&actions_, err, 2);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  int run(pid_t& pid, std::vector<std::string>& argv, std::vector<std::string>& env) {
    return ::posix_spawnp(&pid, argv[0].c_str(), &actions_, &attributes_, pointers_to(argv).data(),
                          pointers_to(env).data());
  }

 private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

// Everything that is there now. False: at its end.
bool drain(int fd, std::string& into) {
  char buffer[16 << 10];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
    else if (got == 0) return false;
    else if (errno != EINTR) return errno == EAGAIN;
    if (into.size() > (64u << 20)) return true;  // the caller looks at the limits
  }
}

std::string last_words(std::string_view errors) {
  while (!errors.empty() && (errors.back() == '\n' || errors.back() == ' ')) errors.remove_suffix(1);
  const std::size_t line = errors.rfind('\n');
  return shorten(printable(line == std::string_view::npos ? errors : errors.substr(line + 1)), 200);
}

class Child {
 public:
  explicit Child(const ChildOptions& options) : options_(options) {}
  ~Child() { end(); }

  Result<std::string> run() {
    if (options_.argv.empty() || options_.argv[0].empty()) return fail(Code::invalid, "the command is empty");
    Pipe out, err;
    stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_ || !out.open() || !err.open()) return fail(error_from_errno(errno, "make a pipe"));
    std::vector<std::string> argv = options_.argv;
    std::vector<std::string> env = environment_of(options_);
    const int failed = Spawn(out.write_end.get(), err.write_end.get()).run(pid_, argv, env);
    if (failed != 0) {
      pid_ = 0;
      return fail(error_from_errno(failed, "start " + printable(options_.argv[0])));
    }
    out.write_end.reset();
    err.write_end.reset();
    ended_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!ended_) return fail(error_from_errno(errno, "watch " + printable(options_.argv[0])));
    CD_TRY_VOID(watch(out.read_end.get(), err.read_end.get()));
    end();  // what it started and left behind holds the pipes
    drain(out.read_end.get(), output_);
    drain(err.read_end.get(), errors_);
    return judge();
  }

 private:
  Status watch(int out, int err) {
    const std::stop_callback on_stop(options_.stop, [this] {
      const std::uint64_t one = 1;
      const ssize_t told = ::write(stop_.get(), &one, sizeof one);
      (void)told;  // it is full: told already
    });
    const auto until = std::chrono::steady_clock::now() + options_.timeout;
    pollfd fds[] = {{ended_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}, {out, POLLIN, 0}, {err, POLLIN, 0}};
    for (;;) {
      const auto left = std::chrono::duration_cast<Millis>(until - std::chrono::steady_clock::now()).count() + 1;
      if (left <= 0) return fail(Code::timeout, "it took longer than " + human_duration(static_cast<double>(options_.timeout.count()) / 1000));
      const int ready = ::poll(fds, 4, static_cast<int>(std::min<std::int64_t>(left, 1'000'000)));
      if (ready < 0 && errno != EINTR) return fail(error_from_errno(errno, "wait for a command"));
      if (ready <= 0) continue;
      if ((fds[1].revents & POLLIN) != 0) return fail(Code::cancelled, "cancelled");
      if (fds[2].revents != 0 && !drain(out, output_)) fds[2].fd = -1;
      if (fds[3].revents != 0 && !drain(err, errors_)) fds[3].fd = -1;
      if (errors_.size() > kErrorsKept) errors_.erase(0, errors_.size() - kErrorsKept);
      if (output_.size() > options_.output_max) {
        return fail(Code::too_large, "it wrote more than " + human_bytes(options_.output_max));
      }
      if ((fds[0].revents & POLLIN) != 0) return {};
    }
  }

  Result<std::string> judge() {
    if (output_.size() > options_.output_max) {
      return fail(Code::too_large, "it wrote more than " + human_bytes(options_.output_max));
    }
    if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return std::move(output_);
    const std::string words = last_words(errors_);
    const std::string how = WIFEXITED(status_) ? "exit status " + std::to_string(WEXITSTATUS(status_))
                                               : "killed by signal " + std::to_string(WTERMSIG(status_));
    return fail(Code::io, how + (words.empty() ? "" : ": " + words));
  }

  // The whole group, then the one that is ours to reap.
  void end() {
    if (pid_ == 0) return;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
  }

  const ChildOptions& options_;
  UniqueFd stop_;
  UniqueFd ended_;
  pid_t pid_ = 0;
  int status_ = 0;
  std::string output_;
  std::string errors_;
};

}  // namespace

Result<std::string> run_child(const ChildOptions& options) { return Child(options).run(); }

bool is_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    const std::string full = std::string(rest.substr(0, colon)) + "/" + name;
    if (::access(full.c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return false;
}

Result<std::vector<std::string>> split_words(const std::string& line) {
  std::vector<std::string> out;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < line.size();
    if (escapes) {
      word += line[++i];
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) quote = 0;
      else word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) out.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) return fail(Code::invalid, std::string("a ") + quote + " has no end");
  if (in_word) out.push_back(std::move(word));
  return out;
}

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    const bool plain = !word.empty() && word.find_first_of(" \t'\"\\") == std::string::npos;
    if (plain) {
      out += word;
      continue;
    }
    out += '"';
    for (const char c : word) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out;
}

}  // namespace cd
