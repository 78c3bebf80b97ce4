// Placement: where in the library a file of a batch goes. A template with fields is filled in, and every part
// is made a name that the drive and the bucket can hold: no "..", no control characters, valid UTF-8, at most 255
// bytes, none of the reserved names at the root. So nothing that is dropped can leave the library or hide in it.
//   {path}    the whole path as dropped ("kicks/deep/a.wav")     {folder}  the folder part of it
//   {name}    the file's name without extension                  {ext}     the extension without its dot
//   {batch}   the batch's name       {date}  "2026-01-31"        {bpm} {key} {kind}  or "unknown"
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cd {

struct PlacementFields {
  std::string path;   // below the inbox
  std::string batch;
  std::string date;
  std::string bpm;    // "" = unknown
  std::string key;
  std::string kind;
};

// invalid: an unknown field, an unclosed brace, or nothing that tells two files apart ({path} or {name}).
[[nodiscard]] Status validate_template(std::string_view destination);

// A path in the library; never empty. `reserved`: names that may not be the first part.
[[nodiscard]] std::string place(std::string_view destination, const PlacementFields& fields,
                                const std::vector<std::string>& reserved);

// "a/kick.wav", 2 -> "a/kick (2).wav": the name to try when the one before is taken.
[[nodiscard]] std::string keep_both_path(std::string_view path, int number);

// One part of a path, made safe; "" for what leaves nothing.
[[nodiscard]] std::string safe_part(std::string_view part);

// The name and the extension with its dot: "kick", ".wav". A leading dot is part of the name.
struct SplitName {
  std::string_view stem;
  std::string_view extension;
};
[[nodiscard]] SplitName split_name(std::string_view name);

}  // namespace cd
