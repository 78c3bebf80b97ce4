#include "batch/mailbox.h"

namespace cd {

void Mailbox::notify() {
  filled_ = true;
  wake_.notify_one();
}

void Mailbox::inbox_changed() {
  MutexLock lock(mutex_);
  mail_.inbox_changed = true;
  if (inbox_wakes_) notify();
}

void Mailbox::upload_finished(const UploadOutcome& outcome) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.outcomes.push_back(outcome);
  notify();
}

void Mailbox::analysed(AnalysisDone done) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.analysed.push_back(std::move(done));
  notify();
}

void Mailbox::unpacked(UnpackDone done) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.unpacked.push_back(std::move(done));
  notify();
}

void Mailbox::enriched(EnrichDone done) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.enriched.push_back(std::move(done));
  notify();
}

void Mailbox::command(BatchCommand command) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.commands.push_back(std::move(command));
  notify();
}

void Mailbox::library_loaded(Status status) {
  MutexLock lock(mutex_);
  if (closed_) return;
  mail_.library.push_back(std::move(status));
  notify();
}

void Mailbox::stop() {
  MutexLock lock(mutex_);
  mail_.stop = true;
  notify();
}

void Mailbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  mail_ = Mail{};
}

Mail Mailbox::take(Millis at_most, Inbox inbox) {
  MutexLock lock(mutex_);
  inbox_wakes_ = inbox == Inbox::wakes;
  filled_ = filled_ || (inbox_wakes_ && mail_.inbox_changed);
  const auto until = std::chrono::steady_clock::now() + at_most;
  while (!filled_) {
    if (!wake_.wait_until(mutex_, until)) break;
  }
  Mail out = std::move(mail_);
  mail_ = Mail{};
  mail_.stop = out.stop;  // for good
  filled_ = false;
  return out;
}

namespace {

class Relay final : public JournalObserver {
 public:
  explicit Relay(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
  void inbox_changed() override { mailbox_->inbox_changed(); }
  void upload_finished(const UploadOutcome& outcome) override {
    if (!outcome.tag.empty()) mailbox_->upload_finished(outcome);
  }
  void name_changed(InodeId, const std::string&, InodeId) override {}

 private:
  const std::shared_ptr<Mailbox> mailbox_;
};

struct Relays {
  Mutex mutex;
  std::vector<std::unique_ptr<Relay>> all CD_GUARDED_BY(mutex);
};

}  // namespace

void observe_journal(Journal& journal, std::shared_ptr<Mailbox> mailbox) {
  // A few bytes for each conductor of the process, of which a daemon has one; never destroyed, so that a
  // journal that ends during exit still finds its observer.
  static Relays& relays = *new Relays;
  MutexLock lock(relays.mutex);
  relays.all.push_back(std::make_unique<Relay>(std::move(mailbox)));
  journal.add_observer(relays.all.back().get());
}

}  // namespace cd
