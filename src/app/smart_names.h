// How files are called in a smart folder, and back. A link has the name of its file. Where several files of a folder
// have one name, each shows the folder that it is in: "kick (Drums›808).wav"; where that cannot be a name, its
// number: "kick ~1f3.wav". So a name says which file is meant, without a list of all. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"

namespace cd {

// `folder`: its path in the library.
[[nodiscard]] std::string distinct_name(std::string_view name, std::string_view folder, InodeId ino);

// What a distinct name may stand for; more than one if the names hold brackets themselves.
struct NameReading {
  std::string name;                 // of the file
  std::optional<std::string> path;  // in the library; else:
  InodeId ino;
};
[[nodiscard]] std::vector<NameReading> readings_of(std::string_view shown);

// "kick.wav ~1a2b3c4d5e6f7081": a folder of files with the same content (its first 8 bytes), and back.
[[nodiscard]] std::string content_folder(std::string_view name, std::string_view content);
[[nodiscard]] std::optional<std::string> content_of_folder(std::string_view shown);  // 8 bytes

// "090" ↔ "090-099", "08A" ↔ "8A Am"; "" for what is none.
[[nodiscard]] std::string decade_folder(std::string_view value);
[[nodiscard]] std::string decade_of_folder(std::string_view folder);
[[nodiscard]] std::string key_of_folder(std::string_view folder);

}  // namespace cd
