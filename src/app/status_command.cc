// status: prints what the drive's own virtual files say; --watch redraws it every second.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/commands.h"
#include "app/mounts.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr const char* kHomeAndClear = "\033[H\033[J";

Result<std::vector<MountedDrive>> chosen(const StatusArguments& arguments, const std::string& home) {
  if (!arguments.directory.empty()) {
    CD_TRY(MountedDrive drive, drive_of(arguments.directory, home));
    return std::vector<MountedDrive>{std::move(drive)};
  }
  std::vector<MountedDrive> drives = mounted_drives(home);
  if (drives.empty()) return fail(Code::not_found, "no drive is mounted; mount one: cratedrive mount URL DIR");
  return drives;
}

Result<std::string> text_of(const std::vector<MountedDrive>& drives) {
  std::string out;
  for (const MountedDrive& drive : drives) {
    auto status = read_control_file(drive, "status");
    if (!status && drives.size() == 1) return tl::make_unexpected(status.error());
    if (!out.empty()) out += "\n" + std::string(80, '-') + "\n";
    out += status ? *status : fmt::format("{}: {}\n", printable(drive.mount_point), printable(status.error().message));
  }
  return out;
}

Outcome print_json(const std::vector<MountedDrive>& drives, bool as_list) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const MountedDrive& drive : drives) {
    auto status = read_control_file(drive, "status.json");
    if (!status) return Outcome::fail(ExitCode::failed, status.error());
    if (!as_list) {
      std::printf("%s", status->c_str());
      return Outcome::ok();
    }
    list.push_back(nlohmann::ordered_json::parse(*status, nullptr, false));
  }
  std::printf("%s\n", list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  return Outcome::ok();
}

Outcome watch(const std::vector<MountedDrive>& drives) {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  std::string last;
  while (true) {
    const auto text = text_of(drives);
    if (!text) return Outcome::fail(ExitCode::failed, text.error());
    if (terminal) {
      std::printf("%s%s", kHomeAndClear, text->c_str());
    } else if (*text != last) {
      std::printf("%s\n", text->c_str());
    }
    if (std::fflush(stdout) != 0) return Outcome::ok();  // whoever read us has gone
    last = *text;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

Outcome run_status(const StatusArguments& arguments, const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const auto drives = chosen(arguments, state_home(*config));
  if (!drives) return Outcome::fail(ExitCode::mount, drives.error());
  if (arguments.json) return print_json(*drives, arguments.directory.empty());
  if (arguments.watch) return watch(*drives);
  const auto text = text_of(*drives);
  if (!text) return Outcome::fail(ExitCode::failed, text.error());
  std::printf("%s", text->c_str());
  return Outcome::ok();
}

}  // namespace cd
