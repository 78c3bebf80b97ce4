#include "journal/tree_steps.h"

namespace cd {

Result<InodeId> ensure_folder(MetaStore::Writer& writer, std::string_view path, bool in_place_of_files) {
  InodeId here = kRootInode;
  bool hidden = false;
  bool local = false;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    CD_TRY(auto there, writer.lookup_raw(here, name));
    if (there && !there->is_directory() && !there->whiteout && !in_place_of_files)
      return fail(Code::not_directory, std::string(name) + " is not a folder");
    if (!there || !there->is_directory()) {
      CD_TRY(const auto above, writer.entry(here));
      MetaRecord folder;
      folder.ino = writer.new_inode();
      if (above) folder.attr = above->record.attr;
      folder.attr.type = NodeType::directory;
      folder.attr.mode = 0755;
      folder.local_only = local;
      folder.whiteout = folder.pending = hidden;
      there = folder;
      CD_TRY_VOID(writer.put(here, name, folder));
    }
    here = there->ino;
    hidden = there->whiteout;
    local = there->local_only;
  }
  return here;
}

Status adopt_whiteouts(MetaStore::Writer& writer, InodeId old_folder, InodeId new_folder) {
  Status status;
  CD_TRY_VOID(writer.list(old_folder, [&](std::string_view name, const MetaRecord& record) {
    auto there = writer.lookup_raw(new_folder, name);
    if (!there) {
      status = fail(there.error());
    } else if (!*there) {
      status = writer.move(old_folder, name, new_folder, name);
    } else if ((*there)->is_directory() && record.is_directory()) {
      status = adopt_whiteouts(writer, record.ino, (*there)->ino);
    }
    return status.has_value();
  }, true));
  return status;
}

Status prune_hidden(MetaStore::Writer& writer, const IntentTable& table, std::string path) {
  for (; !path.empty(); path = parent_path(path)) {
    CD_TRY(const auto there, writer.resolve_raw(path));
    if (!there || !there->record.whiteout || !there->record.is_directory()) return {};
    if (table.find(slot_of(path, true)) != nullptr) return {};
    bool empty = true;
    CD_TRY_VOID(writer.list(there->record.ino, [&](std::string_view, const MetaRecord&) { return empty = false; }, true));
    if (!empty) return {};
    CD_TRY_VOID(writer.erase(there->parent, there->name));
  }
  return {};
}

Status note_change(MetaStore::Writer& writer, InodeId changed, std::int64_t now_ns) {
  CD_TRY(auto entry, writer.entry(changed));
  if (!entry) return {};
  entry->record.attr.ctime_ns = now_ns;
  return writer.put(entry->parent, entry->name, std::move(entry->record));
}

Status touch_folder(MetaStore::Writer& writer, InodeId folder, std::int64_t now_ns) {
  CD_TRY(auto entry, writer.entry(folder));
  if (!entry) return {};
  entry->record.attr.mtime_ns = entry->record.attr.ctime_ns = now_ns;
  return writer.put(entry->parent, entry->name, std::move(entry->record));
}

}  // namespace cd
