// Finding: one thing that a check found, as `cratedrive fsck` shows it. A value.
#pragma once

#include <string>
#include <vector>

namespace cd {

struct Finding {
  enum class Level { note, repairable, damage };  // note: nothing is wrong; damage: cannot be repaired here

  std::string where;    // "journal", "cache", "library"
  std::string subject;  // a file, a key, a block
  std::string what;
  Level level = Level::repairable;
  bool repaired = false;

  [[nodiscard]] bool open() const { return level == Level::damage || (level == Level::repairable && !repaired); }
};

// What one check ends with: how much it looked at, and what it found.
struct Checked {
  std::string summary;
  std::vector<Finding> findings;
};

}  // namespace cd
