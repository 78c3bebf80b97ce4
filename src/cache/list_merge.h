// ListMerge: one LIST on its way into the tree, page by page. Each page is one change of MetaStore; memory is
// bounded by a page, whatever the number of keys.
//
// Entries that the LIST shows are written again, so their `changed` lies above the sequence number at which
// the LIST began; after the last page whatever still lies below it, and is not ours to keep (pending,
// whiteout, local), is gone from the bucket and erased. So a LIST that fails half-way takes nothing away.
// A folder that was renamed meanwhile has other keys: Code::stale, and nothing more is merged.
// Owned by TreeCache's run; one thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cache/list_ahead.h"
#include "cache/meta_store.h"
#include "cache/tree_cache.h"
#include "remote/object_store.h"

namespace cd {

// ---- the decision; pure.
enum class MergeAction : std::uint8_t {
  leave,    // ours: pending, local, staged, or changed (removed, too) after the LIST began
  keep,     // the same version: inode, exact attributes and cache id stay
  replace,  // another version: a new inode
  create,   // not known yet
};
[[nodiscard]] MergeAction decide_merge(const MetaRecord* current, const ObjectInfo& listed, std::uint64_t begun_sequence);
// Not shown by a complete LIST: is it gone?
[[nodiscard]] bool is_gone(const MetaRecord& record, std::uint64_t begun_sequence);

struct NameChange {
  InodeId parent;
  std::string name;
  InodeId gone;  // none: there was nothing
};

struct OddKeys {
  std::uint64_t shown = 0;   // under an escaped name
  std::uint64_t hidden = 0;
  std::string last;

  OddKeys& operator+=(const OddKeys& more);
};

class ListMerge {
 public:
  struct Scope {
    InodeId folder;
    std::string prefix;                // of its keys
    std::string from;                  // folders before it are not shown from their first key on ("": all are)
    ListBegin begun;
  };
  ListMerge(MetaStore& meta, const TreeCacheOptions& options, Scope scope)
      : meta_(meta), options_(options), scope_(std::move(scope)), removed_(meta.removed_keys()) {}

  // `flat`: the page came without a delimiter, and its LIST began at `from`. Keys outside the scope are passed over.
  [[nodiscard]] Status apply(const ListReply& page, bool flat);
  // After a flat page that is not the last: the folders that lie in it whole are known. `last`: its last key, "" = the
  // LIST is over, for keys outside of the scope end it.
  [[nodiscard]] Status finish_whole(const ListReply& page, std::string_view last);
  // After the last page. `deep`: every page was flat, so all below is known.
  [[nodiscard]] Status finish(bool deep);

  // Names that changed since the last call. For the observer, with no lock held.
  [[nodiscard]] std::vector<NameChange> take_changes() { return std::exchange(changes_, {}); }
  [[nodiscard]] const OddKeys& odd_keys() const { return odd_; }
  [[nodiscard]] const Scope& scope() const { return scope_; }

 private:
  enum class Marker : std::uint8_t { unknown, absent, present };
  enum class Told : std::uint8_t { in_time, too_late };  // too late: it was removed since the LIST began
  struct Place {
    InodeId parent;
    std::string name;
  };
  struct Folder {
    InodeId ino;
    Place place;
    bool listed = false;  // complete when this ends; else only looked through because it is gone
  };
  using Writer = MetaStore::Writer;

  Status write(const std::function<Status(Writer&)>& change);
  Status check_place(Writer& w) const;
  Status merge_key(Writer& w, const ObjectInfo& object, bool flat);
  Status merge_file(Writer& w, InodeId parent, std::string_view part, const ObjectInfo& object);
  Status put_file(Writer& w, const Place& place, const std::optional<MetaRecord>& current, const ObjectInfo& object);
  Result<InodeId> enter_folder(Writer& w, InodeId parent, std::string_view part, Marker marker, Told told);
  Result<InodeId> make_folder(Writer& w, const Place& place, Marker marker);
  Result<InodeId> revive_folder(Writer& w, const Place& place, MetaRecord folder, Marker marker);
  Status find_going(Writer& w, InodeId folder, bool& going);  // what a LIST could still show although it was removed
  Status see_folder(Writer& w, const Place& place, MetaRecord folder, Marker marker);
  Status make_way(Writer& w, const Place& place, std::string_view part, const MetaRecord& file);
  [[nodiscard]] bool is_reserved(InodeId parent, std::string_view part) const;
  void note_change(Place place, InodeId gone);
  void note_new(Place place);  // only where somebody may have learnt that the name means nothing
  void hide(std::string_view key);

  Status finish_folders(std::vector<Folder> folders, bool deep);
  Result<std::optional<Folder>> find_folder(std::string_view key) const;
  Status find_folders(InodeId parent, bool listed, std::vector<Folder>& out);
  Status sweep(const Folder& folder);
  Status settle(const std::vector<Folder>& folders);
  Status settle_one(Writer& w, const Folder& folder);

  MetaStore& meta_;
  const TreeCacheOptions& options_;
  const Scope scope_;
  const RemovedKeys::List removed_;
  std::set<InodeId> still_going_;
  bool seen_any_ = false;
  bool seen_marker_ = false;
  std::optional<std::pair<InodeId, bool>> complete_before_;  // the folder asked about last, and the answer
  std::vector<NameChange> changes_;
  std::vector<NameChange> page_changes_;  // of a change that may still run again
  OddKeys odd_;
  OddKeys page_odd_;
};

}  // namespace cd
