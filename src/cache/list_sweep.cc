// The end of a ListMerge: what the LIST did not show is gone, what it showed whole is complete.
#include <algorithm>

#include "cache/key_path.h"
#include "cache/list_merge.h"

namespace cd {
namespace {

constexpr std::size_t kBatch = 1000;  // entries a change

}  // namespace

Status ListMerge::finish(bool deep) {
  CD_TRY(const auto top, meta_.entry(scope_.folder));
  if (!top) return fail(Code::not_found, "the folder is no longer in the tree");
  return finish_folders({{scope_.folder, {top->parent, top->name}, true}}, deep);
}

Status ListMerge::finish_whole(const ListReply& page, std::string_view last) {
  std::vector<Folder> folders;
  for (const std::string& key : folders_shown_whole(page.objects, scope_.prefix, scope_.from, last)) {
    CD_TRY(auto folder, find_folder(key));
    if (folder) folders.push_back(std::move(*folder));
  }
  return finish_folders(std::move(folders), true);
}

// None: it is not shown, or not the bucket's alone.
Result<std::optional<ListMerge::Folder>> ListMerge::find_folder(std::string_view key) const {
  Folder found{scope_.folder, {}, true};
  for (std::string_view rest = key.substr(scope_.prefix.size()); !rest.empty();) {
    const auto slash = rest.find('/');
    const auto name = name_of_part(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
    if (!name) return std::nullopt;
    CD_TRY(const auto folder, meta_.lookup(found.ino, *name));
    if (!folder || !folder->is_directory() || folder->local_only || folder->whiteout) return std::nullopt;
    found = {folder->ino, {found.ino, *name}, true};
  }
  return found;
}

// The tops, then all that is below them; not deep: only what is below folders that are gone. Parents come before their
// children in the list, and are looked at after them, so that a folder is empty when its turn comes.
Status ListMerge::finish_folders(std::vector<Folder> folders, bool deep) {
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const InodeId ino = folders[i].ino;  // the vector grows below
    CD_TRY_VOID(find_folders(ino, deep, folders));
  }
  std::reverse(folders.begin(), folders.end());
  for (const Folder& folder : folders) CD_TRY_VOID(sweep(folder));
  return settle(folders);
}

Status ListMerge::find_folders(InodeId parent, bool listed, std::vector<Folder>& out) {
  const bool below_gone = parent != scope_.folder;
  return meta_.list(parent, "", [&](std::string_view name, const MetaRecord& record) {
    const bool wanted = listed || below_gone || is_gone(record, scope_.begun.sequence);
    if (record.is_directory() && !record.local_only && wanted)
      out.push_back({record.ino, {parent, std::string(name)}, listed});
    return true;
  });
}

Status ListMerge::sweep(const Folder& folder) {
  std::string after;
  std::vector<std::string> gone;
  do {
    gone.clear();
    CD_TRY_VOID(meta_.list(folder.ino, after, [&](std::string_view name, const MetaRecord& record) {
      if (!record.is_directory() && is_gone(record, scope_.begun.sequence)) gone.emplace_back(name);
      return gone.size() < kBatch;
    }));
    if (gone.empty()) return {};
    after = gone.back();
    const Status done = write([&](Writer& w) -> Status {
      for (const std::string& name : gone) {
        CD_TRY(const auto record, w.lookup_raw(folder.ino, name));
        if (!record || !is_gone(*record, scope_.begun.sequence)) continue;
        note_change({folder.ino, name}, record->ino);
        CD_TRY_VOID(w.erase(folder.ino, name));
      }
      return {};
    });
    if (!done) return done;
  } while (gone.size() == kBatch);
  return {};
}

// Folders that are empty and not shown disappear; those that were listed are complete.
Status ListMerge::settle(const std::vector<Folder>& folders) {
  for (std::size_t from = 0; from < folders.size(); from += kBatch) {
    const std::size_t to = std::min(folders.size(), from + kBatch);
    const Status done = write([&](Writer& w) -> Status {
      for (std::size_t i = from; i < to; ++i) CD_TRY_VOID(settle_one(w, folders[i]));
      return {};
    });
    if (!done) return done;
  }
  return {};
}

Status ListMerge::settle_one(Writer& w, const Folder& folder) {
  CD_TRY(auto found, w.entry(folder.ino));
  if (!found || found->record.whiteout) return {};
  const bool is_top = folder.ino == scope_.folder;
  const bool may_go = folder.ino != kRootInode && is_gone(found->record, scope_.begun.sequence);
  if (may_go && !(is_top && seen_any_)) {
    bool empty = true;
    CD_TRY_VOID(w.list(folder.ino, [&](std::string_view, const MetaRecord&) { return empty = false; }, true));
    if (empty) {
      note_change({found->parent, found->name}, folder.ino);
      return w.erase(found->parent, found->name);
    }
  }
  if (is_top && may_go && found->record.marker != seen_marker_) {
    found->record.marker = seen_marker_;
    CD_TRY_VOID(w.put(found->parent, found->name, found->record));
  }
  return folder.listed ? w.set_folder_state(folder.ino, {scope_.begun.wall_ns, true}) : Status{};
}

}  // namespace cd
