// Where the checkout is, for tests that read its documents or run its scripts. (__FILE__ will not do: a
// compiler cache makes it relative.)
#pragma once

#include <string>

namespace cd {

/// Absolute path of the source folder, no slash at its end.
std::string source_root();

}  // namespace cd
