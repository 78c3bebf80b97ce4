// Uploader: brings the bucket to what the intents say. Takes slots from the queue, sends requests, and turns
// their answers into acknowledgements, conflicts, retries or failures.
//
// One Flight a slot; its steps run on thread `upload`, the answers of the store come back to it through a queue
// of calls. A Flight works on a snapshot of its intent: if the intent is another one when the answer comes, the answer
// only corrects what we believe of the bucket, and the slot is queued again.
//
// Order of an acknowledgement: the object is verified (the store's business) → bytes to the block cache → MetaStore
// says stored → the log forgets the intent → the staged file goes. Whatever happens in between, the bytes are somewhere
// that the next start looks; at worst the object is sent again, found to be ours, and acknowledged then.
// Thread-safe. Ledger, BlockCache, ObjectStore, StoreHealth outlive it.
#pragma once

#include <atomic>
#include <deque>
#include <random>
#include <set>

#include "base/thread.h"
#include "journal/ledger.h"

namespace cd {

class Uploader {
 public:
  Uploader(Ledger& ledger, BlockCache& blocks, TreeCache& tree, ObjectStore& store, StoreHealth& health,
           MetricRegistry& metrics);
  ~Uploader();

  void start();
  void stop(Millis grace);
  void pause(bool paused);
  void store_came_back();
  std::size_t retry(const std::string& path);
  void when_stored(const std::string& path, Done<void> done);

  [[nodiscard]] UploadTotals totals() const;
  [[nodiscard]] std::vector<UploadView> uploads(std::size_t at_most) const;
  [[nodiscard]] std::string state_of(const std::string& slot, const MetaRecord& record) const;
  // Does something make room in the staging area? Takes no lock.
  [[nodiscard]] bool moving() const;

 private:
  struct Multipart {
    UploadId upload;
    std::uint64_t part_bytes = 0;
    std::map<int, Part> parts;  // that are there
    int parts_all = 0;
    int next_part = 1;
    int in_flight = 0;
    std::optional<Error> error;
    bool gone = false;  // the store does not know it
    bool finishing = false;
    bool fetch_all = false;     // the store would not copy a part: it is sent like any other
    std::set<int> again;        // so such parts wait to be sent
    std::set<int> copying;      // parts under way that the store makes of the version before
  };
  struct Flight {
    std::string slot;
    std::string key;
    Intent intent;                    // as it was at the start
    std::uint64_t generation = 0;     // of the intent
    std::shared_ptr<StagedFile> file;
    SharedBytes body;
    std::shared_ptr<StagedFile> materialised;  // a copy of the source under way
    std::uint64_t bytes_generation = 0;
    bool applied = false;             // the bucket has an upload of ours
    bool body_missing = false;        // the base was replaced: only an upload of ours can explain it
    Multipart multipart;
    std::uint64_t memory = 0;
    std::stop_source stop;
    std::atomic<std::uint64_t> bytes_done{0};
  };
  using FlightPtr = std::shared_ptr<Flight>;
  struct Effort {  // of a slot, until it is reached or changed
    int tries = 0;   // that count
    int rounds = 0;  // for the back-off
    int yielded = 0;
    std::string last_error;
    std::optional<Error> failed;
  };
  struct Waiter {
    std::string path;
    Done<void> done;
  };

  // ---- uploader.cc: the thread
  void run(const std::stop_token& stop);
  void post(std::function<void()> call, bool owed);
  // A Done that brings the answer to thread `upload`.
  template <class T, class Step>
  Done<T> answer_to(Step step) {
    {
      MutexLock lock(calls_mutex_);
      ++outstanding_;
    }
    return [this, step = std::move(step)](Result<T> answer) {
      post([step, answer = std::move(answer)] { step(answer); }, true);
    };
  }
  [[nodiscard]] bool has_room() const;
  bool start_next();
  bool yields(const std::string& slot, const Intent& intent);
  void take_off(const FlightPtr& flight, bool materialise);
  void slot_changed(const std::string& slot);
  void wake();
  void wake_for_work();
  void check_waiters(const std::string& slot);
  CallOptions call_options(const FlightPtr& flight, std::uint64_t bytes) const;
  ReadOptions read_options(const FlightPtr& flight) const;

  // ---- upload_steps.cc: what is asked of the store
  void put(const FlightPtr& flight);
  void send_body(const FlightPtr& flight, Result<SharedBytes> body);
  void body_missing(const FlightPtr& flight, const Error& error);
  void put_marker(const FlightPtr& flight);
  void copy(const FlightPtr& flight);
  void send_copy(const FlightPtr& flight);
  void know_source(const FlightPtr& flight, std::function<void()> then);
  void learn_source(const FlightPtr& flight, const ObjectHead& head);
  void remove(const FlightPtr& flight);
  void materialise(const FlightPtr& flight);
  void fetch_source(const FlightPtr& flight);
  void materialise_next(const FlightPtr& flight, std::uint64_t offset);
  void materialised(const FlightPtr& flight);

  // ---- upload_multipart.cc
  void multipart(const FlightPtr& flight);
  void multipart_begun(const FlightPtr& flight, Result<UploadId> begun);
  void multipart_more(const FlightPtr& flight);
  void multipart_part(const FlightPtr& flight, int number, Result<SharedBytes> body);
  [[nodiscard]] bool may_copy_part(const Flight& flight, std::uint64_t offset, std::uint64_t length) const;
  void copy_part(const FlightPtr& flight, int number, std::uint64_t offset, std::uint64_t length);
  void multipart_part_done(const FlightPtr& flight, int number, std::uint64_t bytes, Result<Part> part);
  void multipart_spoiled(const FlightPtr& flight);
  void multipart_finish(const FlightPtr& flight);
  void abort_stale();

  // ---- upload_answers.cc: what the answers mean
  void answered(const FlightPtr& flight, Result<PutReply> reply);
  void removed(const FlightPtr& flight, Status reply);
  void failed(const FlightPtr& flight, const Error& error);
  bool waits_its_turn(const FlightPtr& flight, const Error& error);
  void look(const FlightPtr& flight);  // HEAD: what is there really?
  void looked(const FlightPtr& flight, Result<ObjectHead> head);
  void stored(const FlightPtr& flight, const std::string& etag);
  void keep_bytes(const FlightPtr& flight, const RemoteVersion& version);
  void acknowledge(const FlightPtr& flight, const std::optional<RemoteVersion>& version);
  void believe(const FlightPtr& flight, const std::optional<RemoteVersion>& version);  // and queue again
  void try_again(const FlightPtr& flight, const std::optional<RemoteVersion>& found);
  void lost_base(const FlightPtr& flight);
  void materialise_now(const FlightPtr& flight);
  void conflict(const FlightPtr& flight, const ObjectHead& head);
  void keep_foreign(const FlightPtr& flight, const ObjectHead& head);
  void end(const FlightPtr& flight);  // inside a Turn

  // Constant after construction, or safe by themselves.
  Ledger& ledger_;
  BlockCache& blocks_;
  TreeCache& tree_;
  ObjectStore& store_;
  StoreHealth& health_;
  const JournalOptions& options_;
  Counter& stored_;
  Counter& stored_bytes_;
  Counter& conflicts_;
  Counter& failures_;
  Counter& rounds_;
  std::atomic<bool> paused_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> pending_{0};      // copies for moving(), which takes no lock
  std::atomic<std::int64_t> last_stored_ns_{0};

  // Inside a Turn of the ledger.
  std::map<std::string, FlightPtr> flights_;
  std::map<std::string, Effort> efforts_;
  std::map<std::string, std::int64_t> aborting_;  // upload id → not again before (steady ns)
  std::vector<Waiter> waiters_;
  std::string last_error_;
  std::int64_t sleeps_until_ = INT64_MAX;      // thread `upload`, unless something is ready before (steady ns)
  std::deque<std::pair<std::int64_t, std::uint64_t>> recent_;  // (steady ns, bytes) of the last seconds

  // On thread `upload` only.
  std::uint64_t memory_used_ = 0;
  std::mt19937_64 random_{std::random_device{}()};

  mutable Mutex calls_mutex_;
  CondVar calls_ready_;
  std::deque<std::function<void()>> calls_ CD_GUARDED_BY(calls_mutex_);
  bool woken_ CD_GUARDED_BY(calls_mutex_) = false;
  std::size_t outstanding_ CD_GUARDED_BY(calls_mutex_) = 0;  // calls that the store still owes us

  Thread thread_;  // last: stopped first
};

}  // namespace cd
