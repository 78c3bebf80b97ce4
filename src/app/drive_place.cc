#include "app/drive_place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/disk.h"
#include "base/hash.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr std::size_t kSlugMax = 40;
constexpr std::chrono::seconds kEndingPatience{15};

// Letters, digits and dashes of a text: what people recognise in a folder's name.
std::string slug_of(std::string_view text) {
  std::string slug;
  for (const char c : to_lower_ascii(text)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) slug.push_back(c);
    if (!plain && !slug.empty() && slug.back() != '-') slug.push_back('-');
  }
  if (slug.size() > kSlugMax) slug.erase(0, slug.size() - kSlugMax);  // of a path the end says most
  const std::size_t first = slug.find_first_not_of('-');
  const std::size_t last = slug.find_last_not_of('-');
  return first == std::string::npos ? "drive" : slug.substr(first, last - first + 1);
}

std::string read_all(int fd) {
  std::string text(4096, '\0');
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

tl::unexpected<Error> busy(const Result<DaemonRecord>& holder) {
  if (!holder || holder->mount_point.empty()) return fail(Code::busy, "another cratedrive is mounting this drive");
  return fail(Code::busy, fmt::format("this drive is mounted already on {0}; use it there, or unmount it first: "
                                      "cratedrive umount {0}", printable(holder->mount_point)));
}

}  // namespace

std::string drive_id(const StoreUrl& url, const std::string& endpoint) {
  std::string where = endpoint;
  while (where.ends_with('/')) where.pop_back();
  const std::uint64_t hash = xxh3_64(url.to_string() + "\n" + to_lower_ascii(where));
  return fmt::format("{}-{:08x}", slug_of(url.bucket + "/" + url.prefix), hash >> 32);
}

std::string xdg_home(const char* variable, const char* below_home) {
  if (const char* xdg = std::getenv(variable); xdg != nullptr && *xdg == '/') return xdg;
  const char* home = std::getenv("HOME");
  return home == nullptr || *home != '/' ? "" : std::string(home) + below_home;
}

std::string state_home(const Config& config) {
  if (!config.state_dir.empty()) return config.state_dir;
  const std::string home = xdg_home("XDG_STATE_HOME", "/.local/state");
  return home.empty() ? "" : home + "/cratedrive";
}

DrivePlace place_of(const StoreUrl& url, const Config& config) {
  std::string endpoint = config.endpoint;
  for (const char* variable : {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}) {
    const char* value = std::getenv(variable);
    if (endpoint.empty() && url.scheme == "s3" && value != nullptr) endpoint = value;
  }
  if (const char* account = std::getenv("R2_ACCOUNT_ID"); endpoint.empty() && url.scheme == "r2" && account) {
    endpoint = account;
  }
  DrivePlace place;
  place.id = drive_id(url, endpoint);
  const std::string state = state_home(config);
  const std::string cache_home = xdg_home("XDG_CACHE_HOME", "/.cache");
  const std::string cache = !config.cache_dir.empty() ? config.cache_dir
                            : cache_home.empty()      ? ""
                                                      : cache_home + "/cratedrive";
  if (!state.empty()) place.state_dir = state + "/" + place.id;
  if (!cache.empty()) place.cache_dir = cache + "/" + place.id;
  return place;
}

std::string DaemonRecord::to_json() const {
  nlohmann::json json{{"pid", pid}, {"mount_point", mount_point}, {"url", url}, {"control_name", control_name}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<DaemonRecord> DaemonRecord::from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Code::corrupt, "no record of a daemon");
  const auto word = [&](const char* name) {
    const auto found = json.find(name);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  DaemonRecord record;
  const auto pid = json.find("pid");
  if (pid != json.end() && pid->is_number_integer()) record.pid = pid->get<pid_t>();
  record.mount_point = word("mount_point");
  record.url = word("url");
  record.control_name = word("control_name");
  return record;
}

Result<DriveLock> DriveLock::take(const std::string& state_dir, const IsEnding& is_ending) {
  const std::string path = state_dir + "/daemon.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(error_from_errno(errno, "open " + path));
  DriveLock lock(fd, path);
  const auto until = std::chrono::steady_clock::now() + kEndingPatience;
  Result<DaemonRecord> record;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(error_from_errno(errno, "lock " + path));
    record = DaemonRecord::from_json(read_all(fd));
    const bool ending = record && is_ending && is_ending(*record);
    if (!ending || std::chrono::steady_clock::now() > until) return busy(record);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return lock;
}


DriveLock::~DriveLock() {
  if (fd_ >= 0) ::close(fd_);  // the file stays: removing it would let two daemons lock two files
}

Status DriveLock::describe(const DaemonRecord& record) {
  const std::string text = record.to_json();
  if (::ftruncate(fd_, 0) != 0) return fail(error_from_errno(errno, "truncate " + path_));
  if (::pwrite(fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail(error_from_errno(errno, "write " + path_));
  }
  return {};
}

bool is_locked(const std::string& lock_file) {
  const int fd = ::open(lock_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return locked;
}

std::vector<DaemonRecord> living_daemons(const std::string& home) {
  std::vector<DaemonRecord> out;
  const auto names = home.empty() ? Result<std::vector<std::string>>() : system_disk().list(home);
  if (!names) return out;
  for (const std::string& name : *names) {
    const std::string file = home + "/" + name + "/daemon.lock";
    if (!is_locked(file)) continue;
    const auto text = read_file(system_disk(), file);
    auto record = text ? DaemonRecord::from_json(*text) : Result<DaemonRecord>(fail(Code::not_found, ""));
    if (!record || record->mount_point.empty()) continue;
    record->lock_file = file;
    out.push_back(std::move(*record));
  }
  return out;
}

std::optional<DaemonRecord> find_daemon(const std::string& home, const std::string& mount_point) {
  for (DaemonRecord& record : living_daemons(home)) {
    if (record.mount_point == mount_point) return std::move(record);
  }
  return std::nullopt;
}

}  // namespace cd
