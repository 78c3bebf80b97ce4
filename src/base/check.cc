#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace cd {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "cratedrive: internal error: %s is not true (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace cd
