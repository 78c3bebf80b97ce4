// check_journal: reads the log and the staged files of a state directory that no daemon uses, and says what is wrong.
// Nothing is changed unless `repair`. Bytes that nobody else has are never removed: what has no place goes to
// <state>/lost+found/ under a name of its own.
#pragma once

#include "base/disk.h"
#include "base/finding.h"

namespace cd {

[[nodiscard]] Result<Checked> check_journal(Disk& disk, const std::string& directory, bool repair);

}  // namespace cd
