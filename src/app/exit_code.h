// ExitCode: what the command says to the shell when it ends (docs/CONFIGURATION.md lists them for users).
#pragma once

#include "base/error.h"

namespace cd {

enum class ExitCode : int {
  ok = 0,
  failed = 1,  // the work was tried and did not, or not wholly, succeed
  usage = 2,   // command line or configuration
  store = 3,   // bucket missing, unreachable, or credentials refused
  mount = 4,   // mount point or FUSE
  busy = 5,    // in use: open files on the drive, or a second daemon
};

// What a command ends with: nothing to add, or the one sentence for stderr.
struct Outcome {
  ExitCode code = ExitCode::ok;
  std::string message;

  static Outcome ok() { return {}; }
  static Outcome fail(ExitCode code, std::string message) { return {code, std::move(message)}; }
  static Outcome fail(ExitCode code, const Error& error) { return {code, error.message}; }
};

}  // namespace cd
