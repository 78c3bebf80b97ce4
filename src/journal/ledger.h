// Ledger: the journal's state and the one way to change it. A Change is one frame of the log; commit() appends it,
// applies it to MetaStore, and then to the table and the queue. Namespace, Uploader and Replay all go through it.
//
// Everything but construction happens inside a Turn, which holds the lock. What observers and waiters have to hear is
// collected during the turn and told at its end, with no lock held.
// Lock order: Turn → a StagedFile → Log; the queue of the uploader's answers is a leaf.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "journal/intent_table.h"
#include "journal/journal.h"
#include "journal/log_file.h"
#include "journal/staging_area.h"
#include "journal/tree_steps.h"
#include "journal/upload_queue.h"

namespace cd {

using TreeChange = std::function<Status(MetaStore::Writer&)>;

// What the bucket holds under a key as far as we know, and which uploads of ours may have changed that.
struct Believed {
  std::optional<RemoteVersion> expected;
  std::vector<std::uint64_t> attempts;

  [[nodiscard]] bool nothing() const { return !expected && attempts.empty(); }
};

struct Change {
  std::map<std::string, std::optional<Intent>> slots;  // empty: nothing is to be done there any more
  std::vector<TreeChange> before;                      // to the tree, before the intents are applied to it
  std::vector<TreeChange> after;
  std::vector<StagedId> drops;
  std::vector<Record> records;                         // besides
  bool at_once = false;                                // without upload_delay
};

class Ledger {
 public:
  Ledger(const JournalOptions& options, MetaStore& meta, Disk& disk, const Clock& clock, StagingArea& area);

  class Turn {
   public:
    explicit Turn(Ledger& ledger) : ledger_(ledger) { ledger_.mutex_.lock(); }
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Ledger& ledger_;
  };

  // ---- inside a Turn
  [[nodiscard]] Status commit(const Change& change);
  [[nodiscard]] Believed believed(const std::string& slot, const MetaRecord* record) const;
  // `slot` shall not be in the bucket: clears it, or wants it removed. `was` describes the name.
  void want_gone(Change& change, const std::string& slot, const Believed& now, const MetaRecord& was) const;
  // `slot` is to be a file: what is still to be removed of the same key under its other name (other_slot) is replaced instead.
  void take_over_other(Change& change, const std::string& slot, Believed& now) const;
  // Something of a folder of this name waits: to be removed, where the name is a file's.
  [[nodiscard]] bool folder_going(const std::string& path) const {
    return table.any_below(path) || table.find(slot_of(path, true)) != nullptr;
  }
  // A file leaves a name that was a folder's: what of that folder is still being removed has to be hidden again.
  void keep_hidden(Change& change, const std::string& path, const MetaRecord& file) const;
  void requeue(const std::string& slot, bool at_once = false);
  // The tree's record for an intent; used by commit and by recovery.
  [[nodiscard]] static Status apply(MetaStore::Writer& writer, const std::string& slot, const Intent& intent);
  [[nodiscard]] Status compact(bool always);

  // The name is free, but a file of that name may still wait for its removal.
  [[nodiscard]] Status hide_file_again(MetaStore::Writer& writer, const std::string& path) const;

  // ---- told at the end of the turn
  void tell_inbox() { inbox_changed_ = true; }
  void tell_outcome(UploadOutcome outcome) { outcomes_.push_back(std::move(outcome)); }
  void tell_name(InodeId parent, std::string name, InodeId gone) { names_.push_back({parent, std::move(name), gone}); }
  void tell_later(std::function<void()> call) { calls_.push_back(std::move(call)); }

  // Without a Turn: everything that frames up to now speak of is on the device, and the log that says so. Then files
  // that were dropped are removed.
  [[nodiscard]] Status sync_all() CD_EXCLUDES(sync_mutex_);

  // Hooks of the uploader, called inside a Turn: an intent changed, or work may have become possible.
  std::function<void(const std::string& slot)> on_changed;
  std::function<void()> on_work;

  // Constant after opening.
  const JournalOptions& options;
  MetaStore& meta;
  Disk& disk;
  const Clock& clock;
  StagingArea& area;
  std::unique_ptr<LogFile> log;
  std::vector<JournalObserver*> observers;

  // ---- inside a Turn only
  IntentTable table;
  UploadQueue queue;
  struct Writing {
    int count = 0;
    std::shared_ptr<StagedFile> file;
    std::uint64_t seen_generation = 0;  // commit() or utimens took notice of the file up to here
    bool touched = false;               // this opening changed the file, or found it changed
  };
  std::unordered_map<InodeId, Writing> writing;
  std::set<StagedId> written_now;                  // staged files with an open writer
  std::unordered_map<InodeId, int> reading;
  std::map<std::string, InodeId> behind_reader;    // removes that wait for reader_closed
  std::set<InodeId> interrupted;                   // of the inbox: half written when the daemon died
  bool frozen = false;                             // recovery: no queue yet

  [[nodiscard]] std::int64_t now_wall() const { return clock.wall_ns(); }

 private:
  [[nodiscard]] std::vector<std::string> encode_frame(const Change& change) const;
  [[nodiscard]] Status apply_all(MetaStore::Writer& writer, const Change& change) const;
  [[nodiscard]] Status hide_below(MetaStore::Writer& writer, const Change& change, const std::string& folder) const;
  void take_back(const Change& change);
  void requeue_folders_above(const std::string& slot);
  [[nodiscard]] Goal goal_of(const std::string& slot, const Intent& intent) const;

  // One sync at a time, so that none returns before what another one has begun is on the device. Turn → this.
  Mutex sync_mutex_;
  std::uint64_t synced_number_ CD_GUARDED_BY(sync_mutex_) = 0;  // of the log's frames

  Mutex mutex_;
  std::uint64_t last_age_ = 0;
  bool inbox_changed_ = false;
  std::vector<UploadOutcome> outcomes_;
  struct NameChange { InodeId parent; std::string name; InodeId gone; };
  std::vector<NameChange> names_;
  std::vector<std::function<void()>> calls_;
};

// The name under which a LIST shows a file beside a folder of the same name (cache: odd keys).
[[nodiscard]] std::optional<std::string> twin_of(const std::string& file_slot);
// The file is no longer being removed: what hides it under that name goes.
[[nodiscard]] Status uncover_twin(MetaStore::Writer& writer, const std::string& file_slot);
// The other slot of the same key, for a file: that name, or the plain one. So one key never gets two requests at a time.
[[nodiscard]] std::optional<std::string> other_slot(const std::string& slot);

}  // namespace cd
