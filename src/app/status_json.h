// status.json of the drive and of a batch: the contract with programs. Field names and types are documented in
// docs/STATUS.md and stay; new ones may be added. Pure.
#pragma once

#include <string>

#include "app/status_report.h"

namespace cd {

[[nodiscard]] std::string status_json(const DriveStatus& status);
[[nodiscard]] std::string batch_json(const BatchProgress& batch);

}  // namespace cd
