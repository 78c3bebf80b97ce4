// run_child(): a program of the user's, started without a shell, held to a time and to an amount of output.
//
// It runs in a process group of its own, in "/", with nothing open but its three streams (stdin is empty), with default
// signals, and with our environment but for the variables that carry keys of stores. When it ends, is stopped or
// takes too long, its whole group is killed, so that nothing it started stays behind.
// Any thread may call; it blocks until the program has ended.
#pragma once

#include <cstdint>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace cd {

struct ChildOptions {
  std::vector<std::string> argv;                   // argv[0] is looked for in PATH
  std::map<std::string, std::string> environment;  // added to ours
  Millis timeout{60'000};
  std::uint64_t output_max = 1u << 20;
  std::stop_token stop;
};

// What it wrote to stdout, if it ended with status 0. Errors: not_found (no such program), timeout, cancelled, too_large
// (output), io (another status or a signal; the message has the end of its stderr).
[[nodiscard]] Result<std::string> run_child(const ChildOptions& options);

// Would argv[0] = `name` be found, and may it be run?
[[nodiscard]] bool is_program(const std::string& name);

// A command line as words: blanks part them, '…' and "…" hold them together, a backslash takes the next letter as it is.
// No variables, no wildcards. invalid: a quote without its end.
[[nodiscard]] Result<std::vector<std::string>> split_words(const std::string& line);
[[nodiscard]] std::string join_words(const std::vector<std::string>& words);  // split_words gives them back

}  // namespace cd
