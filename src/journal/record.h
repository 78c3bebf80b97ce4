// Record: one fact in the log, and its bytes. docs/ON_DISK_FORMAT.md, "Journal", describes each.
// Values; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/id.h"
#include "base/result.h"
#include "journal/intent.h"
#include "journal/range_set.h"

namespace cd {

struct IntentRecord { std::string slot; Intent intent; };        // the newest of a slot wins
struct ClearRecord { std::string slot; };                        // nothing is to be done there any more
struct RangeRecord { StagedId id; Range range; };                // these bytes are in the staged file
struct LimitRecord { StagedId id; std::uint64_t limit = 0; };    // the base shows through below this only
struct DropRecord { StagedId id; };                              // its file may go: it is no orphan
struct SyncedRecord { StagedId id; std::uint64_t size = 0; };    // its first bytes are on the device
struct UploadRecord {                                            // a multipart upload was begun
  std::string slot;
  UploadId upload;
  StagedId staged;
  std::uint64_t part_bytes = 0;
};
struct PartRecord { std::string upload_id; Part part; };         // and this part of it is there
struct UploadGoneRecord { std::string upload_id; };              // finished, or aborted

using Record = std::variant<IntentRecord, ClearRecord, RangeRecord, LimitRecord, DropRecord, UploadRecord,
                            PartRecord, UploadGoneRecord, SyncedRecord>;

[[nodiscard]] std::string encode(const Record& record);
// corrupt: cannot be read; unsupported: a kind of record that this version does not know.
[[nodiscard]] Result<Record> decode_record(std::string_view bytes);

}  // namespace cd
