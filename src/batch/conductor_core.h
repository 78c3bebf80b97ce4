// ConductorCore: the Conductor, in one class over several files, one concern each:
//   conductor.cc           options, the doors, the loop of thread `batch`
//   conductor_inbox.cc     what lies in the inbox becomes batches and items
//   conductor_early.cc     files are listened to while their batch settles
//   conductor_items.cc     an item on its way: analysis, twins, ends
//   conductor_places.cc    … its place in the library, and the journal's answer
//   conductor_archives.cc  an archive becomes a folder of items
//   conductor_batches.cc   a batch on its way: states, report, end
//   conductor_commands.cc  start, pause, resume, cancel, retry
//   conductor_enrich.cc    what was stored meets the enrichers
//   conductor_watch.cc     stuck batches, failures that are all alike, what is told at the end
//   conductor_recovery.cc  after a start: logs are read, and what a crash left open is looked up
//
// Crash windows of an item, and how each closes:
//   result written, item not logged      the result is garbage; the item is analysed again
//   `filing` logged, file not filed      the file still lies in the inbox: ready again
//   filed, not acknowledged              the record in the library names batch and item and is pending: wait
//   stored, `done` not logged            the record is there and no longer pending: done
//   `skipped` logged, file not removed   the file still lies in the inbox: decided anew
//   withdrawn, `failed` not logged       the file lies in the inbox again: ready again
//   report stored, batch not final       the report is written again, over the same key
// … and of an archive, which is unpacked into a folder that no scan looks into:
//   half unpacked                        the folder is removed, and the archive unpacked from its beginning
//   whole, its place logged              the folder takes its place
//   in its place, items not all logged   what lies there and is no item becomes one
//   `done` logged, archive not removed   it is removed
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/thread.h"
#include "batch/analysis_pool.h"
#include "batch/batch.h"
#include "batch/conductor.h"
#include "batch/content_index.h"
#include "batch/done_command.h"
#include "batch/enrich_pool.h"
#include "batch/inbox.h"
#include "batch/item_log.h"
#include "batch/mailbox.h"
#include "batch/report_writer.h"
#include "batch/settle.h"
#include "batch/unpacker.h"

namespace cd {

// A batch and all that moves it. `batch` and `log` are written by the batch thread with the core's mutex held;
// that thread reads them without. The rest is the batch thread's alone.
struct Drop {
  struct Newcomer {  // a file that appeared while the batch runs, until it has settled
    FileStamp stamp;
    std::uint64_t changed = 0;
    std::int64_t since_ns = 0;
  };

  explicit Drop(Millis settle_time) : settle(settle_time) {}

  std::uint32_t serial = 0;
  std::unique_ptr<Batch> batch;
  std::shared_ptr<ItemLog> log;  // null: final, its files are closed
  Mutex files;                   // held while the files of a final batch are opened

  Settle settle;
  std::optional<DropView> view;  // while receiving
  struct Early {  // what was found out about a file while its batch settled; forgotten in a crash, and found out again
    StagedId staged;
    FileStamp stamp;               // as the scan saw it
    std::uint64_t job = 0;         // under way
    std::uint64_t generation = 0;  // of the bytes that `result` is of
    ResultExtent result;           // in the log
  };
  std::unordered_map<std::string, Early> early;  // by path in the batch; bounded
  std::size_t early_next = 0;                    // of the view's files
  bool start_asked = false;
  std::stop_source cancel;
  std::uint64_t next_job = 1;
  std::unordered_map<std::uint32_t, std::uint64_t> jobs;       // analysing: item -> job
  std::unordered_map<std::uint32_t, InodeId> in_air;           // filing: item -> inode, or none
  std::unordered_map<std::uint32_t, std::vector<ItemRef>> followers;  // items that wait for this one as their twin
  std::unordered_map<std::string, Newcomer> newcomers;
  std::unordered_map<std::string, int> last_number;            // keep-both: the number last given
  std::unique_ptr<ReportWriter> report;
  bool busy_writer = false;            // while receiving: a file is open for writing
  int failures_alike = 0;              // in a row, by their reason
  std::string failure_gist;
  std::uint64_t bytes_sent = 0;        // of uploads under way, at the last look for stuck batches
  std::uint32_t enrich_next = 0;                                // processing: the next item to be looked at
  std::unordered_map<std::uint32_t, std::uint64_t> enriching;  // item -> job
  std::deque<std::uint32_t> archives;  // waiting, to be unpacked one after another
};
using DropPtr = std::shared_ptr<Drop>;

class ConductorCore final : public Conductor {
 public:
  ConductorCore(const BatchOptions& options, MetaStore& meta, TreeCache& tree, Journal& journal, Disk& disk,
                const Clock& clock, MetricRegistry& metrics, EventSink events);
  ~ConductorCore() override;
  [[nodiscard]] Status load();  // before start()

  void start() override;
  void stop() override;
  [[nodiscard]] std::vector<BatchProgress> batches() const override;
  [[nodiscard]] Result<BatchProgress> batch(std::string_view id) const override;
  [[nodiscard]] Status items(std::string_view id, const std::function<void(const ItemRow&)>& visit) const override;
  [[nodiscard]] Result<std::string> report_json(std::string_view id) const override;
  [[nodiscard]] Status command(std::string_view id, std::string_view text) override;

 private:
  struct Leftover {  // a file of a final batch that stays in the inbox
    std::uint32_t serial = 0;
    FileStamp stamp;
  };

  // ---- conductor.cc
  void run(std::stop_token stop);
  [[nodiscard]] Millis pause_until_due() const;
  void wake_at(std::int64_t steady_ns);
  [[nodiscard]] DropPtr find(std::string_view id) const;
  [[nodiscard]] DropPtr find(std::uint32_t serial) const;
  [[nodiscard]] std::vector<DropPtr> open_drops() const;
  [[nodiscard]] std::vector<std::vector<DropPtr>> open_by_priority() const;  // the most urgent first
  [[nodiscard]] static std::size_t turn_behind(std::uint32_t serial, const std::vector<DropPtr>& open);
  void publish_metrics();
  void tell(const Drop& drop, const char* event, const Item* item);

  // ---- conductor_inbox.cc
  void scan(std::int64_t now_ns);
  void look_at(const std::string& folder, std::int64_t now_ns);
  void receive(Drop& drop, DropView view, std::int64_t now_ns);
  void settle(Drop& drop);
  void merge(Drop& drop, const DropView& view, std::int64_t now_ns);
  void merge_file(Drop& drop, const InboxFile& file, std::int64_t now_ns, std::vector<std::uint32_t>& added);
  bool take_up_again(Drop& drop, std::uint32_t number, const InboxFile& file);
  void note_removed(Drop& drop, const std::vector<bool>& seen);
  bool is_owned(const std::string& folder, const InboxFile& file) const;
  DropPtr open_batch(const std::string& folder, const std::string& first_file);

  // ---- conductor_items.cc
  void dispatch_analysis();
  void listen_early();
  bool listen_early(Drop& drop);
  void keep_early(Drop& drop, AnalysisDone done);
  [[nodiscard]] bool heard_early(Drop& drop, AnalysisJob& job, const Item& item, StagedId staged);
  bool dispatch_one(Drop& drop);
  void finish_analysis(AnalysisDone done);
  void accept_result(Drop& drop, std::uint32_t number, const ItemResult& result);
  void join_twin(Drop& drop, std::uint32_t number, ItemRef owner, const ItemResult& content);
  void skip(Drop& drop, std::uint32_t number, const std::string& twin, const std::string& note);
  void fail_item(Drop& drop, std::uint32_t number, const std::string& reason, Step as = Step::failed);
  void move(Drop& drop, std::uint32_t number, Step to);  // and its claim and followers
  void log_item(Drop& drop, std::uint32_t number);
  void settle_followers(Drop& drop, std::uint32_t number);
  [[nodiscard]] std::optional<MetaEntry> in_inbox(const Drop& drop, const Item& item) const;
  [[nodiscard]] std::size_t uploads_in_air() const;

  // ---- conductor_places.cc
  void dispatch_places();
  bool place_item(Drop& drop, std::uint32_t number);
  bool file_item(Drop& drop, std::uint32_t number, const ItemResult& result);
  std::optional<std::string> free_place(Drop& drop, std::uint32_t number, const ItemResult& result, bool& replace);
  void finish_upload(const UploadOutcome& outcome);
  void take_back(Drop& drop, std::uint32_t number, const std::string& reason);
  void look_at_uploads(std::int64_t now_ns);
  bool look_at_upload(Drop& drop, std::uint32_t number);
  void complete(Drop& drop, std::uint32_t number);

  // ---- conductor_archives.cc
  [[nodiscard]] bool is_to_unpack(const Item& item) const;
  void dispatch_archives();
  bool unpack_one(Drop& drop, std::uint32_t number);
  void finish_unpack(const UnpackDone& done);
  void fail_unpack(Drop& drop, std::uint32_t number, const Error& error);
  void give_place(Drop& drop, std::uint32_t number, const std::string& folder);
  void hand_over(Drop& drop, std::uint32_t number);
  void drop_archive(Drop& drop, std::uint32_t number);
  void recover_archives(Drop& drop);
  void remove_unpack_leftovers();
  [[nodiscard]] std::string unpack_folder(const Drop& drop, std::uint32_t number) const;

  // ---- conductor_batches.cc
  void advance(Drop& drop);
  void ask_for_library(std::int64_t now_ns);
  void library_answered(const Status& status);
  void write_report(Drop& drop);
  void report_answered(Drop& drop, const UploadOutcome& outcome);
  void finish(Drop& drop, BatchState state);
  void keep_leftovers(Drop& drop);
  void forget_old_batches();
  void log_head(Drop& drop);
  [[nodiscard]] std::string report_path(const Drop& drop) const;

  // ---- conductor_commands.cc
  void carry_out(const BatchCommand& command);
  void cancel(Drop& drop);
  void retry(const DropPtr& drop, const std::string& path);
  void take_up(Drop& drop, BatchState state);
  void set_aside(Drop& drop, const std::string& path, Step as);
  bool reopen(Drop& drop);

  // ---- conductor_enrich.cc
  bool enrich(Drop& drop);
  std::optional<EnrichJob> enrich_job(Drop& drop, std::uint32_t number);
  void finish_enrich(const EnrichDone& done);
  void note_enriched(Drop& drop, const EnrichDone& done);
  Result<std::string> store_product(const Drop& drop, std::uint32_t number, const std::string& file);
  void enrich_again(const DropPtr& drop, const std::string& path);

  // ---- conductor_watch.cc
  void note_failure(Drop& drop, const std::string& reason);
  static void forget_failures(Drop& drop);
  void look_for_stuck(std::int64_t now_ns);
  void tell_the_end(Drop& drop);
  void command_ended(const FinishedBatch& batch, const Status& outcome) const;
  void tell_untold();

  // ---- conductor_recovery.cc
  [[nodiscard]] Status load_batch(const std::string& id);
  void recover();
  void recover_items(Drop& drop);

  // constant after construction
  const BatchOptions options_;
  MetaStore& meta_;
  Journal& journal_;
  TreeCache& tree_;
  Disk& disk_;
  const Clock& clock_;
  MetricRegistry& metrics_;
  const EventSink events_;
  const Library library_;
  const Inbox inbox_;
  const std::string inbox_path_;
  const std::shared_ptr<Mailbox> mailbox_;

  // safe by itself
  ContentIndex index_;

  // guarded by mutex_; only the batch thread writes, and reads without it
  mutable Mutex mutex_;
  std::vector<DropPtr> drops_;  // oldest first

  // batch thread only
  std::uint32_t next_serial_ = 1;
  std::unordered_map<std::string, Leftover> leftovers_;  // by path below the inbox
  std::unordered_map<std::string, std::uint32_t> adopted_;  // folders of the inbox that loose archives became
  std::vector<DropPtr> untold_;          // ended, and nobody was told before the daemon died
  bool unpacking_ = false;               // the unpacker has a job
  bool scan_wanted_ = true;
  std::uint64_t scanned_sequence_ = 0;
  std::int64_t scan_ended_ns_ = 0;
  std::int64_t scan_cost_ns_ = 0;
  std::int64_t wake_ns_ = 0;
  bool library_asked_ = false;
  std::int64_t library_retry_ns_ = 0;
  std::int64_t library_backoff_ns_ = 0;
  std::int64_t uploads_looked_ns_ = 0;
  std::int64_t filing_pause_ns_ = 0;  // no file is filed before this time: the disk or the log is in trouble
  std::uint32_t listened_last_ = 0;   // serial of the batch whose turn it was; the next one's it is
  std::uint32_t placed_last_ = 0;
  std::optional<std::int64_t> scan_timer_ns_;

  std::unique_ptr<AnalysisPool> pool_;
  std::unique_ptr<Unpacker> unpacker_;
  std::unique_ptr<EnrichPool> enrich_pool_;  // null: there are no enrichers
  std::unique_ptr<DoneCommand> done_command_;  // null: none is wanted
  Thread thread_;  // last: joined first
};

}  // namespace cd
