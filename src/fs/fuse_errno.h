// What a Code is called in errno. The one place that knows.
#pragma once

#include "base/error.h"

namespace cd {

// Some codes mean something else to rename(2), getxattr(2) and lseek(2).
enum class Operation { any, rename, xattr, seek };

[[nodiscard]] int errno_of(Code code, Operation operation = Operation::any);

}  // namespace cd
