// MetaStore: the tree as this machine knows it, in LMDB. Reads are lock-free snapshots (about 1 µs); writes
// are short transactions, one at a time, without sync.
//
// Disposable: after an unclean boot (the boot id changed and there is no clean mark), on an unknown format
// or any sign of damage, open() throws everything away and starts empty. It survives kill -9 of the daemon.
// Entries are keyed by (parent inode, name), so a folder moves in O(1); inode numbers are stable while the
// cache lives and never reused within it. The root (kRootInode) always exists.
// Thread-safe. Owned by app/daemon; outlives TreeCache, BlockCache and the journal.
// LMDB refuses a write when its map is full: the map then grows by itself; when the disk is full the answer
// is Code::no_space and nothing changed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "cache/meta_record.h"
#include "cache/removed_keys.h"

namespace cd {

class Lmdb;

struct MetaStoreOptions {
  std::string directory;  // <cache>/<drive>; made if absent
  std::string boot_id;    // "" = /proc/sys/kernel/random/boot_id
  std::uint64_t map_bytes = 1u << 30;  // address space to begin with, not disk; grows by itself
};

struct MetaEntry {
  InodeId parent;
  std::string name;
  MetaRecord record;
};

// What is known of a folder as a whole.
struct FolderState {
  std::int64_t listed_wall_ns = 0;  // when the LIST that filled it began; 0 = never
  bool complete = false;            // every key below it that was there then is known
};

class MetaStore {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MetaStore>> open(const MetaStoreOptions& options, Disk& disk,
                                                               const Clock& clock);
  virtual ~MetaStore();

  // ---- reading. Whiteouts are returned by lookup_raw only. lookup() follows hard links: the record is that of the
  // inode, whichever of its names was asked for; entry() and path_of() tell of one of them, its first name.
  [[nodiscard]] Result<std::optional<MetaRecord>> lookup(InodeId parent, std::string_view name) const;
  [[nodiscard]] Result<std::optional<MetaRecord>> lookup_raw(InodeId parent, std::string_view name) const;
  [[nodiscard]] Result<MetaRecord> follow(MetaRecord record) const;  // what lookup() would have given
  [[nodiscard]] Result<std::vector<InodeId>> links_to(InodeId file) const;  // entry() of each: its other names
  [[nodiscard]] Result<std::optional<MetaEntry>> entry(InodeId ino) const;
  // "Drums/kick.wav"; "" is the root. not_found if the inode is not (or no longer) in the tree.
  [[nodiscard]] Result<std::string> path_of(InodeId ino) const;
  [[nodiscard]] Result<std::optional<MetaEntry>> resolve(std::string_view path) const;  // no symlinks followed
  // Entries of a folder in byte order of their names, after `after` ("" = from the start), until `visit`
  // returns false. One snapshot a call. Whiteouts are left out unless asked for. A visitor may look things up,
  // but must neither write nor take a lock: a write may have to wait until every snapshot has ended.
  using Visit = std::function<bool(std::string_view name, const MetaRecord& record)>;
  [[nodiscard]] Status list(InodeId parent, std::string_view after, const Visit& visit,
                            bool with_whiteouts = false) const;
  [[nodiscard]] Result<bool> is_empty(InodeId parent) const;  // whiteouts do not count
  // How many folders this one shows, as far as it is known; for st_nlink.
  [[nodiscard]] Result<std::uint64_t> subfolders(InodeId parent) const;
  [[nodiscard]] FolderState folder_state(InodeId folder) const;
  // A file whose stored content has this ETag and size; its path. For "does the library hold this already?".
  [[nodiscard]] Result<std::optional<std::string>> find_content(std::string_view etag, std::uint64_t size) const;

  struct Totals {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;      // sum of file sizes
    std::uint64_t disk_bytes = 0; // of the LMDB file
  };
  [[nodiscard]] Totals totals() const;

  // Lets the kernel take back the memory that the tree is mapped in (after a walk through all of it).
  void release_memory() const;

  // ---- writing: `change` sees its own writes; its error rolls everything back. At the end all is visible at
  // once to later reads. `change` may run twice (when the map had to grow): it has no side effects of its own.
  class Writer {
   public:
    // Everything here sees whiteouts; list() leaves them out unless asked for. A visitor may write.
    virtual ~Writer() = default;
    virtual Result<std::optional<MetaRecord>> lookup_raw(InodeId parent, std::string_view name) = 0;
    virtual Result<std::optional<MetaEntry>> entry(InodeId ino) = 0;
    virtual Result<std::optional<MetaEntry>> resolve_raw(std::string_view path) = 0;
    virtual Status list(InodeId parent, const Visit& visit, bool with_whiteouts) = 0;
    virtual InodeId new_inode() = 0;
    // Puts or replaces; record.ino must be set. Replacing an entry of another inode forgets that inode.
    // Errors: invalid (no name), name_too_long, not_found (no such parent).
    virtual Status put(InodeId parent, std::string_view name, MetaRecord record) = 0;
    // A folder goes with all that is below it. Fine if nothing is there.
    virtual Status erase(InodeId parent, std::string_view name) = 0;
    // The inode keeps its number (and a folder its children); what was at the new name is forgotten.
    // Errors: not_found, invalid (a folder into itself), not_empty (over a folder that holds it).
    virtual Status move(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name) = 0;
    // Makes missing folders on the way (implied, or local_only below a local_only folder); gives the last one.
    // A whiteout on the way comes back to life if it is a folder, and gives way if not. Below a folder whose
    // listing is complete the new ones are complete too. Error: not_directory.
    virtual Result<InodeId> make_folders(std::string_view path) = 0;
    virtual Status set_folder_state(InodeId folder, FolderState state) = 0;
  };
  [[nodiscard]] Status write(const std::function<Status(Writer&)>& change);

  // Sequence number of the newest change: what a LIST notes when it begins, so that it does not undo what
  // happened meanwhile.
  [[nodiscard]] std::uint64_t sequence() const;
  // What else a LIST must not undo.
  [[nodiscard]] RemovedKeys& removed_keys();

  // Small values that belong to the cache ("traits", "clean").
  [[nodiscard]] Result<std::optional<std::string>> note(std::string_view name) const;
  [[nodiscard]] Status set_note(std::string_view name, std::string_view value);

  // Called last at a clean stop: syncs and leaves the mark that lets the next boot trust it.
  [[nodiscard]] Status close_clean();
  // True if open() found it usable; false if it started empty (new, thrown away, or first mount).
  [[nodiscard]] bool was_warm() const;

  [[nodiscard]] Lmdb& lmdb();  // for BlockIndex and LabelIndex only

 private:
  struct Impl;
  explicit MetaStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cd
