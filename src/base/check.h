// CD_CHECK(condition): for our own bugs. Says file and line on stderr and aborts; in every build.
// Never for input, disk or network: those are Results.
#pragma once

namespace cd {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace cd

#define CD_CHECK(condition)                                       \
  do {                                                            \
    if (!(condition)) ::cd::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
