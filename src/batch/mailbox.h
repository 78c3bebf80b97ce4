// Mailbox: what wakes the batch thread, from whatever thread. Messages only say that something may have changed;
// the conductor looks for itself. Posting never blocks on anything but a short lock.
// Bounded by what the senders may have under way: uploads_ahead outcomes, the pool's jobs, users' commands.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "batch/analysis_pool.h"
#include "batch/enrich_pool.h"
#include "batch/unpacker.h"
#include "journal/journal.h"

namespace cd {

struct BatchCommand {
  enum class Verb : std::uint8_t { start, pause, resume, cancel, retry, priority, enrich };
  std::string id;
  Verb verb = Verb::start;
  std::string path;  // pause, resume, cancel, retry: one item, "" = all
  int priority = 0;
};

struct Mail {
  bool inbox_changed = false;
  bool stop = false;
  std::vector<UploadOutcome> outcomes;
  std::vector<AnalysisDone> analysed;
  std::vector<UnpackDone> unpacked;
  std::vector<EnrichDone> enriched;
  std::vector<BatchCommand> commands;
  std::vector<Status> library;  // answers to load_tree
};

class Mailbox {
 public:
  void inbox_changed();
  void upload_finished(const UploadOutcome& outcome);
  void analysed(AnalysisDone done);
  void unpacked(UnpackDone done);
  void enriched(EnrichDone done);
  void command(BatchCommand command);
  void library_loaded(Status status);
  void stop();
  // Nothing is kept from now on: nobody reads it any more.
  void close();

  // Everything there is; waits for the first at most `at_most`. Who is to look at the inbox at a time of its own lets
  // changes of it wait till then: a copy makes several a file.
  enum class Inbox : std::uint8_t { wakes, waits };
  [[nodiscard]] Mail take(Millis at_most, Inbox inbox = Inbox::wakes);

 private:
  void notify() CD_REQUIRES(mutex_);

  Mutex mutex_;
  CondVar wake_;
  Mail mail_ CD_GUARDED_BY(mutex_);
  bool filled_ CD_GUARDED_BY(mutex_) = false;
  bool inbox_wakes_ CD_GUARDED_BY(mutex_) = true;
  bool closed_ CD_GUARDED_BY(mutex_) = false;
};

// Puts the journal's news into a mailbox. The journal wants its observers to outlive it, and the conductor does not:
// so the relay lives until the process ends and knows only the mailbox.
void observe_journal(Journal& journal, std::shared_ptr<Mailbox> mailbox);

}  // namespace cd
