// Filesystem::Impl: what all the operations share: the doors they stand on, the tables of open things, and the
// three ways to wait (when_known, when_exact, while_busy). The operations are in namespace_ops, attr_ops, xattr_ops,
// folder_ops, file_ops and read_ops.
// Order of members is order of life: the tickets end first, so no continuation outlives what it uses.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "fs/content.h"
#include "fs/filesystem.h"
#include "fs/gone_folders.h"
#include "fs/handles.h"
#include "fs/ticket.h"
#include "fs/virtual_tree.h"

namespace cd {

inline constexpr Millis kBusyRetry{50};          // a writer looks for room in the staging area again
inline constexpr Millis kAbsentValid{1'000};     // that a name means nothing
inline constexpr Millis kLocalValid{1'000};      // what the bucket does not have yet: batches and uploads change it by themselves
inline constexpr std::size_t kNameBytesMax = 255;

[[nodiscard]] inline auto stale_inode() { return fail(Code::stale, "the file is no longer in the tree"); }
[[nodiscard]] inline auto reserved_name(std::string_view name) {
  return fail(Code::permission, std::string(name) + " belongs to the drive");
}

struct Filesystem::Impl {
  Impl(MetaStore& its_meta, TreeCache& its_tree, BlockCache& its_blocks, Journal& its_journal,
       StoreHealth& its_health, VirtualSource& virtual_files, const Clock& its_clock,
       MetricRegistry& metrics, FilesystemOptions its_options)
      : meta(its_meta), tree(its_tree), blocks(its_blocks), journal(its_journal), names(its_journal.tree()),
        health(its_health), source(virtual_files), clock(its_clock), options(std::move(its_options)),
        requests(metrics.counter("cratedrive_fs_requests_total", "Requests of the kernel")),
        parked(metrics.counter("cratedrive_fs_parked_total", "Operations that had to wait for the store")),
        virtual_tree(virtual_files, options, names.inbox()) {}

  MetaStore& meta;
  TreeCache& tree;
  BlockCache& blocks;
  Journal& journal;
  Namespace& names;
  StoreHealth& health;
  VirtualSource& source;
  const Clock& clock;
  const FilesystemOptions options;
  Counter& requests;
  Counter& parked;
  VirtualTree virtual_tree;
  Contents contents;
  Handles handles;
  mutable GoneFolders gone_folders;
  Tickets tickets;

  // ---- waiting (filesystem.cc). `then` is called exactly once: at once if nothing has to be waited for.
  // The folder is listed. Stale and the store answers: its new listing, for at most stale_grace, else the old one.
  // Never listed: an error if the store cannot be asked.
  void when_known(const Caller& caller, InodeId folder, Reply<void> then);
  // The same for everything below it.
  void when_tree_known(const Caller& caller, InodeId folder, Reply<void> then);
  // Mode, owner, labels of a stored file come from the object itself: before something is changed of them.
  void when_exact(const Caller& caller, InodeId ino, bool or_else_go_on, Reply<void> then);
  // LIST does not say what is a symlink. Names of a folder that may be one are looked at before it is shown, if
  // they are few; else each when it is looked up.
  void when_links_known(const Caller& caller, InodeId folder, Reply<void> then);
  // Tries again while the answer is `busy` (the staging area is full, and uploads are making room).
  template <class T>
  void while_busy(const Caller& caller, std::function<Result<T>()> attempt, Reply<T> reply);

  // What a virtual path shows is as new as the bucket, or stale_grace has passed.
  void when_current(const Caller& caller, const std::string& virtual_path, Reply<void> then);

  [[nodiscard]] Freshness freshness(InodeId folder) const;
  [[nodiscard]] bool is_local(InodeId folder) const;  // below the inbox
  void ask_store(const Caller& caller, Millis patience, bool old_serves, const std::function<void(Done<void>)>& ask,
                 Reply<void> then, Tickets::Progress progress = {});
  [[nodiscard]] Tickets::Progress pages_of(InodeId folder, bool old_serves);

  // ---- attributes
  [[nodiscard]] NodeAttributes show(const MetaRecord& record, Millis valid) const;
  [[nodiscard]] std::uint32_t links_of(const MetaRecord& folder) const;
  [[nodiscard]] Millis valid_in(InodeId folder) const;
  [[nodiscard]] Result<NodeAttributes> attributes(InodeId ino) const;
  [[nodiscard]] Result<MetaEntry> entry(InodeId ino) const;  // stale if it is gone
  void remember(InodeId parent, std::string_view name) const;  // of what may be open and is about to lose its name

  // ---- namespace_ops.cc
  void read_target(const Caller& caller, const MetaRecord& link, Reply<std::string> reply);
  [[nodiscard]] Result<NodeAttributes> find(InodeId parent, const std::string& name) const;
  [[nodiscard]] NewNode new_node(const Caller& caller, InodeId parent, std::uint32_t mode,
                                 bool directory = false) const;
  [[nodiscard]] Status check_name(InodeId parent, std::string_view name) const;  // for creating, removing, renaming
  void when_movable(const Caller& caller, InodeId parent, const std::string& name, bool whole, Reply<void> then);

  // ---- attr_ops.cc
  [[nodiscard]] Result<NodeAttributes> set_virtual(InodeId ino);
  [[nodiscard]] Status resize(InodeId ino, const AttrRequest& request);
  [[nodiscard]] Result<NodeAttributes> set_now(InodeId ino, const AttrRequest& request);

  // ---- file_ops.cc
  [[nodiscard]] Result<OpenedFile> open_virtual(InodeId ino, int flags);
  [[nodiscard]] Status clear_set_bits(const Caller& caller, InodeId ino);
  [[nodiscard]] Result<OpenedFile> open_now(InodeId ino, int flags);
  [[nodiscard]] Result<Created> create_now(const Caller& caller, InodeId parent, const std::string& name,
                                           std::uint32_t mode, int flags);
  [[nodiscard]] Result<std::shared_ptr<StagedFile>> writable(FileHandle& handle);
  void write_bytes(const Caller& caller, HandleId id, std::uint64_t offset, bool may_append, const SharedBytes& bytes,
                   Reply<std::size_t> reply);
  // Without an offset: at the end.
  [[nodiscard]] Result<std::size_t> write_now(FileHandle& handle, std::optional<std::uint64_t> offset,
                                              std::string_view bytes);
  [[nodiscard]] Result<std::size_t> command(const FileHandle& handle, std::string_view text);
  [[nodiscard]] Status allocate(FileHandle& handle, int mode, std::uint64_t offset, std::uint64_t length);
  void when_stored(const Caller& caller, FileHandle& handle, Reply<void> reply);
  void close(const std::shared_ptr<FileHandle>& handle);
  void look_after(const FileHandle& handle);

  // ---- read_ops.cc
  struct Mosaic;
  void read_virtual(const FileHandle& handle, std::uint64_t offset, std::size_t length,
                    const Reply<SharedBytes>& reply);
  void read_content(const Caller& caller, const std::shared_ptr<FileHandle>& handle, std::uint64_t offset,
                    std::size_t length, int tries, const Reply<SharedBytes>& reply);
  void read_again(const Caller& caller, const std::shared_ptr<FileHandle>& handle, std::uint64_t offset,
                  std::size_t length, int tries, Reply<SharedBytes> reply);
  void read_version(const Caller& caller, const std::shared_ptr<FileHandle>& handle, const RemoteVersion& version,
                    std::uint64_t offset, std::size_t length, Reply<SharedBytes> reply);
  void read_staged(const std::shared_ptr<Mosaic>& mosaic);
  void fill_from_base(const std::shared_ptr<Mosaic>& mosaic);

  // ---- folder_ops.cc
  struct Page;
  [[nodiscard]] Result<std::string> seek(DirHandle& handle, std::uint64_t offset) CD_REQUIRES(handle.mutex);
  [[nodiscard]] Status turn_to(DirHandle& handle, std::uint64_t offset) CD_REQUIRES(handle.mutex);
  [[nodiscard]] Status add_records(DirHandle& handle, Page& page) CD_REQUIRES(handle.mutex);
};

template <class T>
void Filesystem::Impl::while_busy(const Caller& caller, std::function<Result<T>()> attempt, Reply<T> reply) {
  Result<T> first = attempt();
  if (first || first.error().code != Code::busy) return reply(std::move(first));
  parked.add();
  auto ticket = tickets.make<T>(std::move(reply));
  // Each try arranges the next; the chain holds the ticket weakly, so that it ends with it.
  const auto again = std::make_shared<std::function<void()>>();
  *again = [this, attempt = std::move(attempt), weak = std::weak_ptr<Ticket<T>>(ticket),
            self = std::weak_ptr<std::function<void()>>(again)] {
    const auto waiting = weak.lock();
    if (!waiting || waiting->cancelled().stop_requested()) return;
    Result<T> result = attempt();
    const auto me = self.lock();
    if (!result && result.error().code == Code::busy && me) {
      tickets.timers().after(kBusyRetry, [me, waiting] { (*me)(); });
      return;
    }
    waiting->answer(std::move(result));
  };
  tickets.timers().after(kBusyRetry, [again, ticket] { (*again)(); });
  tickets.arm(*ticket, caller.interrupted, Millis(0), {});
}

}  // namespace cd
