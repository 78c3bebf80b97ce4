// The commands, one function each; <name>_command.cc, small ones in small_commands.cc. They print to stdout, and end with what main says on
// stderr. Main thread only.
#pragma once

#include "app/command_line.h"
#include "app/config.h"
#include "app/exit_code.h"

namespace cd {

struct CommandContext {
  std::string config_file;
  std::map<std::string, std::string> options;

  // The configuration for a drive ("" = none in particular). Its error is a usage error.
  [[nodiscard]] Result<Config> config(const std::string& drive_url = "") const;
};

[[nodiscard]] Outcome run_mount(const MountArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_umount(const UmountArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_status(const StatusArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_check(const CheckArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_fsck(const FsckArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_analyze(const AnalyzeArguments& arguments);
[[nodiscard]] Outcome run_analyze_all(const AnalyzeArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_url(const UrlArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_control(const ControlArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_import(const ImportArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_sync(const SyncArguments& arguments, const CommandContext& context);
[[nodiscard]] Outcome run_config(const CommandContext& context);

}  // namespace cd
