// The commands that are one question to a running drive, or to the configuration: url, the control verbs, config.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstdio>

#include "app/commands.h"
#include "app/mounts.h"
#include "base/text.h"

namespace cd {

Result<Config> CommandContext::config(const std::string& drive_url) const {
  return load_config({config_file, drive_url, environment_options(), options});
}

Outcome run_url(const UrlArguments& arguments, const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  struct stat info {};
  if (::stat(arguments.path.c_str(), &info) != 0) {
    return Outcome::fail(ExitCode::failed, error_from_errno(errno, printable(arguments.path)));
  }
  if (const auto drive = drive_of(arguments.path, state_home(*config)); !drive) {
    return Outcome::fail(ExitCode::mount, drive.error());
  }
  const std::string name = fmt::format("user.cratedrive.url.{}", arguments.expires.count() / 1000);
  char url[16384];
  const ssize_t n = ::getxattr(arguments.path.c_str(), name.c_str(), url, sizeof url);
  if (n < 0) {
    const char* why = errno == ENODATA || errno == ENOTSUP
                          ? "has no URL: it is a folder, is not stored yet, or the store knows no presigned URLs"
                          : "cannot be asked for its URL";
    return Outcome::fail(ExitCode::failed, fmt::format("{} {}", printable(arguments.path), why));
  }
  std::printf("%.*s\n", static_cast<int>(n), url);
  return Outcome::ok();
}

Outcome run_control(const ControlArguments& arguments, const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  const auto drive = drive_of(arguments.directory, state_home(*config));
  if (!drive) return Outcome::fail(ExitCode::mount, drive.error());
  const bool of_batch = !arguments.batch.empty();
  if (arguments.batch.find('/') != std::string::npos || arguments.path.find('\n') != std::string::npos) {
    return Outcome::fail(ExitCode::usage, "that is not the id of a batch");
  }
  const std::string file = of_batch ? fmt::format("batches/{}/control", arguments.batch) : "control";
  const std::string text = arguments.verb + (arguments.path.empty() ? "" : " " + arguments.path) + "\n";
  const Status told = write_control_file(*drive, file, text);
  if (told) return Outcome::ok();
  if (of_batch && told.error().code == Code::not_found) {
    return Outcome::fail(ExitCode::failed, fmt::format("the drive knows no batch {}; cratedrive status shows their ids",
                                                       printable(arguments.batch)));
  }
  return Outcome::fail(ExitCode::failed, told.error());
}

Outcome run_config(const CommandContext& context) {
  const auto config = context.config();
  if (!config) return Outcome::fail(ExitCode::usage, config.error());
  std::printf("%s", config_to_toml(*config).c_str());
  return Outcome::ok();
}

}  // namespace cd
