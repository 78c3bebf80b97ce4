// Is this folder fit to be mounted on? (mount_state and unmount are in fuse_session.h.)
#pragma once

#include <string>

#include "base/result.h"

namespace cd {

// Errors are sentences with a cure: no /dev/fuse, no fusermount3, no such folder, not empty, mounted already, dead.
[[nodiscard]] Status check_mount_point(const std::string& directory);

}  // namespace cd
