// DriveEvents: what rooms tell of themselves, as lines of events.jsonl and of the log: the store's state, failed and
// conflicted uploads. Called on threads of other rooms; each call is one short write.
#pragma once

#include "app/event_log.h"
#include "journal/journal.h"
#include "remote/store_health.h"

namespace cd {

class DriveEvents final : public JournalObserver {
 public:
  explicit DriveEvents(EventLog& log) : log_(log) {}

  void store_changed(StoreState before, StoreState now, const std::string& last_error);

  void inbox_changed() override {}
  void upload_finished(const UploadOutcome& outcome) override;
  void name_changed(InodeId, const std::string&, InodeId) override {}

 private:
  EventLog& log_;
};

}  // namespace cd
