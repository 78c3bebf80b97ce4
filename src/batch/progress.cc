#include "batch/progress.h"

#include "base/check.h"

namespace cd {

std::string_view name_of(BatchState state) {
  switch (state) {
    case BatchState::receiving: return "receiving";
    case BatchState::queued: return "queued";
    case BatchState::uploading: return "uploading";
    case BatchState::processing: return "processing";
    case BatchState::done: return "done";
    case BatchState::done_with_errors: return "done-with-errors";
    case BatchState::failed: return "failed";
    case BatchState::cancelled: return "cancelled";
  }
  CD_CHECK(false);
}

bool is_final(BatchState state) {
  switch (state) {
    case BatchState::receiving:
    case BatchState::queued:
    case BatchState::uploading:
    case BatchState::processing: return false;
    case BatchState::done:
    case BatchState::done_with_errors:
    case BatchState::failed:
    case BatchState::cancelled: return true;
  }
  CD_CHECK(false);
}

bool is_final_name(std::string_view name) {
  for (const BatchState state : {BatchState::done, BatchState::done_with_errors, BatchState::failed, BatchState::cancelled})
    if (name == name_of(state)) return true;
  return false;
}

std::string_view name_of(ItemState state) {
  switch (state) {
    case ItemState::waiting: return "waiting";
    case ItemState::analysing: return "analysing";
    case ItemState::uploading: return "uploading";
    case ItemState::done: return "done";
    case ItemState::skipped: return "skipped";
    case ItemState::failed: return "failed";
    case ItemState::held: return "held";
    case ItemState::cancelled: return "cancelled";
  }
  CD_CHECK(false);
}

}  // namespace cd
