// The command line as values: which command, with what. Parsing prints nothing and opens nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "app/exit_code.h"

namespace cd {

struct MountArguments {
  std::string url;
  std::string directory;
  bool foreground = false;
};
struct UmountArguments {
  std::string directory;
  bool now = false;
};
struct StatusArguments {
  std::string directory;  // "" = every drive of this user
  bool watch = false;
  bool json = false;
};
struct CheckArguments {
  std::string url;
  bool json = false;
};
struct FsckArguments {
  std::string drive;    // URL or folder; "" = every drive of this user
  bool store = false;
  bool read = false;
  bool repair = false;
  bool json = false;
};
struct AnalyzeArguments {
  std::vector<std::string> files;  // with `all`: the drive, or nothing
  bool json = false;
  bool all = false;
  bool dry_run = false;
};
struct UrlArguments {
  std::string path;
  Millis expires{3'600'000};
};
struct ControlArguments {  // retry, cancel, and the verbs of .cratedrive/control
  std::string verb;
  std::string directory;
  std::string batch;       // "" = the drive
  std::string path;        // one file of the batch
};
struct ImportArguments {
  std::string directory;
  std::string target;  // URL, or a folder of a mounted drive; "" = the only mounted drive
  bool dry_run = false;
  bool json = false;
};
struct SyncArguments {
  std::string a;  // a folder or a URL
  std::string b;
  bool both = false;
  bool dry_run = false;
  bool remove = false;
  std::uint64_t bytes_per_second = 0;  // 0 = as fast as it goes
};
struct ConfigArguments {};

using Command = std::variant<MountArguments, UmountArguments, StatusArguments, CheckArguments, FsckArguments, AnalyzeArguments,
                             UrlArguments, ControlArguments, ImportArguments, SyncArguments, ConfigArguments>;

struct CommandLine {
  Command command;
  std::string config_file;                     // "" = the usual place
  std::map<std::string, std::string> options;  // options of the configuration given as flags, by name
};

// What parsing ends with: a command to run, or a text to print and a code to end with (--help, --version, mistakes).
struct ParsedLine {
  CommandLine line;
  bool run = false;
  ExitCode code = ExitCode::ok;
  std::string text;
};
[[nodiscard]] ParsedLine parse_command_line(const std::vector<std::string>& arguments);  // without argv[0]

}  // namespace cd
