#include "cache/meta_writer.h"

#include <unistd.h>

#include <algorithm>

#include "base/check.h"
#include "cache/label_index.h"

namespace cd {
namespace {

constexpr std::size_t kNameMax = 255;
constexpr std::size_t kBatch = 256;

bool is_counted(const MetaRecord& record) { return !record.whiteout && record.ino != kRootInode; }
bool is_subfolder(const MetaRecord& record) { return record.is_directory() && is_counted(record); }

}  // namespace

Status MetaWriter::begin() {
  CD_TRY(const auto bytes, txn_.get(tables_.notes, kCountersKey));
  if (bytes) {
    CD_TRY(counters_, decode_counters(*bytes));
  }
  before_ = counters_;
  ++counters_.sequence;  // one number for the whole change
  return {};
}

Status MetaWriter::finish() {
  MetaCounters idle = before_;
  ++idle.sequence;
  if (counters_ == idle && !touched_) {
    counters_ = before_;
    return {};
  }
  return txn_.put(tables_.notes, kCountersKey, encode(counters_));
}

// ---- reading

Result<std::optional<MetaRecord>> MetaWriter::lookup_raw(InodeId parent, std::string_view name) {
  return read_entry(txn_, tables_, parent, name);
}

Result<std::optional<MetaEntry>> MetaWriter::entry(InodeId ino) { return read_inode(txn_, tables_, ino); }

Result<std::optional<MetaEntry>> MetaWriter::resolve_raw(std::string_view path) {
  return read_path(txn_, tables_, path, true);
}

Status MetaWriter::list(InodeId parent, const MetaStore::Visit& visit, bool with_whiteouts) {
  // Copied out a batch at a time, so that the visitor may write.
  std::vector<std::pair<std::string, MetaRecord>> batch;
  std::string after;
  do {
    batch.clear();
    CD_TRY_VOID(scan_folder(txn_, tables_, parent, after, [&](std::string_view name, const MetaRecord& record) {
      batch.emplace_back(name, record);
      return batch.size() < kBatch;
    }));
    for (const auto& [name, record] : batch) {
      if (record.whiteout && !with_whiteouts) continue;
      if (!visit(name, record)) return {};
    }
    if (!batch.empty()) after = batch.back().first;
  } while (batch.size() == kBatch);
  return {};
}

// ---- changing

InodeId MetaWriter::new_inode() { return InodeId(counters_.next_inode++); }

Status MetaWriter::check_place(InodeId parent, std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos)
    return fail(Code::invalid, "not a name: \"" + std::string(name) + "\"");
  if (name.size() > kNameMax) return fail(Code::name_too_long, "a name is longer than 255 bytes");
  CD_TRY(const auto folder, entry(parent));
  if (!folder) return fail(Code::not_found, "the folder is no longer in the tree");
  if (!folder->record.is_directory()) return fail(Code::not_directory, folder->name + " is not a folder");
  return {};
}

Status MetaWriter::put(InodeId parent, std::string_view name, MetaRecord record) {
  CD_CHECK(record.ino);
  if (record.ino == kRootInode) {
    if (parent || !name.empty()) return fail(Code::invalid, "the root has no other name");
  } else {
    CD_TRY_VOID(check_place(parent, name));
  }
  CD_TRY(const auto there, lookup_raw(parent, name));
  if (there && there->ino != record.ino) CD_TRY_VOID(remove_entry(parent, name, *there));
  CD_TRY(const auto before, entry(record.ino));
  if (before && (before->parent != parent || before->name != name)) {
    if (record.is_directory()) CD_TRY_VOID(check_not_below(record.ino, parent));
    CD_TRY_VOID(txn_.erase(tables_.entries, entry_key(before->parent, before->name)));
  }
  const bool stays = before && before->parent == parent && is_subfolder(before->record) == is_subfolder(record);
  if (!stays) {
    if (before) CD_TRY_VOID(count_folder(before->parent, before->record, false));
    CD_TRY_VOID(count_folder(parent, record, true));
  }
  return store(parent, name, record, before ? &*before : nullptr);
}

Status MetaWriter::store(InodeId parent, std::string_view name, MetaRecord& record, const MetaEntry* old) {
  touched_ = true;
  record.changed = counters_.sequence;
  record.links = old != nullptr ? old->record.links : 0;
  if (old == nullptr || old->record.link_of != record.link_of) {
    if (old != nullptr) CD_TRY_VOID(count_link(old->record, false));
    CD_TRY_VOID(count_link(record, true));
  }
  if (old != nullptr) count(old->record, false);
  count(record, true);
  CD_TRY_VOID(index_content(old != nullptr ? &old->record : nullptr, &record));
  const Named now{parent, name, record};
  if (old != nullptr) {
    const Named before{old->parent, old->name, old->record};
    CD_TRY_VOID(index_labels(&before, &now));
  } else {
    CD_TRY_VOID(index_labels(nullptr, &now));
  }
  CD_TRY_VOID(txn_.put(tables_.entries, entry_key(parent, name), encode(record)));
  return txn_.put(tables_.inodes, inode_key(record.ino), encode(MetaPlace{parent, std::string(name)}));
}

Status MetaWriter::erase(InodeId parent, std::string_view name) {
  CD_TRY(const auto record, lookup_raw(parent, name));
  if (!record) return {};
  if (record->ino == kRootInode) return fail(Code::invalid, "the root cannot be removed");
  return remove_entry(parent, name, *record);
}

Status MetaWriter::remove_entry(InodeId parent, std::string_view name, const MetaRecord& record) {
  touched_ = true;
  if (record.is_directory()) CD_TRY_VOID(remove_below(record.ino));
  count(record, false);
  CD_TRY_VOID(count_link(record, false));
  CD_TRY_VOID(count_folder(parent, record, false));
  CD_TRY_VOID(index_content(&record, nullptr));
  const Named gone{parent, name, record};
  CD_TRY_VOID(index_labels(&gone, nullptr));
  CD_TRY_VOID(txn_.erase(tables_.folders, inode_key(record.ino)));
  CD_TRY_VOID(txn_.erase(tables_.inodes, inode_key(record.ino)));
  CD_TRY_VOID(txn_.erase(tables_.entries, entry_key(parent, name)));
  return {};
}

Status MetaWriter::remove_below(InodeId folder) {
  std::vector<InodeId> folders{folder};  // a list of folders instead of recursion: trees may be deep
  while (!folders.empty()) {
    const InodeId parent = folders.back();
    folders.pop_back();
    Status status;
    CD_TRY_VOID(list(parent, [&](std::string_view name, const MetaRecord& record) {
      if (record.is_directory()) folders.push_back(record.ino);
      MetaRecord leaf = record;
      leaf.attr.type = NodeType::file;  // its children are on the list
      leaf.attr.size = record.is_directory() ? 0 : record.attr.size;
      if (!record.is_directory()) leaf.attr.type = record.attr.type;
      status = remove_entry(parent, name, leaf);
      return status.has_value();
    }, true));
    CD_TRY_VOID(std::move(status));
    CD_TRY_VOID(txn_.erase(tables_.notes, subfolders_key(parent)));
  }
  return {};
}

Status MetaWriter::count_link(const MetaRecord& name, bool in) {
  if (!name.link_of) return {};
  const std::string key = links_key(name.link_of) + inode_key(name.ino);
  if (in) CD_TRY_VOID(txn_.put(tables_.notes, key, ""));
  if (!in) CD_TRY_VOID(txn_.erase(tables_.notes, key));
  CD_TRY(auto file, entry(name.link_of));
  if (!file) return {};
  file->record.links += in ? 1 : -1u;
  return txn_.put(tables_.entries, entry_key(file->parent, file->name), encode(file->record));
}

Status MetaWriter::move(InodeId parent, std::string_view name, InodeId new_parent, std::string_view new_name) {
  CD_TRY(auto record, lookup_raw(parent, name));
  if (!record) return fail(Code::not_found, std::string(name) + " is no longer in the tree");
  if (parent == new_parent && name == new_name) return {};
  CD_TRY_VOID(check_place(new_parent, new_name));
  if (record->is_directory()) CD_TRY_VOID(check_not_below(record->ino, new_parent));
  CD_TRY(const auto there, lookup_raw(new_parent, new_name));
  if (there && there->is_directory() && !check_not_below(there->ino, parent))
    return fail(Code::not_empty, std::string(new_name) + " holds what would take its place");
  CD_TRY_VOID(erase(new_parent, new_name));
  CD_TRY(record, lookup_raw(parent, name));  // has a link less, if that was one of its own
  CD_TRY_VOID(txn_.erase(tables_.entries, entry_key(parent, name)));
  const MetaEntry old{parent, std::string(name), *record};
  CD_TRY_VOID(count_folder(parent, old.record, false));
  CD_TRY_VOID(count_folder(new_parent, old.record, true));
  return store(new_parent, new_name, *record, &old);
}

Status MetaWriter::check_not_below(InodeId folder, InodeId new_parent) {
  while (new_parent && new_parent != kRootInode) {
    if (new_parent == folder) return fail(Code::invalid, "a folder cannot move into itself");
    CD_TRY(const auto place, read_place(txn_, tables_, new_parent));
    if (!place) return fail(Code::not_found, "the folder is no longer in the tree");
    new_parent = place->parent;
  }
  return {};
}

Status MetaWriter::index_content(const MetaRecord* before, const MetaRecord* after) {
  const std::string old_key = before != nullptr ? content_key(*before) : "";
  const std::string new_key = after != nullptr ? content_key(*after) : "";
  if (old_key == new_key) return {};
  if (!old_key.empty()) {
    CD_TRY_VOID(txn_.erase(tables_.content, old_key));
    CD_TRY_VOID(note_twins(old_key, before->remote->size));
  }
  if (new_key.empty()) return {};
  CD_TRY_VOID(txn_.put(tables_.content, new_key, ""));
  return note_twins(new_key, after->remote->size);
}

Status MetaWriter::note_twins(const std::string& content_key, std::uint64_t bytes) {
  if (bytes == 0) return {};  // empty files are no copies of one another
  const std::string_view content = std::string_view(content_key).substr(0, content_key.size() - 8);
  int files = 0;
  CD_TRY_VOID(txn_.scan(tables_.content, content, [&](std::string_view key, std::string_view) {
    return key.starts_with(content) && ++files < 2;
  }));
  if (files >= 2) return txn_.put(tables_.labels, twins_key(content), "");
  CD_TRY_VOID(txn_.erase(tables_.labels, twins_key(content)));
  return {};
}

Status MetaWriter::index_labels(const Named* before, const Named* after) {
  const auto entries = [](const Named* n) {
    return n == nullptr ? LabelEntries{} : label_entries(n->folder, n->name, n->record);
  };
  const LabelEntries now = entries(after);
  const LabelEntries old = entries(before);
  for (const auto& [key, value] : old) {
    const bool stays = std::ranges::any_of(now, [&](const auto& one) { return one.first == key; });
    if (!stays) CD_TRY_VOID(txn_.erase(tables_.labels, key));
  }
  for (const auto& entry : now)
    if (std::ranges::find(old, entry) == old.end()) CD_TRY_VOID(txn_.put(tables_.labels, entry.first, entry.second));
  return {};
}

void MetaWriter::count(const MetaRecord& record, bool in) {
  if (!is_counted(record)) return;
  const std::uint64_t bytes = record.attr.type == NodeType::file ? record.attr.size : 0;
  counters_.entries += in ? 1 : std::uint64_t(-1);
  counters_.bytes += in ? bytes : 0 - bytes;
}

Status MetaWriter::count_folder(InodeId folder, const MetaRecord& record, bool in) {
  if (!is_subfolder(record)) return {};
  CD_TRY(const std::uint64_t now, read_subfolders(txn_, tables_, folder));
  const std::uint64_t next = in ? now + 1 : now - std::min<std::uint64_t>(now, 1);
  if (next == 0) {
    CD_TRY_VOID(txn_.erase(tables_.notes, subfolders_key(folder)));
    return {};
  }
  return txn_.put(tables_.notes, subfolders_key(folder), big_endian(next));
}

Status MetaWriter::set_folder_state(InodeId folder, FolderState state) {
  CD_TRY(const auto place, read_place(txn_, tables_, folder));
  if (!place) return fail(Code::not_found, "the folder is no longer in the tree");
  return txn_.put(tables_.folders, inode_key(folder), encode(state));
}

// ---- folders

Status MetaWriter::put_root() {
  MetaRecord root;
  root.ino = kRootInode;
  root.attr.type = NodeType::directory;
  root.attr.mode = 0755;
  root.attr.uid = ::geteuid();
  root.attr.gid = ::getegid();
  root.attr.atime_ns = root.attr.mtime_ns = root.attr.ctime_ns = clock_.wall_ns();
  return put(InodeId{}, "", std::move(root));
}

Result<InodeId> MetaWriter::make_folders(std::string_view path) {
  CD_TRY(auto here, entry(kRootInode));
  CD_CHECK(here.has_value());
  while (!path.empty()) {
    const std::string_view name = take_part(path);
    const InodeId parent = here->record.ino;
    CD_TRY(auto there, lookup_raw(parent, name));
    if (there && !there->is_directory() && !there->whiteout)
      return fail(Code::not_directory, std::string(name) + " is not a folder");
    if (there && there->is_directory()) {
      here = MetaEntry{parent, std::string(name), std::move(*there)};
      if (here->record.whiteout) CD_TRY_VOID(revive(*here));
    } else {
      CD_TRY(here, make_folder(*here, name));
    }
  }
  return here->record.ino;
}

Result<MetaEntry> MetaWriter::make_folder(const MetaEntry& parent, std::string_view name) {
  MetaRecord folder;
  folder.ino = new_inode();
  folder.attr = parent.record.attr;
  folder.attr.mode = 0755;
  folder.attr.atime_ns = folder.attr.mtime_ns = folder.attr.ctime_ns = clock_.wall_ns();
  folder.local_only = parent.record.local_only;
  CD_TRY_VOID(put(parent.record.ino, name, folder));
  // Where the parent's listing is complete, nothing can be below a name that it did not show.
  CD_TRY(const FolderState state, read_folder_state(txn_, tables_, parent.record.ino));
  if (state.complete) CD_TRY_VOID(set_folder_state(folder.ino, state));
  return MetaEntry{parent.record.ino, std::string(name), std::move(folder)};
}

Status MetaWriter::revive(MetaEntry& folder) {
  folder.record.whiteout = false;
  return put(folder.parent, folder.name, folder.record);
}

}  // namespace cd
