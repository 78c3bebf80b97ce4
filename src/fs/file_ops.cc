// Operations on open files, but for reading: create, open, write, flush, release, fsync, fallocate, lseek.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>

#include "fs/filesystem_impl.h"

namespace cd {
namespace {

auto bad_handle() { return fail(Code::invalid, "the file is not open for this"); }

std::shared_ptr<FileHandle> new_handle(InodeId ino, int flags) {
  auto handle = std::make_shared<FileHandle>();
  handle->ino = ino;
  const int access = flags & O_ACCMODE;
  handle->reads = access != O_WRONLY;
  handle->writes = access != O_RDONLY;
  handle->append = (flags & O_APPEND) != 0;
  return handle;
}

}  // namespace

// ---- create, open

Result<OpenedFile> Filesystem::Impl::open_virtual(InodeId ino, int flags) {
  CD_TRY(const std::string path, virtual_tree.path_of(ino));
  CD_TRY(const VirtualNode node, virtual_tree.node(ino));
  if (node.type != VirtualNode::Type::file) return fail(Code::is_directory, node.name + " is a folder");
  auto handle = new_handle(ino, flags);
  if (handle->writes && !node.writable) return reserved_name(node.name);
  VirtualFile file{path, node.growing, node.writable, nullptr, nullptr};
  if (handle->reads && !node.growing) {
    CD_TRY(file.spooled, source.spool(path));
    if (!file.spooled) {
      CD_TRY(file.snapshot, source.render(path));
    }
  }
  handle->virtual_file = std::move(file);
  return OpenedFile{handles.add(std::move(handle)), true, false};
}

Result<OpenedFile> Filesystem::Impl::open_now(InodeId ino, int flags) {
  const auto known = entry(ino);
  if (!known && !contents.find(ino)) return fail(known.error());  // else unlinked and open: by /proc/self/fd
  if (known && known->record.is_directory()) return fail(Code::is_directory, known->name + " is a folder");
  auto handle = new_handle(ino, flags);
  const bool truncate = (flags & O_TRUNC) != 0;
  const auto content = contents.acquire(ino);
  bool paired = false;
  Status opened;
  if (handle->writes || truncate) {
    opened = content->open_writer(meta, names, truncate, paired);
  } else {
    opened = content->open_reader(meta, names);
  }
  if (!opened) {
    contents.release(content, names);
    return fail(opened.error());
  }
  handle->content = content;
  handle->vague = !handle->writes && known && known->record.remote && !known->record.exact;
  if (!handle->writes) blocks.opened(ino);
  {
    MutexLock lock(handle->mutex);
    handle->writing = handle->writes || truncate;
    handle->paired = paired;
  }
  // The kernel's pages are right: an inode's bytes change only by writes that went through this mount.
  return OpenedFile{handles.add(std::move(handle)), false, true};
}

// The kernel clears setuid and setgid when others write or truncate, but for O_TRUNC, which it leaves to us.
Status Filesystem::Impl::clear_set_bits(const Caller& caller, InodeId ino) {
  constexpr std::uint32_t kSetUid = 04000;
  constexpr std::uint32_t kSetGid = 02000;
  constexpr std::uint32_t kGroupExec = 00010;
  const auto known = entry(ino);
  if (caller.uid == 0 || !known) return {};
  const std::uint32_t mode = known->record.attr.mode;
  std::uint32_t kept = mode & ~kSetUid;
  if ((mode & kGroupExec) != 0) kept &= ~kSetGid;
  if (kept == mode) return {};
  AttributeChange change;
  change.mode = kept;
  CD_TRY([[maybe_unused]] const auto changed, names.set_attributes(ino, change));
  return {};
}

void Filesystem::open(const Caller& caller, InodeId ino, int flags, Reply<OpenedFile> reply) {
  Impl& fs = *impl_;
  if (VirtualTree::is_virtual(ino)) {
    const auto path = fs.virtual_tree.path_of(ino);
    if (!path) return reply(fail(path.error()));
    return fs.when_current(caller, *path, [&fs, ino, flags, reply](Status asked) {
      if (!asked) return reply(fail(asked.error()));
      reply(fs.open_virtual(ino, flags));
    });
  }
  const bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;
  auto open_it = [&fs, caller, ino, flags, reply](Status asked) {
    if (asked && (flags & O_TRUNC) != 0) asked = fs.clear_set_bits(caller, ino);
    if (!asked) return reply(fail(asked.error()));
    reply(fs.open_now(ino, flags));
  };
  auto with_exact = [&fs, caller, ino, writes, open_it](Status asked) {
    if (!asked) return open_it(std::move(asked));
    // A new version is to keep the labels and the mode of the old one; a reader need not wait for them.
    if (writes) return fs.when_exact(caller, ino, true, open_it);
    open_it({});
  };
  const auto entry = fs.meta.entry(ino);
  if (fs.options.metadata_ttl.count() > 0 || !entry || !*entry || (*entry)->record.pending ||
      (*entry)->record.local_only)
    return with_exact({});
  fs.tree.expire((*entry)->parent);  // metadata_ttl = 0: ask at every open
  fs.when_known(caller, (*entry)->parent, std::move(with_exact));
}

Result<Filesystem::Created> Filesystem::Impl::create_now(const Caller& caller, InodeId parent,
                                                         const std::string& name, std::uint32_t mode, int flags) {
  auto made = names.create(parent, name, new_node(caller, parent, mode));
  if (!made) {
    if (made.error().code != Code::exists || (flags & O_EXCL) != 0) return fail(made.error());
    CD_TRY(auto node, find(parent, name));  // somebody else was quicker, or it came from the bucket
    CD_TRY(auto file, open_now(node.ino, flags));
    CD_TRY(node, attributes(node.ino));
    return Created{node, file};
  }
  const auto content = contents.acquire(made->ino);
  if (auto opened = content->created(*made, names); !opened) {
    names.close_for_write(made->ino);
    contents.release(content, names);
    return fail(opened.error());
  }
  auto handle = new_handle(made->ino, flags);
  handle->writes = true;
  handle->content = content;
  {
    MutexLock lock(handle->mutex);
    handle->writing = handle->paired = true;
  }
  const NodeAttributes node = show(*made, valid_in(parent));
  return Created{node, OpenedFile{handles.add(std::move(handle)), false, true}};
}

void Filesystem::create(const Caller& caller, InodeId parent, std::string name, std::uint32_t mode, int flags,
                        Reply<Created> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(fail(good.error()));
  fs.when_known(caller, parent, [&fs, caller, parent, name, mode, flags, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    fs.while_busy<Created>(
        caller, [&fs, caller, parent, name, mode, flags] { return fs.create_now(caller, parent, name, mode, flags); },
        reply);
  });
}

// ---- writing

// With durability = "remote" close(2) and fsync(2) let go of the file so that it can be uploaded; a write that
// follows takes it up again.
Result<std::shared_ptr<StagedFile>> Filesystem::Impl::writable(FileHandle& handle) {
  MutexLock lock(handle.mutex);
  if (!handle.writing) {
    CD_TRY_VOID(handle.content->open_writer(meta, names, false, handle.paired));
    handle.writing = true;
  }
  auto staged = handle.content->bytes().staged;
  if (!staged) return fail(Code::io, "an open file has no staged bytes");
  return staged;
}

Result<std::size_t> Filesystem::Impl::write_now(FileHandle& handle, std::optional<std::uint64_t> offset,
                                                std::string_view bytes) {
  CD_TRY(const auto staged, writable(handle));
  if (!offset) {
    CD_TRY([[maybe_unused]] const std::uint64_t at, staged->append(bytes));
  } else {
    CD_TRY_VOID(staged->write(*offset, bytes));
  }
  handle.content->wrote();
  return bytes.size();
}

// Each line is one command; an empty one is none.
Result<std::size_t> Filesystem::Impl::command(const FileHandle& handle, std::string_view text) {
  const std::size_t all = text.size();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    CD_TRY_VOID(source.command(handle.virtual_file->path, line));
  }
  return all;
}

void Filesystem::Impl::write_bytes(const Caller& caller, HandleId id, std::uint64_t offset, bool may_append,
                                   const SharedBytes& bytes, Reply<std::size_t> reply) {
  const auto handle = handles.file(id);
  if (!handle || !handle->writes) return reply(bad_handle());
  if (handle->virtual_file) return reply(command(*handle, *bytes));
  if (offset > static_cast<std::uint64_t>(INT64_MAX) - bytes->size())
    return reply(fail(Code::too_large, "a file cannot be that large"));
  const auto at = may_append && handle->append ? std::nullopt : std::optional(offset);
  while_busy<std::size_t>(caller, [this, handle, at, bytes] { return write_now(*handle, at, *bytes); },
                          std::move(reply));
}

void Filesystem::write(const Caller& caller, HandleId id, std::uint64_t offset, SharedBytes bytes,
                       Reply<std::size_t> reply) {
  impl_->write_bytes(caller, id, offset, true, bytes, std::move(reply));
}

void Filesystem::write_back(const Caller& caller, HandleId id, std::uint64_t offset, SharedBytes bytes,
                            Reply<std::size_t> reply) {
  impl_->write_bytes(caller, id, offset, false, bytes, std::move(reply));
}

Status Filesystem::Impl::allocate(FileHandle& handle, int mode, std::uint64_t offset, std::uint64_t length) {
  const bool keep_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const int what = mode & ~FALLOC_FL_KEEP_SIZE;
  if (what != 0 && what != FALLOC_FL_PUNCH_HOLE && what != FALLOC_FL_ZERO_RANGE)
    return fail(Code::unsupported, "this kind of fallocate is not supported");
  if (length == 0) return fail(Code::invalid, "nothing to allocate");
  if (offset > static_cast<std::uint64_t>(INT64_MAX) - length)
    return fail(Code::too_large, "a file cannot be that large");
  CD_TRY(const auto staged, writable(handle));
  const std::uint64_t size = staged->size();
  const std::uint64_t end = offset + length;
  if (what != 0 && offset < size) CD_TRY_VOID(staged->punch_hole(offset, std::min(end, size) - offset));
  CD_TRY_VOID(staged->extend(keep_size ? 0 : end));
  handle.content->wrote();
  return {};
}

void Filesystem::fallocate(const Caller& caller, HandleId id, int mode, std::uint64_t offset, std::uint64_t length,
                           Reply<void> reply) {
  Impl& fs = *impl_;
  const auto handle = fs.handles.file(id);
  if (!handle || !handle->writes || !handle->content) return reply(bad_handle());
  fs.while_busy<void>(
      caller, [&fs, handle, mode, offset, length] { return fs.allocate(*handle, mode, offset, length); },
      std::move(reply));
}

// ---- flush, fsync, release

// Answers when the bucket has the file, unless somebody else still writes to it.
void Filesystem::Impl::when_stored(const Caller& caller, FileHandle& handle, Reply<void> reply) {
  {
    MutexLock lock(handle.mutex);
    if (handle.writing) handle.content->close_writer(names, handle.paired);
    handle.writing = false;
  }
  const auto path = meta.path_of(handle.ino);
  const auto known = meta.entry(handle.ino);
  if (!path || !known || !*known || (*known)->record.local_only || names.has_writer(handle.ino)) return reply({});
  auto ticket = tickets.make<void>(std::move(reply));
  journal.when_stored(*path, [ticket](Status stored) { ticket->answer(std::move(stored)); });
  // No deadline: how long an upload takes nobody knows. Ctrl-C ends the waiting, not the upload.
  tickets.arm(*ticket, caller.interrupted, Millis(0), {});
}

void Filesystem::flush(const Caller& caller, HandleId id, Reply<void> reply) {
  Impl& fs = *impl_;
  const auto handle = fs.handles.file(id);
  if (!handle) return reply(bad_handle());
  if (!handle->content || !handle->writes) return reply({});
  if (auto done = handle->content->commit(fs.meta, fs.names); !done || !fs.options.durability_remote)
    return reply(std::move(done));
  fs.when_stored(caller, *handle, std::move(reply));
}

void Filesystem::fsync(const Caller& caller, HandleId id, Reply<void> reply) {
  Impl& fs = *impl_;
  const auto handle = fs.handles.file(id);
  if (!handle) return reply(bad_handle());
  if (!handle->content) return reply({});
  const auto known = fs.meta.entry(handle->ino);
  if (known && !*known) {  // unlinked: nobody will look for it after a power loss
    const auto staged = handle->content->bytes().staged;
    return reply(staged ? staged->sync() : Status{});
  }
  if (handle->writes) {
    if (auto done = handle->content->commit(fs.meta, fs.names); !done) return reply(std::move(done));
  }
  if (auto done = fs.names.sync(handle->ino); !done || !fs.options.durability_remote) return reply(std::move(done));
  fs.when_stored(caller, *handle, std::move(reply));
}

void Filesystem::Impl::close(const std::shared_ptr<FileHandle>& handle) {
  if (!handle || !handle->content) return;
  {
    MutexLock lock(handle->mutex);
    if (handle->writing) handle->content->close_writer(names, handle->paired);
    handle->writing = false;
  }
  contents.release(handle->content, names);
}

// A file that was opened is known exactly afterwards. Reading it told; one that was only opened, or was here already, is
// asked for.
void Filesystem::Impl::look_after(const FileHandle& handle) {
  if (!handle.vague || !health.reachable()) return;
  const auto known = meta.entry(handle.ino);
  if (known && *known && (*known)->record.remote && !(*known)->record.exact)
    tree.fill_exact(handle.ino, [](const Result<MetaRecord>&) {});
}

void Filesystem::release(HandleId id) {
  const auto handle = impl_->handles.remove_file(id);
  if (handle) impl_->look_after(*handle);
  impl_->close(handle);
}

// ---- lseek

void Filesystem::lseek(const Caller&, HandleId id, std::uint64_t offset, int whence, Reply<std::uint64_t> reply) {
  Impl& fs = *impl_;
  const auto handle = fs.handles.file(id);
  if (!handle || (whence != SEEK_DATA && whence != SEEK_HOLE)) return reply(bad_handle());
  const Content::Bytes bytes = handle->content ? handle->content->bytes() : Content::Bytes{};
  std::uint64_t size = 0;
  if (bytes.staged) size = bytes.staged->size();
  else if (bytes.version) size = bytes.version->size;
  else if (handle->virtual_file && handle->virtual_file->snapshot) size = handle->virtual_file->snapshot->size();
  // not_found becomes ENXIO here.
  if (offset >= size) return reply(fail(Code::not_found, "behind the end of the file"));
  const auto pieces = bytes.staged ? bytes.staged->pieces(offset, size - offset)
                                   : std::vector<StagedFile::Piece>{{StagedFile::Source::base, offset, size - offset}};
  for (const StagedFile::Piece& piece : pieces)
    if ((piece.source == StagedFile::Source::zero) == (whence == SEEK_HOLE)) return reply(piece.offset);
  if (whence == SEEK_HOLE) return reply(size);
  reply(fail(Code::not_found, "no data behind this offset"));
}

}  // namespace cd
