// KnownDrive: what is remembered of a drive that was mounted before, in <state>/<drive>/drive.json: its URL and what
// its store honoured. It lets a drive mount with the store away, and survives the loss of the cache.
#pragma once

#include <optional>
#include <string>

#include "base/disk.h"
#include "base/result.h"
#include "remote/object_store.h"

namespace cd {

struct KnownDrive {
  std::string url;
  StoreTraits traits;
};

// Empty: never mounted, or unreadable.
[[nodiscard]] std::optional<KnownDrive> recall_drive(Disk& disk, const std::string& state_dir);
[[nodiscard]] Status remember_drive(Disk& disk, const std::string& state_dir, const KnownDrive& drive);

}  // namespace cd
