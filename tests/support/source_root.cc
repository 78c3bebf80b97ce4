#include "tests/support/source_root.h"

namespace cd {

std::string source_root() { return CD_SOURCE_ROOT; }

}  // namespace cd
