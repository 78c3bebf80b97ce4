// ObjectPath: a key as the names on the way from the bucket's folder to a file. Pure.
// A key ending in '/' is a folder's marker: the folder itself.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace cd {

struct ObjectPath {
  std::vector<std::string> folders;  // from the bucket's folder down
  std::string name;                  // of the file; "" for a marker: the last of `folders` is meant

  [[nodiscard]] bool is_marker() const { return name.empty(); }

  // Code::invalid for a key that no file can have ("a//b", "..", NUL, the reserved folder) and
  // Code::name_too_long for a part of more than 255 bytes; the message says why.
  static Result<ObjectPath> from_key(const std::string& key);
};

// Where half-written objects and multipart uploads lie; never listed, never a key.
inline constexpr const char* kTemporaryFolder = ".cratedrive-tmp";

}  // namespace cd
