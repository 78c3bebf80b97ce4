// Bytes in flight: owned by whoever holds them, shared without a copy between rooms and threads.
// Immutable once shared.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cd {

using SharedBytes = std::shared_ptr<const std::string>;

[[nodiscard]] inline SharedBytes share(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

}  // namespace cd
