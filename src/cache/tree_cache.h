// TreeCache: keeps MetaStore's tree in step with the bucket by LIST. Who needs a folder asks freshness();
// if that is not `fresh`, refresh() brings it, and many who ask share one LIST.
//
// Merging a LIST into the tree:
//  * pending, whiteout and local_only records are never touched, nor anything changed after the LIST began;
//  * a file whose ETag or size changed gets a NEW inode: an inode's bytes change only by writes on this
//    mount, so the kernel's page cache of the old one can never mix versions;
//  * entries that are gone are erased, and the observer is told of every name that changed or went.
//  * a small tree comes whole in one flat LIST: if the first page (1,000 keys, no delimiter) is not truncated,
//    every folder below is complete too. Else the folder is listed with a delimiter.
//    Of a flat page that is truncated, the folders that lie in it whole are complete; who walks through folders
//    gets pages that go on into the next ones (list_ahead.h).
//  * keys that cannot be names (`a//b`, `.`, `..`, parts over 255 bytes, not UTF-8, a key that is also a
//    folder) are shown under an escaped name where possible or counted; they never break their folder.
//  * the reserved names at the root (inbox, .cratedrive) are skipped.
// Never blocks; LISTs run on the store's threads. Thread-safe. Needs MetaStore and ObjectStore to outlive it;
// the destructor cancels what is under way and waits for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "cache/meta_store.h"
#include "remote/object_store.h"
#include "remote/store_health.h"

namespace cd {

// Told after a background change, with no lock held, on a store thread. Must be quick.
class TreeObserver {
 public:
  virtual ~TreeObserver() = default;
  // `name` in `parent` now means something else or nothing; `gone` is the inode that it meant before (or none).
  virtual void name_changed(InodeId parent, const std::string& name, InodeId gone) = 0;
  // Attributes of an inode became known more exactly.
  virtual void attributes_changed(InodeId ino) = 0;
};

struct TreeCacheOptions {
  Millis metadata_ttl{60'000};
  Millis list_deadline{60'000};
  std::vector<std::string> reserved{"inbox", ".cratedrive"};
  int flat_pages_max = 1;  // 0: every folder by itself
  int list_keys_max = 1000;  // a page
  // What LIST does not say of a file or folder that others made.
  std::uint32_t uid = UINT32_MAX;  // UINT32_MAX = the daemon's own
  std::uint32_t gid = UINT32_MAX;
  std::uint32_t file_mode = 0644;
  std::uint32_t folder_mode = 0755;
};

enum class Freshness : std::uint8_t {
  fresh,    // answer from MetaStore
  stale,    // known, but older than metadata_ttl: refresh, and use it if the store cannot be asked
  unknown,  // never listed (or only in part): a name that is missing proves nothing
};

class TreeCache {
 public:
  TreeCache(MetaStore& meta, ObjectStore& store, StoreHealth& health, const Clock& clock, MetricRegistry& metrics,
            TreeCacheOptions options);
  ~TreeCache();

  void set_observer(TreeObserver* observer);  // before the first refresh; may be null

  [[nodiscard]] Freshness freshness(InodeId folder) const;
  // How long what is known of this folder stays fresh; zero if it is not. For kernel time-outs.
  [[nodiscard]] Millis fresh_for(InodeId folder) const;
  // `done` gives an error only if the store could not be asked; the tree is then as it was.
  void refresh(InodeId folder, Done<void> done);
  // Everything below `folder`, recursively, by flat LISTs: before a folder is renamed or removed, before a
  // batch looks for duplicates. Returns at once through `done` if all of it is fresh already.
  void load_tree(InodeId folder, Done<void> done);
  // Every folder counts as stale from now on (`rescan`, and metadata_ttl = 0 at open).
  void expire_all();
  void expire(InodeId folder);
  // Pages that the LIST under way for this folder has brought; 0: there is none.
  [[nodiscard]] std::uint64_t pages_listed(InodeId folder) const;
  // HEAD of one file: fills in mode, owner, mtime, symlink target, labels. Joins a HEAD under way.
  void fill_exact(InodeId file, Done<MetaRecord> done);
  // The answer to a GET told the same: attributes of a plain file become exact without a HEAD. On a store thread.
  void learn(const RemoteVersion& version, const ObjectHead& head);

  struct Stats {
    std::uint64_t lists = 0;
    std::uint64_t heads = 0;
    std::uint64_t odd_keys = 0;          // keys that are shown under an escaped name
    std::uint64_t hidden_keys = 0;       // keys that cannot be shown at all
    std::string last_odd_key;
  };
  [[nodiscard]] Stats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- attributes as object metadata, the one place for both directions (source: rclone's and s3fs' documents).
// mtime: "mtime" = seconds with nanoseconds as rclone writes it. mode, uid, gid: decimal as s3fs does,
// mode with the file type bits (S_IFREG, S_IFDIR, S_IFLNK). xattrs: "xattr", s3fs' URL-encoded JSON.
[[nodiscard]] Metadata metadata_of(const MetaRecord& record);
// Puts what is found into `record`; the rest lands in record.metadata. Malformed values are ignored.
void apply_metadata(const ObjectHead& head, MetaRecord& record);

// A symlink is an object whose bytes are its target, as s3fs has it. Ours are padded with blanks (which s3fs trims) to
// one unusual size, so that LIST gives a hint which few objects may be symlinks and are worth a HEAD.
inline constexpr std::uint64_t kSymlinkBodyBytes = 4093;
[[nodiscard]] std::string symlink_body(std::string_view target);
[[nodiscard]] std::string symlink_target(std::string_view body);
// Fifos, sockets and devices are known by `mode` (and `rdev`, decimal); their bytes are blanks, of that same size.
inline constexpr std::uint64_t kSpecialBodyBytes = kSymlinkBodyBytes;
[[nodiscard]] std::string special_body();
[[nodiscard]] bool may_be_special(const MetaRecord& record);  // a symlink, or one of these

// "Drums/kick.wav" for a file, "Drums/" for a folder's marker. Paths that hold an escaped part give back the
// odd key that they stand for.
[[nodiscard]] std::string key_of_path(std::string_view path, bool folder);
// Names under which odd keys are shown (key_path.h, "%2F…"). Whoever creates a name refuses these: an object
// written under one would be the object of another key.
[[nodiscard]] bool is_reserved_name(std::string_view name);

}  // namespace cd
