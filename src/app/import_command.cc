// import: has the daemon of a drive take in a folder of this machine, and follows it to the end. A drive that is not
// mounted is mounted for so long, on a folder of its own. --dry-run only says what would happen.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/commands.h"
#include "app/import_plan.h"
#include "app/mounts.h"
#include "app/progress_line.h"
#include "base/metrics.h"
#include "base/text.h"
#include "batch/progress.h"
#include "remote/open_store.h"

extern char** environ;

namespace cd {

namespace {

namespace stdfs = std::filesystem;
using Json = nlohmann::json;

constexpr std::chrono::milliseconds kPollPause{250};

volatile std::sig_atomic_t interrupted = 0;

// This program again, with other arguments; its exit status.
int run_self(std::vector<std::string> words) {
  words.insert(words.begin(), "cratedrive");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// The drive to import into: mounted already, or mounted here for as long as this lives.
class Target {
 public:
  ~Target() {
    if (own_.empty()) return;
    (void)run_self(interrupted != 0 ? std::vector<std::string>{"umount", "--now", own_} : std::vector<std::string>{"umount", own_});
    ::rmdir(own_.c_str());
  }
  Outcome find(const std::string& where, const std::string& home) {
    auto named = named_drive(where, home);
    if (!named) return Outcome::fail(named.error().code == Code::not_found ? ExitCode::mount : ExitCode::usage, named.error());
    url_ = std::move(named->url);
    mounted_ = named->mounted.has_value();
    if (mounted_) drive_ = std::move(*named->mounted);
    return Outcome::ok();
  }
  [[nodiscard]] bool is_mounted() const { return mounted_; }
  [[nodiscard]] bool is_own() const { return !own_.empty(); }
  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const MountedDrive& drive() const { return drive_; }

  Outcome mount(const std::string& config_file, const std::string& home) {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string folder = std::string(runtime != nullptr && *runtime == '/' ? runtime : "/tmp") + "/cratedrive-import-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return Outcome::fail(ExitCode::failed, error_from_errno(errno, folder));
    std::vector<std::string> words{"mount", url_, folder};
    if (!config_file.empty()) words.insert(words.begin() + 1, {"--config", config_file});
    if (const int status = run_self(words); status != 0) {
      ::rmdir(folder.c_str());
      return {status < 0 ? ExitCode::failed : static_cast<ExitCode>(status), ""};
    }
    own_ = folder;
    return take(drive_of(folder, home));
  }

 private:
  Outcome take(Result<MountedDrive> drive) {
    if (!drive) return Outcome::fail(ExitCode::mount, drive.error());
    drive_ = std::move(*drive);
    url_ = drive_.source;
    mounted_ = true;
    return Outcome::ok();
  }
  MountedDrive drive_;
  std::string url_;
  std::string own_;  // "" = it was mounted before
  bool mounted_ = false;
};

Outcome dry_run(const std::string& directory, const std::string& url_text, const ImportArguments& arguments,
                const CommandContext& context) {
  const auto url = StoreUrl::parse(url_text);
  if (!url) return Outcome::fail(ExitCode::usage, url.error());
  const auto config = context.config(url_text);
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  const auto store = open_store(*url, config->store_options(), health, metrics);
  if (!store) return Outcome::fail(ExitCode::store, store.error());
  std::map<PlannedFile::What, std::pair<std::uint64_t, std::uint64_t>> sums;
  const Status planned = plan_import(directory, *config, **store, health, [&](const PlannedFile& file) {
    auto& [files, bytes] = sums[file.what];
    ++files;
    bytes += file.bytes;
    if (arguments.json) {
      const nlohmann::ordered_json line{{"what", name_of(file.what)}, {"path", file.path}, {"destination", file.destination},
                                        {"bytes", file.bytes}, {"why", file.why}};
      std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
      return;
    }
    std::string text = fmt::format("{:<10} {}", name_of(file.what), printable(file.path));
    if (!file.destination.empty()) text += fmt::format(" {} {}", file.what == PlannedFile::What::skip ? "=" : "->", printable(file.destination));
    if (!file.why.empty()) text += fmt::format("  ({})", printable(file.why));
    std::printf("%s\n", text.c_str());
  });
  if (!planned) return Outcome::fail(ExitCode::store, planned.error());
  if (!arguments.json) {
    using What = PlannedFile::What;
    std::printf("would store %s files, %s; %s are there already, %s left out, %s unreadable. Nothing was changed.\n",
                human_count(sums[What::store].first).c_str(), human_bytes(sums[What::store].second).c_str(),
                human_count(sums[What::skip].first).c_str(), human_count(sums[What::leave_out].first).c_str(),
                human_count(sums[What::unreadable].first).c_str());
  }
  return Outcome::ok();
}

std::uint64_t count_files(const std::string& directory) {
  std::uint64_t files = 0;
  std::error_code error;
  stdfs::recursive_directory_iterator it(directory, stdfs::directory_options::skip_permission_denied, error);
  for (const stdfs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (stdfs::is_regular_file(it->symlink_status(ignored))) ++files;
  }
  return files;
}

std::uint64_t number(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// What the batches of an import had done before it began. Those that were over do not count; one that a killed import left
// open goes on, takes what is new, and counts from there.
struct Before {
  struct Batch {
    bool over = false;
    std::uint64_t stored = 0;
    std::uint64_t skipped = 0;
  };
  std::map<std::string, Batch> batches;
  [[nodiscard]] bool any_open() const {
    return std::any_of(batches.begin(), batches.end(), [](const auto& batch) { return !batch.second.over; });
  }
};

bool is_over(const Json& batch) { return is_final_name(batch.value("state", "")); }

struct Followed {
  Json import;
  std::uint64_t stored = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;
  bool batches_open = false;
  bool unseen = false;  // files lie in the inbox that no batch has looked at
  [[nodiscard]] bool reading() const { return import.value("state", "") == "reading"; }
};

Result<Followed> look(const MountedDrive& drive, const Before& before) {
  Followed f;
  CD_TRY(const std::string import_text, read_control_file(drive, "import.json"));
  CD_TRY(const std::string status_text, read_control_file(drive, "status.json"));
  f.import = Json::parse(import_text, nullptr, false);
  const Json status = Json::parse(status_text, nullptr, false);
  if (!f.import.is_object() || !status.is_object()) return fail(Code::corrupt, "the drive's status cannot be read");
  for (const Json& batch : status.value("batches", Json::array())) {
    if (batch.value("name", "") != f.import.value("name", "")) continue;
    const auto found = before.batches.find(batch.value("id", ""));
    const Before::Batch then = found == before.batches.end() ? Before::Batch{} : found->second;
    if (then.over) continue;
    f.stored += number(batch, "files_done") - then.stored;
    f.failed += number(batch, "files_failed");
    f.skipped += number(batch, "files_skipped") - then.skipped;
    if (batch.value("state", "") == "cancelled") {
      const std::uint64_t over = number(batch, "files_done") + number(batch, "files_failed") + number(batch, "files_skipped");
      f.failed += number(batch, "files_total") - std::min(over, number(batch, "files_total"));
    }
    f.batches_open = f.batches_open || !is_over(batch);
  }
  // What was copied is to be seen by a batch before "no batch is open" means the end.
  const std::string inbox = drive.mount_point + "/" + f.import.value("inbox", "");
  f.unseen = !f.reading() && !f.batches_open && count_files(inbox) > f.failed + f.skipped;
  return f;
}

void show(ProgressLine& line, const Followed& f, std::uint64_t total) {
  const std::uint64_t over = f.stored + f.failed + f.skipped + number(f.import, "there") + number(f.import, "failed") + number(f.import, "left_out");
  line.show(total == 0 ? 1 : static_cast<double>(over) / static_cast<double>(total),
            fmt::format("{} of {} files", human_count(std::min(over, total)), human_count(total)));
}

Outcome follow(const Target& target, const std::string& directory, bool json) {
  const MountedDrive& drive = target.drive();
  Before before;
  const auto known = read_control_file(drive, "status.json");
  if (!known) return Outcome::fail(ExitCode::mount, known.error());
  const Json status = Json::parse(*known, nullptr, false);
  if (status.is_object())
    for (const Json& batch : status.value("batches", Json::array()))
      before.batches[batch.value("id", "")] = {is_over(batch), number(batch, "files_done"), number(batch, "files_skipped")};
  const std::uint64_t total = count_files(directory);
  if (const Status told = write_control_file(drive, "control", "import " + directory + "\n"); !told)
    return Outcome::fail(ExitCode::failed, told.error());
  Followed f;
  {
    ProgressLine line;
    do {
      if (interrupted != 0) {
        return Outcome::fail(ExitCode::failed, target.is_own() ? "interrupted; the same command goes on where this one ended"
                                                               : "interrupted; the drive goes on with it: cratedrive status shows how far it is");
      }
      std::this_thread::sleep_for(kPollPause);
      auto now = look(drive, before);
      if (!now) return Outcome::fail(ExitCode::failed, now.error());
      f = std::move(*now);
      if (!json) show(line, f, total);
    } while (f.reading() || f.batches_open || f.unseen);
  }
  // What a killed import had half copied may have failed before it was copied anew.
  if (f.failed > 0 && before.any_open()) return follow(target, directory, json);
  const std::uint64_t there = f.skipped + number(f.import, "there");
  const std::uint64_t failed = f.failed + number(f.import, "failed");
  if (json) {
    const nlohmann::ordered_json out{{"stored", f.stored}, {"there", there}, {"left_out", number(f.import, "left_out")},
                                     {"failed", failed}, {"error", f.import.value("error", "")}};
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf("%s stored, %s there already, %s left out, %s failed\n", human_count(f.stored).c_str(), human_count(there).c_str(),
                human_count(number(f.import, "left_out")).c_str(), human_count(failed).c_str());
  }
  const std::string error = f.import.value("error", "");
  if (f.import.value("state", "") != "done") return Outcome::fail(ExitCode::failed, error);
  return failed == 0 ? Outcome::ok() : Outcome::fail(ExitCode::failed, error.empty() ? "some files failed; the errors file of the batch says why" : error);
}

}  // namespace

Outcome run_import(const ImportArguments& arguments, const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const auto directory = absolute_path(arguments.directory);
  if (!directory) return Outcome::fail(ExitCode::usage, directory.error());
  std::error_code error;
  if (!stdfs::is_directory(*directory, error))
    return Outcome::fail(ExitCode::usage, printable(arguments.directory) + " is not a folder");
  if (directory->find('\n') != std::string::npos) return Outcome::fail(ExitCode::usage, "the name of the folder has a line end");
  Target target;
  if (Outcome found = target.find(arguments.target, state_home(*config)); found.code != ExitCode::ok) return found;
  if (target.is_mounted() && (*directory + "/").starts_with(target.drive().mount_point + "/"))
    return Outcome::fail(ExitCode::usage, "the folder is on the drive already");
  if (arguments.dry_run) return dry_run(*directory, target.url(), arguments, context);
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  if (!target.is_mounted()) {
    if (Outcome mounted = target.mount(context.config_file, state_home(*config)); mounted.code != ExitCode::ok) return mounted;
  }
  return follow(target, *directory, arguments.json);
}

}  // namespace cd
