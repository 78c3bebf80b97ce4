#include "remote/object_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace cd {

namespace {

Status check_part(const std::string& key, std::string_view part) {
  const auto bad = [&](std::string_view why) {
    return fail(Code::invalid, fmt::format("the key \"{}\" cannot be a file below a folder: {}", printable(key), why));
  };
  if (part.empty()) return bad("it has an empty part");
  if (part == "." || part == "..") return bad("it has a part \".\" or \"..\"");
  if (part.find('\0') != std::string_view::npos) return bad("it holds a NUL byte");
  if (part.size() > 255) {
    return fail(Code::name_too_long, fmt::format("the key \"{}\" has a part longer than 255 bytes",
                                                 shorten(printable(key), 80)));
  }
  return {};
}

}  // namespace

Result<ObjectPath> ObjectPath::from_key(const std::string& key) {
  ObjectPath path;
  std::size_t begin = 0;
  while (begin < key.size()) {
    const std::size_t end = std::min(key.find('/', begin), key.size());
    std::string part = key.substr(begin, end - begin);
    CD_TRY_VOID(check_part(key, part));
    if (end == key.size()) {
      path.name = std::move(part);
    } else {
      path.folders.push_back(std::move(part));
    }
    begin = end + 1;
  }
  if (key.empty()) return fail(Code::invalid, "an empty key is no object");
  const std::string& first = path.folders.empty() ? path.name : path.folders.front();
  if (first == kTemporaryFolder) {
    return fail(Code::invalid, fmt::format("the key \"{}\" lies in the reserved folder {}", printable(key),
                                           kTemporaryFolder));
  }
  return path;
}

}  // namespace cd
