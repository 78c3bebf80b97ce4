#include "journal/body_reader.h"

#include <algorithm>
#include <cstring>

namespace cd {
namespace {

constexpr std::uint64_t kFetchBytes = 4u << 20;

// Fetches the gaps one after another; holds itself by the callback under way.
struct Gaps : std::enable_shared_from_this<Gaps> {
  Gaps(BlockCache& its_blocks, RemoteVersion its_version, ReadOptions its_options, Done<SharedBytes> its_done)
      : blocks(its_blocks), version(std::move(its_version)), options(std::move(its_options)), done(std::move(its_done)) {}

  BlockCache& blocks;
  const RemoteVersion version;
  const ReadOptions options;
  const Done<SharedBytes> done;
  std::string bytes;
  std::uint64_t offset = 0;  // of bytes in the file
  std::vector<StagedFile::Piece> todo;  // last first

  void next() {
    if (todo.empty()) return done(share(std::move(bytes)));
    StagedFile::Piece& piece = todo.back();
    const std::uint64_t at = piece.offset;
    const std::uint64_t n = std::min(piece.length, kFetchBytes);
    piece.offset += n;
    piece.length -= n;
    if (piece.length == 0) todo.pop_back();
    blocks.read(version, at, n, options, nullptr, [self = shared_from_this(), at, n](Result<SharedBytes> got) {
      if (!got) return self->done(fail(got.error()));
      if ((*got)->size() != n) return self->done(fail(Code::stale, "the stored version is shorter than it was"));
      std::memcpy(self->bytes.data() + (at - self->offset), (*got)->data(), n);
      self->next();
    });
  }
};

}  // namespace

void read_body(BlockCache& blocks, const std::shared_ptr<StagedFile>& file, std::uint64_t offset, std::uint64_t length,
               const ReadOptions& options, Done<SharedBytes> done) {
  std::string bytes(length, '\0');
  const auto pieces = file->pieces(offset, length);
  const auto got = file->read(offset, bytes.data(), length);
  if (!got) return done(fail(got.error()));
  if (*got != length) return done(fail(Code::busy, "the file became shorter while it was read"));
  const auto base = file->base();
  auto gaps = std::make_shared<Gaps>(blocks, base ? base->version : RemoteVersion{}, options, std::move(done));
  gaps->bytes = std::move(bytes);
  gaps->offset = offset;
  for (const auto& piece : pieces) {
    if (piece.source == StagedFile::Source::base) gaps->todo.push_back(piece);
  }
  std::reverse(gaps->todo.begin(), gaps->todo.end());
  gaps->next();
}

void read_version(BlockCache& blocks, const RemoteVersion& version, std::uint64_t offset, std::uint64_t length,
                  const ReadOptions& options, Done<SharedBytes> done) {
  auto gaps = std::make_shared<Gaps>(blocks, version, options, std::move(done));
  gaps->bytes.resize(length);
  gaps->offset = offset;
  if (length > 0) gaps->todo.push_back({StagedFile::Source::base, offset, length});
  gaps->next();
}

}  // namespace cd
