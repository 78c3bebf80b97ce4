// read(2). Of a stored file: one piece of a pinned version. Of a staged file: a mosaic of local bytes, zeros, and what
// shows through from the version it was made from.
#include <algorithm>
#include <cstring>

#include "fs/filesystem_impl.h"

namespace cd {
namespace {

constexpr std::size_t kReadMax = 16u << 20;  // the kernel asks for at most 1 MiB
constexpr int kGoneTries = 20;               // with kBusyRetry between: a second for an upload to be acknowledged
constexpr int kMosaicTries = 4;              // a writer that never rests does not keep a reader from its bytes

Error read_timed_out() {
  return {Code::timeout, "the store did not answer in time; `.cratedrive/health` says more"};
}

// For a reader who pinned a version, "it does not exist" means that his version is gone.
Error for_reader(Error error) {
  if (error.code == Code::not_found || error.code == Code::precondition_failed) error.code = Code::stale;
  return error;
}

SharedBytes nothing() { return share({}); }

}  // namespace

struct Filesystem::Impl::Mosaic {
  Caller caller;
  std::shared_ptr<FileHandle> handle;
  std::shared_ptr<StagedFile> staged;
  Reply<SharedBytes> reply;
  std::uint64_t offset = 0;
  std::size_t length = 0;

  std::string bytes;
  std::vector<StagedFile::Piece> base_pieces;  // still to be filled from `next` on
  std::size_t next = 0;
  RemoteVersion base;
  std::uint64_t generation = 0;
  int tries = 0;
};

void Filesystem::read(const Caller& caller, HandleId id, std::uint64_t offset, std::size_t length,
                      Reply<SharedBytes> reply) {
  const auto handle = impl_->handles.file(id);
  if (!handle || !handle->reads) return reply(fail(Code::invalid, "the file is not open for reading"));
  length = std::min(length, kReadMax);
  if (handle->virtual_file) return impl_->read_virtual(*handle, offset, length, reply);
  impl_->read_content(caller, handle, offset, length, 0, reply);
}

void Filesystem::Impl::read_virtual(const FileHandle& handle, std::uint64_t offset, std::size_t length,
                                    const Reply<SharedBytes>& reply) {
  const VirtualFile& file = *handle.virtual_file;
  if (file.growing) {
    auto bytes = source.read_at(file.path, offset, length);
    if (!bytes) return reply(fail(bytes.error()));
    return reply(share(std::move(*bytes)));
  }
  if (file.spooled) {
    std::string bytes(length, '\0');
    const auto got = file.spooled->read(offset, bytes.data(), length);
    if (!got) return reply(fail(got.error()));
    bytes.resize(*got);
    return reply(share(std::move(bytes)));
  }
  const std::string& all = *file.snapshot;
  if (offset >= all.size()) return reply(nothing());
  if (offset == 0 && length >= all.size()) return reply(file.snapshot);
  reply(share(all.substr(offset, length)));
}

void Filesystem::Impl::read_content(const Caller& caller, const std::shared_ptr<FileHandle>& handle,
                                    std::uint64_t offset, std::size_t length, int tries,
                                    const Reply<SharedBytes>& reply) {
  Content::Bytes bytes = handle->content->bytes();
  if (!bytes.staged && !bytes.version) return reply(nothing());
  Reply<SharedBytes> last = reply;
  if (tries < kGoneTries)
    last = [this, caller, handle, offset, length, tries, reply](Result<SharedBytes> got) {
      if (got || got.error().code != Code::stale) return reply(std::move(got));
      if (handle->content->renew(meta, names))
        return read_content(caller, handle, offset, length, tries + 1, reply);
      const auto known = meta.entry(handle->ino);
      const bool on_its_way = known && *known && (*known)->record.pending;
      if (!on_its_way) return reply(std::move(got));
      read_again(caller, handle, offset, length, tries + 1, reply);
    };
  if (!bytes.staged) return read_version(caller, handle, *bytes.version, offset, length, std::move(last));
  auto mosaic = std::make_shared<Mosaic>();
  mosaic->caller = caller;
  mosaic->handle = handle;
  mosaic->staged = std::move(bytes.staged);
  mosaic->reply = std::move(last);
  mosaic->offset = offset;
  mosaic->length = length;
  read_staged(mosaic);
}

// An upload of ours has just replaced what shows through, and its answer is not here yet.
void Filesystem::Impl::read_again(const Caller& caller, const std::shared_ptr<FileHandle>& handle,
                                  std::uint64_t offset, std::size_t length, int tries, Reply<SharedBytes> reply) {
  auto ticket = tickets.make<void>([this, caller, handle, offset, length, tries, reply](Status waited) {
    if (!waited) return reply(fail(waited.error()));
    read_content(caller, handle, offset, length, tries, reply);
  });
  tickets.timers().after(kBusyRetry, [ticket] { ticket->answer({}); });
  tickets.arm(*ticket, caller.interrupted, Millis(0), {});
}

// ---- a pinned version

void Filesystem::Impl::read_version(const Caller& caller, const std::shared_ptr<FileHandle>& handle,
                                    const RemoteVersion& version, std::uint64_t offset, std::size_t length,
                                    Reply<SharedBytes> reply) {
  if (offset >= version.size) return reply(nothing());
  length = static_cast<std::size_t>(std::min<std::uint64_t>(length, version.size - offset));
  auto ticket = tickets.make<SharedBytes>([reply = std::move(reply)](Result<SharedBytes> got) {
    if (got) return reply(std::move(got));
    reply(fail(for_reader(std::move(got).error())));
  });
  ReadStream stream;
  {
    MutexLock lock(handle->mutex);
    stream = handle->stream;
  }
  ReadOptions how;
  how.cancel = ticket->cancelled();
  how.deadline = options.read_deadline;
  how.file = handle->ino;
  blocks.read(version, offset, length, how, &stream,
              [ticket](Result<SharedBytes> got) { ticket->answer(std::move(got)); });
  {
    MutexLock lock(handle->mutex);
    handle->stream = stream;
  }
  tickets.arm(*ticket, caller.interrupted, options.read_deadline, read_timed_out());
}

// ---- a staged file

void Filesystem::Impl::read_staged(const std::shared_ptr<Mosaic>& mosaic) {
  Mosaic& m = *mosaic;
  const StagedFile& staged = *m.staged;
  do {
    ++m.tries;
    m.generation = staged.generation();
    const auto pieces = staged.pieces(m.offset, m.length);
    const auto base = staged.base();
    std::uint64_t total = 0;
    m.base_pieces.clear();
    m.next = 0;
    for (const StagedFile::Piece& piece : pieces) {
      total += piece.length;
      if (piece.source == StagedFile::Source::base) m.base_pieces.push_back(piece);
    }
    m.bytes.assign(static_cast<std::size_t>(total), '\0');
    auto got = staged.read(m.offset, m.bytes.data(), m.bytes.size());
    if (!got) return m.reply(fail(got.error()));
    m.bytes.resize(*got);
    if (!base) m.base_pieces.clear();
    if (base) m.base = base->version;
  } while (m.generation != staged.generation() && m.tries < kMosaicTries);
  fill_from_base(mosaic);
}

void Filesystem::Impl::fill_from_base(const std::shared_ptr<Mosaic>& mosaic) {
  Mosaic& m = *mosaic;
  for (; m.next < m.base_pieces.size(); ++m.next) {
    const StagedFile::Piece& piece = m.base_pieces[m.next];
    const std::size_t at = static_cast<std::size_t>(piece.offset - m.offset);
    const std::size_t length = static_cast<std::size_t>(piece.length);
    if (at + length > m.bytes.size()) continue;
    const auto local = blocks.read_local(m.base, piece.offset, m.bytes.data() + at, length);
    if (local && *local == length) continue;
    return read_version(m.caller, m.handle, m.base, piece.offset, length,
                        [this, mosaic, at, length](Result<SharedBytes> got) {
                          Mosaic& mine = *mosaic;
                          if (!got) return mine.reply(std::move(got));
                          if ((*got)->size() != length)
                            return mine.reply(fail(Code::io, "the store gave fewer bytes than the object has"));
                          std::memcpy(mine.bytes.data() + at, (*got)->data(), length);
                          ++mine.next;
                          fill_from_base(mosaic);
                        });
  }
  if (m.generation != m.staged->generation() && m.tries < kMosaicTries) return read_staged(mosaic);
  m.reply(share(std::move(m.bytes)));
}

}  // namespace cd
