// Staging: the bytes that the bucket does not have yet, one local file each under <state>/<drive>/staged/,
// with an explicit map of which ranges are ours. The rest of a file that exists in the bucket shows through
// from its base version until the upload.
//
// A StagedFile is shared by all handles of an inode, the uploader and the analysers. It is thread-safe: reads
// run side by side; a write or truncate is atomic towards reads. Its file is removed when the journal has
// dropped it and the last shared_ptr is gone.
// After a crash all that write() acknowledged is there (kernel's page cache); after sync() it survives power loss.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/id.h"
#include "base/result.h"
#include "cache/meta_record.h"

namespace cd {

struct StagedBase {
  RemoteVersion version;
  std::uint64_t limit = 0;  // bytes [0, limit) of the version show through where nothing is ours

  friend bool operator==(const StagedBase&, const StagedBase&) = default;
};

class StagedFile {
 public:
  enum class Source : std::uint8_t { staged, base, zero };
  struct Piece {
    Source source;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  virtual ~StagedFile() = default;

  [[nodiscard]] virtual StagedId id() const = 0;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  [[nodiscard]] virtual std::optional<StagedBase> base() const = 0;
  // Where the bytes [offset, offset+length) come from, clipped at size(), in order, without gaps.
  [[nodiscard]] virtual std::vector<Piece> pieces(std::uint64_t offset, std::uint64_t length) const = 0;
  // True if no byte shows through from the base.
  [[nodiscard]] virtual bool complete() const = 0;
  // Bytes of `staged` and `zero` pieces; what belongs to the base comes as zeros. Short only at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) const = 0;

  // busy: the staging area is full but uploads are moving (try again soon); no_space: nothing moves.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::string_view bytes) = 0;
  // At the present end, atomically towards other appends. Gives the offset that was written.
  [[nodiscard]] virtual Result<std::uint64_t> append(std::string_view bytes) = 0;
  [[nodiscard]] virtual Status truncate(std::uint64_t size) = 0;
  // At least this long; counts as a write also where it is longer already.
  [[nodiscard]] virtual Status extend(std::uint64_t size) = 0;
  [[nodiscard]] virtual Status punch_hole(std::uint64_t offset, std::uint64_t length) = 0;  // reads as zeros after
  [[nodiscard]] virtual Status sync() = 0;

  // What it holds at one moment. The hash is empty if its bytes were not written front to back since it was empty.
  struct Content {
    std::uint64_t size = 0;
    Hash128 hash;  // xxh3-128
  };
  [[nodiscard]] virtual Content content() const = 0;

  // Counts writes and truncates: equal numbers before and after mean that nothing changed between.
  [[nodiscard]] virtual std::uint64_t generation() const = 0;
  [[nodiscard]] virtual std::int64_t modified_ns() const = 0;  // wall clock of the last write
  // Descriptor of the local file: for analysers of complete files, mmap and SEEK_HOLE. Owned by this.
  [[nodiscard]] virtual int fd() const = 0;
};

}  // namespace cd
