// Walking through folders: opendir, readdir.
// Offsets count entries: 1 is behind ".", 2 behind "..", then the virtual entries, then the names of the tree in
// byte order. The tree is read by name, so entries that come and go meanwhile disturb no other; the handle keeps
// the names of its last pages by offset, because the kernel may take only a part of a page.
#include <algorithm>

#include "fs/filesystem_impl.h"

namespace cd {
namespace {

constexpr std::size_t kWindow = 4'096;  // names kept a handle
constexpr std::size_t kPageMax = 1'024;
constexpr std::uint64_t kDots = 2;

}  // namespace

struct Filesystem::Impl::Page {
  std::vector<DirectoryEntry> entries;
  std::size_t at_most = 0;
  std::uint64_t offset = 0;  // behind the last entry so far
  std::string after;         // and its name, once in the tree
  [[nodiscard]] bool full() const { return entries.size() >= at_most; }
};

void Filesystem::opendir(const Caller& caller, InodeId ino, Reply<HandleId> reply) {
  Impl& fs = *impl_;
  auto handle = std::make_shared<DirHandle>();
  handle->ino = ino;
  if (VirtualTree::is_virtual(ino)) {
    const auto node = fs.virtual_tree.node(ino);
    if (!node) return reply(fail(node.error()));
    if (node->type != VirtualNode::Type::directory) return reply(fail(Code::not_directory, "not a folder"));
    auto path = fs.virtual_tree.path_of(ino);
    if (!path) return reply(fail(path.error()));
    handle->virtual_path = std::move(*path);
    return fs.when_current(caller, handle->virtual_path, [&fs, handle, reply = std::move(reply)](Status asked) {
      if (!asked) return reply(fail(asked.error()));
      reply(fs.handles.add(handle));
    });
  }
  auto open_it = [&fs, ino, handle, reply](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto entry = fs.entry(ino);
    if (!entry) return reply(fail(entry.error()));
    if (!entry->record.is_directory()) return reply(fail(Code::not_directory, "not a folder"));
    reply(fs.handles.add(handle));
  };
  fs.when_known(caller, ino, [&fs, caller, ino, open_it = std::move(open_it)](Status asked) {
    if (!asked) return open_it(std::move(asked));
    fs.when_links_known(caller, ino, open_it);
  });
}

// The name behind which the entries after `offset` begin. An offset that is no longer known is counted out anew.
Result<std::string> Filesystem::Impl::seek(DirHandle& handle, std::uint64_t offset) {
  const std::uint64_t first = kDots + handle.extra.size();
  if (offset <= first) return std::string();
  const auto known = std::lower_bound(handle.window.begin(), handle.window.end(), offset,
                                      [](const auto& entry, std::uint64_t wanted) { return entry.first < wanted; });
  if (known != handle.window.end() && known->first == offset) {
    std::string behind = known->second;
    handle.window.erase(known + 1, handle.window.end());  // what follows is read, and numbered, anew
    return behind;
  }
  std::uint64_t at = first;
  std::string name;
  CD_TRY_VOID(meta.list(handle.ino, "", [&](std::string_view entry_name, const MetaRecord&) {
    name = entry_name;
    return ++at < offset;
  }));
  handle.window.clear();
  return name;
}

// A virtual folder is read page by page. The page that holds the entry of this offset; an earlier one than that at
// hand is found by going through all before it again.
Status Filesystem::Impl::turn_to(DirHandle& handle, std::uint64_t offset) {
  const std::uint64_t wanted = offset < kDots ? 0 : offset - kDots;
  const bool begun = handle.extra_first > 0 || !handle.extra.empty();
  if (offset == 0 || !begun || wanted < handle.extra_first) {
    CD_TRY(VirtualPage page, source.list(handle.virtual_path, "", kPageMax));
    handle.extra = std::move(page.nodes);
    handle.extra_first = 0;
    handle.extra_last = page.last;
  }
  while (wanted >= handle.extra_first + handle.extra.size() && !handle.extra_last) {
    const std::string after = handle.extra.empty() ? std::string() : handle.extra.back().cursor;
    handle.extra_first += handle.extra.size();
    CD_TRY(VirtualPage page, source.list(handle.virtual_path, after, kPageMax));
    handle.extra_last = page.last || page.nodes.empty();
    handle.extra = std::move(page.nodes);
  }
  return {};
}

Status Filesystem::Impl::add_records(DirHandle& handle, Page& page) {
  const Millis valid = valid_in(handle.ino);
  return meta.list(handle.ino, page.after, [&](std::string_view name, const MetaRecord& record) CD_NO_TSA {
    auto& window = handle.window;
    if (page.full()) return false;
    if (virtual_tree.reserves(handle.ino, name)) return true;
    ++page.offset;
    const auto file = record.link_of ? meta.follow(record) : Result<MetaRecord>(record);
    page.entries.push_back({std::string(name), show(file ? *file : record, valid), page.offset, may_be_special(record)});
    if (window.empty() || window.back().first < page.offset) window.emplace_back(page.offset, std::string(name));
    if (window.size() > kWindow) window.pop_front();
    return true;
  });
}

void Filesystem::readdir(const Caller&, HandleId id, std::uint64_t offset, std::size_t at_most,
                         Reply<std::vector<DirectoryEntry>> reply) {
  Impl& fs = *impl_;
  const auto handle = fs.handles.folder(id);
  if (!handle) return reply(fail(Code::invalid, "not an open folder"));
  const bool in_virtual = VirtualTree::is_virtual(handle->ino);
  Impl::Page page;
  page.at_most = std::min(at_most, kPageMax);
  page.offset = offset;
  Status done;
  {
    MutexLock lock(handle->mutex);
    if (offset == 0) handle->window.clear();
    if (in_virtual) {
      done = fs.turn_to(*handle, offset);
    } else if (offset == 0) {
      handle->extra = fs.virtual_tree.entries_in(handle->ino);
    }
    for (; page.offset < kDots && !page.full(); ++page.offset) {
      NodeAttributes dot;
      dot.attr.type = NodeType::directory;
      page.entries.push_back({page.offset == 0 ? "." : "..", dot, page.offset + 1});
    }
    const std::uint64_t first = kDots + handle->extra_first;
    for (; page.offset >= first && page.offset < first + handle->extra.size() && !page.full(); ++page.offset) {
      const VirtualNode& node = handle->extra[page.offset - first];
      page.entries.push_back({node.name, fs.virtual_tree.attributes_of(InodeId(), node), page.offset + 1});
    }
    if (!in_virtual && !page.full()) {
      auto after = fs.seek(*handle, page.offset);
      if (after) {
        page.after = std::move(*after);
        done = fs.add_records(*handle, page);
      } else {
        done = fail(after.error());
      }
    }
  }
  if (!done) return reply(fail(done.error()));
  reply(std::move(page.entries));
}

void Filesystem::releasedir(HandleId id) { impl_->handles.remove_folder(id); }

}  // namespace cd
