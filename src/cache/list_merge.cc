#include "cache/list_merge.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "cache/key_path.h"

namespace cd {

MergeAction decide_merge(const MetaRecord* current, const ObjectInfo& listed, std::uint64_t begun_sequence) {
  if (current == nullptr) return MergeAction::create;
  if (current->pending || current->local_only || current->staged) return MergeAction::leave;
  if (current->changed > begun_sequence) return MergeAction::leave;
  if (current->whiteout) return MergeAction::replace;
  const bool same = current->remote && current->remote->etag == listed.etag && current->remote->size == listed.size;
  return same ? MergeAction::keep : MergeAction::replace;
}

bool is_gone(const MetaRecord& record, std::uint64_t begun_sequence) {
  return !record.pending && !record.whiteout && !record.local_only && !record.staged &&
         record.changed <= begun_sequence;
}

// ---- a page

Status ListMerge::apply(const ListReply& page, bool flat) {
  if (!page.objects.empty() || !page.folders.empty()) seen_any_ = true;
  const Status merged = write([&](Writer& w) -> Status {
    page_odd_ = {};
    for (const ObjectInfo& object : page.objects) CD_TRY_VOID(merge_key(w, object, flat));
    for (const std::string& prefix : page.folders) {
      if (!prefix.starts_with(scope_.prefix) || prefix.size() <= scope_.prefix.size()) continue;
      const std::string_view part =
          std::string_view(prefix).substr(scope_.prefix.size(), prefix.size() - scope_.prefix.size() - 1);
      if (is_reserved(scope_.folder, part)) continue;
      const Told told = removed_.hides_below(prefix) ? Told::too_late : Told::in_time;
      CD_TRY_VOID(enter_folder(w, scope_.folder, part, Marker::unknown, told));
    }
    return {};
  });
  if (!merged) return merged;
  odd_ += page_odd_;
  return {};
}

OddKeys& OddKeys::operator+=(const OddKeys& more) {
  shown += more.shown;
  hidden += more.hidden;
  if (!more.last.empty()) last = more.last;
  return *this;
}

Status ListMerge::write(const std::function<Status(Writer&)>& change) {
  const Status written = meta_.write([&](Writer& w) -> Status {
    page_changes_.clear();
    CD_TRY_VOID(check_place(w));
    return change(w);
  });
  if (!written) return written;
  std::move(page_changes_.begin(), page_changes_.end(), std::back_inserter(changes_));
  return {};
}

Status ListMerge::check_place(Writer& w) const {
  std::string path;
  for (InodeId at = scope_.folder; at != kRootInode;) {
    CD_TRY(const auto folder, w.entry(at));
    if (!folder || folder->record.whiteout) return fail(Code::not_found, "the folder is no longer in the tree");
    path = path.empty() ? folder->name : folder->name + "/" + path;
    at = folder->parent;
  }
  const std::string prefix = path.empty() ? "" : key_of_path(path, true);
  return prefix == scope_.prefix ? Status{} : fail(Code::stale, "the folder was renamed while it was listed");
}

Status ListMerge::merge_key(Writer& w, const ObjectInfo& object, bool flat) {
  if (!object.key.starts_with(scope_.prefix)) return {};
  const Told told = removed_.hides(object.key) ? Told::too_late : Told::in_time;
  std::string_view rest = std::string_view(object.key).substr(scope_.prefix.size());
  InodeId parent = scope_.folder;
  if (rest.empty() && object.size == 0) {
    seen_marker_ = true;
    return {};
  }
  for (auto slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const std::string_view part = rest.substr(0, slash);
    if (is_reserved(parent, part)) return {};
    rest.remove_prefix(slash + 1);
    // A marker is the first of the keys below its folder, so any other key seen first says there is none.
    const bool is_marker = rest.empty() && object.size == 0;
    const std::string_view folder = std::string_view(object.key).substr(0, object.key.size() - rest.size());
    const bool from_its_first = flat && folder >= scope_.from;
    const Marker marker = is_marker ? Marker::present : from_its_first ? Marker::absent : Marker::unknown;
    CD_TRY(parent, enter_folder(w, parent, part, marker, told));
    if (!parent) {  // hidden, gone, or not ours to touch
      if (!is_marker && told == Told::in_time) hide(object.key);
      return {};
    }
    if (is_marker) return {};
  }
  if (told == Told::too_late || is_reserved(parent, rest)) return {};
  return merge_file(w, parent, rest, object);
}

bool ListMerge::is_reserved(InodeId parent, std::string_view part) const {
  return parent == kRootInode &&
         std::find(options_.reserved.begin(), options_.reserved.end(), part) != options_.reserved.end();
}

void ListMerge::hide(std::string_view key) {
  ++page_odd_.hidden;
  page_odd_.last = key;
}

void ListMerge::note_change(Place place, InodeId gone) {
  page_changes_.push_back({place.parent, std::move(place.name), gone});
}

void ListMerge::note_new(Place place) {
  if (!complete_before_ || complete_before_->first != place.parent)
    complete_before_ = {place.parent, meta_.folder_state(place.parent).complete};
  if (complete_before_->second) note_change(std::move(place), {});
}

// ---- a file

Status ListMerge::merge_file(Writer& w, InodeId parent, std::string_view part, const ObjectInfo& object) {
  auto name = name_of_part(part);
  if (!name) return hide(object.key), Status{};
  CD_TRY(auto current, w.lookup_raw(parent, *name));
  if (current && current->is_directory()) {  // a key that is also a folder, or one that is still going
    if (!(name = twin_name(part))) return hide(object.key), Status{};
    CD_TRY(current, w.lookup_raw(parent, *name));
    if (current && current->is_directory()) return hide(object.key), Status{};
  }
  if (*name != part) {
    ++page_odd_.shown;
    page_odd_.last = object.key;
  }
  return put_file(w, {parent, std::move(*name)}, current, object);
}

Status ListMerge::put_file(Writer& w, const Place& place, const std::optional<MetaRecord>& current,
                           const ObjectInfo& object) {
  const MergeAction action = decide_merge(current ? &*current : nullptr, object, scope_.begun.sequence);
  if (action == MergeAction::leave) return {};
  MetaRecord record;
  if (action == MergeAction::keep) {
    record = *current;
    record.remote->key = object.key;
  } else {
    record.ino = w.new_inode();
    record.attr.mode = options_.file_mode;
    record.attr.uid = options_.uid == UINT32_MAX ? ::geteuid() : options_.uid;
    record.attr.gid = options_.gid == UINT32_MAX ? ::getegid() : options_.gid;
    record.attr.size = object.size;
    record.remote = RemoteVersion{object.key, object.etag, object.size,
                                  RemoteVersion::make_cache_id(object.key, object.etag, object.size)};
    if (current)
      note_change(place, current->ino);
    else
      note_new(place);
  }
  if (!record.exact) record.attr.atime_ns = record.attr.mtime_ns = record.attr.ctime_ns = object.modified_ns;
  return w.put(place.parent, place.name, std::move(record));
}

// ---- a folder

// None: it cannot be shown, or is not ours to touch. What the LIST tells too late brings no folder back; one that is
// there has been seen all the same.
Result<InodeId> ListMerge::enter_folder(Writer& w, InodeId parent, std::string_view part, Marker marker, Told told) {
  const auto name = name_of_part(part);
  if (!name) return hide(part), InodeId{};
  const Place place{parent, *name};
  CD_TRY(const auto current, w.lookup_raw(parent, *name));
  const bool shown = current && !current->whiteout && current->is_directory();
  if (told == Told::too_late && !shown) return InodeId{};
  if (!current) return make_folder(w, place, marker);
  if (current->whiteout && !current->is_directory()) {  // hides a file that is going: it goes on beside the folder
    const auto twin = twin_name(part);
    if (!twin) return InodeId{};
    CD_TRY_VOID(w.move(parent, place.name, parent, *twin));
    return make_folder(w, place, marker);
  }
  if (current->local_only) return InodeId{};
  if (current->whiteout) return revive_folder(w, place, *current, marker);
  if (current->is_directory()) {
    if (!current->pending) CD_TRY_VOID(see_folder(w, place, *current, marker));
    return current->ino;
  }
  if (current->pending || current->staged) return InodeId{};
  CD_TRY_VOID(make_way(w, place, part, *current));
  return make_folder(w, place, marker);
}

Result<InodeId> ListMerge::make_folder(Writer& w, const Place& place, Marker marker) {
  MetaRecord folder;
  folder.ino = w.new_inode();
  folder.attr.type = NodeType::directory;
  folder.attr.mode = options_.folder_mode;
  folder.attr.uid = options_.uid == UINT32_MAX ? ::geteuid() : options_.uid;
  folder.attr.gid = options_.gid == UINT32_MAX ? ::getegid() : options_.gid;
  folder.attr.atime_ns = folder.attr.mtime_ns = folder.attr.ctime_ns = scope_.begun.wall_ns;
  folder.marker = marker == Marker::present;
  const InodeId ino = folder.ino;
  CD_TRY_VOID(w.put(place.parent, place.name, std::move(folder)));
  note_new(place);
  return ino;
}

// A folder that was removed here is shown again: somebody else made it anew, if all of our removal had reached the bucket
// before the LIST began.
Result<InodeId> ListMerge::revive_folder(Writer& w, const Place& place, MetaRecord folder, Marker marker) {
  if (folder.pending || folder.changed > scope_.begun.sequence || still_going_.contains(folder.ino)) return InodeId{};
  bool going = false;
  CD_TRY_VOID(find_going(w, folder.ino, going));
  if (going) return still_going_.insert(folder.ino), InodeId{};
  folder.whiteout = false;
  folder.marker = marker == Marker::present;
  const InodeId ino = folder.ino;
  CD_TRY_VOID(w.put(place.parent, place.name, std::move(folder)));
  CD_TRY_VOID(w.set_folder_state(ino, {}));
  note_new(place);
  return ino;
}

Status ListMerge::find_going(Writer& w, InodeId folder, bool& going) {
  std::vector<InodeId> folders;
  CD_TRY_VOID(w.list(folder, [&](std::string_view, const MetaRecord& record) {
    going = record.pending || record.changed > scope_.begun.sequence;
    if (record.is_directory()) folders.push_back(record.ino);
    return !going;
  }, true));
  for (const InodeId ino : folders) {
    if (!going) CD_TRY_VOID(find_going(w, ino, going));
  }
  return {};
}

Status ListMerge::see_folder(Writer& w, const Place& place, MetaRecord folder, Marker marker) {
  const bool first = folder.changed <= scope_.begun.sequence;
  const bool before = folder.marker;
  if (marker == Marker::present) folder.marker = true;
  if (marker == Marker::absent && first) folder.marker = false;
  if (!first && folder.marker == before) return {};
  return w.put(place.parent, place.name, std::move(folder));
}

// The name is needed for a folder: the file of the same key goes under its twin name.
Status ListMerge::make_way(Writer& w, const Place& place, std::string_view part, const MetaRecord& file) {
  const auto twin = twin_name(part);
  note_change(place, file.ino);
  if (!twin) {
    hide(part);
    return w.erase(place.parent, place.name);
  }
  note_change({place.parent, *twin}, {});
  ++page_odd_.shown;
  page_odd_.last = part;
  const bool seen = file.changed > scope_.begun.sequence;
  CD_TRY_VOID(w.move(place.parent, place.name, place.parent, *twin));
  // A move counts as a change; a file that this LIST did not show must still be found gone by the next.
  return seen ? Status{} : w.erase(place.parent, *twin);
}

}  // namespace cd
