// Item: one file of a batch, in the few bytes that 100,000 of them can afford in memory. What listening found out
// (labels, report) is an ItemResult and stays in the batch's result file; an item remembers where.
//
// Steps, and what of them is in the log: `analysing` and `twin` are never logged, so after a crash such an item
// begins again at the step before. may_move() is the whole table of transitions.
// Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "batch/progress.h"
#include "cache/meta_record.h"

namespace cd {

enum class Step : std::uint8_t {
  waiting,    // to be hashed and listened to
  analysing,  // by a thread of the pool
  twin,       // its content is being stored as another item: that one's end decides
  ready,      // has its result, waits for its place
  filing,     // its place is logged; filed away, or about to be (recovery looks)
  done,
  skipped,
  failed,
  held,
  cancelled,
};
inline constexpr std::size_t kSteps = 10;

[[nodiscard]] bool may_move(Step from, Step to);
[[nodiscard]] bool is_final(Step step);
[[nodiscard]] ItemState state_of(Step step);

// What tells one version of an inbox file from the next, also after the cache was lost.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

inline constexpr std::uint8_t kDepthMax = 7;

struct ResultExtent {  // in the batch's result file; length 0 = there is none
  std::uint64_t offset = 0;
  std::uint32_t length = 0;
};

struct Item {
  std::string path;         // below the batch's folder
  FileStamp stamp;
  Hash128 content;          // empty until hashed
  ResultExtent result;
  Step step = Step::waiting;
  bool warned = false;      // stored with a warning
  bool as_it_is = false;    // retried by hand: store it although it was interrupted or cannot be decoded
  bool interrupted = false; // failed because its copy was interrupted
  bool stays = false;       // skipped, but its file stays in the inbox
  bool opened = false;      // an archive that was unpacked, or cannot be: from here on a file like any other
  std::uint8_t depth = 0;   // came out of so many archives, one in the other; at most kDepthMax
  std::string destination;  // skipped: the twin; of an archive that is being unpacked: the folder in the batch
  std::string reason;       // failed, held: why; skipped, done: a note
};

// What hashing and listening found out about one content.
struct ItemResult {
  Hash128 content;
  std::string etag_single;
  std::string etag_multipart;
  std::uint64_t bytes = 0;
  std::string type;
  bool is_audio = false;
  std::string bpm;  // for placement; "" = unknown
  std::string key;
  std::string kind;
  Metadata labels;
  std::vector<std::string> warnings;
  std::string report_json;  // to_json(Report)
};

[[nodiscard]] std::string encode(const ItemResult& result);
[[nodiscard]] Result<ItemResult> decode_item_result(std::string_view bytes);  // corrupt

}  // namespace cd
