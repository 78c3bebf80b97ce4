// The daemon's log for people: <state>/<drive>/cratedrive.log, rotating, bounded; in the foreground the terminal
// too. It becomes spdlog's default logger, so every room just logs. Never holds a secret: whoever logs sees to it.
#pragma once

#include <string>

#include "base/result.h"

namespace cd {

struct LogOptions {
  std::string file;
  std::string level = "info";  // as log_level of the configuration
  bool terminal = false;
};
[[nodiscard]] Status start_log(const LogOptions& options);

}  // namespace cd
