#include "batch/inbox.h"

#include "batch/junk.h"
#include "batch/unpacker.h"

namespace cd {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  a ^= b + 0x9E3779B97F4A7C15ULL + (a << 6) + (a >> 2);
  return a * 0xFF51AFD7ED558CCDULL;
}

std::string join(const std::string& below, std::string_view name) {
  return below.empty() ? std::string(name) : below + "/" + std::string(name);
}

}  // namespace

std::string Inbox::path() const {
  const auto path = meta_.path_of(tree_.inbox());
  return path ? *path : "inbox";
}

Result<std::vector<std::string>> Inbox::drops() const {
  std::vector<std::string> out;
  bool loose = false;
  CD_TRY_VOID(meta_.list(tree_.inbox(), "", [&](std::string_view name, const MetaRecord& record) {
    if (name.starts_with(kUnpackingPrefix)) return true;
    if (record.is_directory()) out.emplace_back(name);
    else loose = loose || junk_kind(name) == Junk::none;
    return true;
  }));
  if (loose) out.emplace_back();
  return out;
}

Result<DropView> Inbox::look(const std::string& folder) const {
  DropView out;
  out.folder = folder;
  std::vector<std::pair<InodeId, std::string>> deeper;
  if (folder.empty()) {
    CD_TRY_VOID(look_into(tree_.inbox(), "", true, out, deeper));
    return out;
  }
  return look_below(folder);
}

Result<DropView> Inbox::look_below(const std::string& path) const {
  DropView out;
  out.folder = path;
  std::vector<std::pair<InodeId, std::string>> deeper;
  CD_TRY(const auto top, meta_.resolve(this->path() + "/" + path));
  if (!top || !top->record.is_directory()) return out;
  deeper.emplace_back(top->record.ino, "");
  while (!deeper.empty()) {
    const auto [ino, below] = std::move(deeper.back());
    deeper.pop_back();
    CD_TRY_VOID(look_into(ino, below, false, out, deeper));
  }
  return out;
}

Status Inbox::look_into(InodeId folder, const std::string& below, bool loose_only, DropView& out,
                        std::vector<std::pair<InodeId, std::string>>& deeper) const {
  return meta_.list(folder, "", [&](std::string_view name, const MetaRecord& record) {
    if (record.is_directory()) {
      if (loose_only) return true;
      std::string path = join(below, name);
      out.sight.fingerprint ^= mix(1, xxh3_64(path));
      deeper.emplace_back(record.ino, std::move(path));
      return true;
    }
    const Junk junk = junk_kind(name);
    if (junk == Junk::dropping || (junk == Junk::partial && loose_only)) return true;
    InboxFile file;
    file.path = join(below, name);
    file.ino = record.ino;
    file.stamp = {record.attr.size, record.attr.mtime_ns};
    file.changed = record.changed;
    file.is_symlink = record.attr.type == NodeType::symlink;
    file.has_writer = !file.is_symlink && tree_.has_writer(record.ino);
    // What is half downloaded is no item, but a sign that somebody is still at work here.
    out.sight.has_writer = out.sight.has_writer || file.has_writer;
    out.sight.fingerprint ^= mix(mix(xxh3_64(file.path), record.changed), record.attr.size);
    if (junk == Junk::none) out.files.push_back(std::move(file));
    return true;
  });
}

namespace {

struct Child {
  std::string name;
  bool directory = false;
};

std::vector<Child> children_of(const MetaStore& meta, InodeId folder) {
  std::vector<Child> out;
  const Status listed = meta.list(folder, "", [&](std::string_view name, const MetaRecord& record) {
    out.push_back({std::string(name), record.is_directory()});
    return true;
  });
  if (!listed) out.push_back({"", false});  // cannot be read: counts as not empty, so nothing is removed
  return out;
}

// True: nothing is left in it.
bool sweep_into(const MetaStore& meta, Namespace& tree, InodeId folder) {
  bool empty = true;
  for (const Child& child : children_of(meta, folder)) {
    if (child.directory) {
      const auto record = meta.lookup(folder, child.name);
      const bool swept = record && *record && sweep_into(meta, tree, (*record)->ino);
      if (!swept || !tree.remove_directory(folder, child.name)) empty = false;
    } else if (junk_kind(child.name) != Junk::dropping || !tree.unlink(folder, child.name)) {
      empty = false;
    }
  }
  return empty;
}

}  // namespace

void sweep_folder(const MetaStore& meta, Namespace& tree, const std::string& path, bool keep_top) {
  const auto entry = meta.resolve(path);
  if (!entry || !*entry || !(*entry)->record.is_directory()) return;
  if (!sweep_into(meta, tree, (*entry)->record.ino) || keep_top) return;
  const Status removed = tree.remove_directory((*entry)->parent, (*entry)->name);
  (void)removed;  // somebody put a file there in this moment: it stays
}

void remove_emptied_parents(const MetaStore& meta, Namespace& tree, std::string_view file_path,
                            std::string_view top) {
  std::string_view path = file_path;
  for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
    path = path.substr(0, slash);
    if (path.size() <= top.size()) return;
    const auto entry = meta.resolve(path);
    if (!entry || !*entry || !(*entry)->record.is_directory()) return;
    const auto empty = meta.is_empty((*entry)->record.ino);
    if (!empty || !*empty || !tree.remove_directory((*entry)->parent, (*entry)->name)) return;
  }
}

}  // namespace cd
