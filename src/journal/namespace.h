// Namespace: every change of the tree, whoever asks (fs for the kernel, batch for the inbox). A verb checks
// against MetaStore, appends one frame to the log, applies it to MetaStore, and only then returns: what it
// acknowledged survives kill -9. The bucket follows in the background.
//
// Callers see to it beforehand that the folders concerned are known (TreeCache): a folder to be removed or
// renamed is loaded whole. Permissions are the kernel's business (default_permissions). Names: 1 to 255 bytes, no
// '/' or NUL, not "." or "..". Paths have no limit here: the store takes keys of any length.
// Below the inbox nothing is uploaded: files there are staged on hold until file_away().
// Verbs are atomic towards each other; they never touch the network; a few µs each. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "cache/meta_record.h"
#include "cache/meta_store.h"
#include "journal/staging.h"

namespace cd {

struct NewNode {
  std::uint32_t mode = 0644;  // 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

struct SpecialNode {
  NodeType type = NodeType::fifo;
  std::uint64_t device = 0;  // st_rdev
};

struct AttributeChange {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::int64_t> atime_ns;  // local only: never causes an upload by itself
  std::optional<std::int64_t> mtime_ns;
};

enum class RenameMode : std::uint8_t { replace, no_replace, exchange };

// A file of the inbox takes its place in the library.
struct Filing {
  std::string inbox_path;
  std::string destination;       // path; missing folders are made (implied, without markers)
  bool replace = false;          // false: Code::exists if something is there
  std::string content_type;
  Metadata labels;               // analysis labels: object metadata and xattrs
  std::string tag;               // comes back in UploadOutcome
};

class Namespace {
 public:
  virtual ~Namespace() = default;

  // ---- the tree. Errors as POSIX has them: exists, not_found, not_directory, is_directory, not_empty, invalid
  // (a folder into itself), name_too_long, unsupported; permission for the reserved names.
  // create() also opens for writing: pair it with close_for_write.
  [[nodiscard]] virtual Result<MetaRecord> create(InodeId parent, std::string_view name, const NewNode& node) = 0;
  [[nodiscard]] virtual Result<MetaRecord> make_directory(InodeId parent, std::string_view name,
                                                          const NewNode& node) = 0;
  [[nodiscard]] virtual Result<MetaRecord> make_symlink(InodeId parent, std::string_view name,
                                                        std::string_view target, const NewNode& node) = 0;
  // A fifo, socket or device. Below the inbox: unsupported.
  [[nodiscard]] virtual Result<MetaRecord> make_special(InodeId parent, std::string_view name,
                                                        const SpecialNode& what, const NewNode& node) = 0;
  // One more name for a file, symlink or special node; gives back the inode's record. not_permitted: of a folder;
  // unsupported: in, to or from the inbox; too_many_links.
  [[nodiscard]] virtual Result<MetaRecord> link(InodeId ino, InodeId parent, std::string_view name) = 0;
  [[nodiscard]] virtual Status unlink(InodeId parent, std::string_view name) = 0;
  [[nodiscard]] virtual Status remove_directory(InodeId parent, std::string_view name) = 0;
  // A folder moves with everything below it in one frame; above `rename_entries_max` entries: too_large, which
  // becomes EXDEV, so that mv(1) copies. Between inbox and library: unsupported (EXDEV too).
  [[nodiscard]] virtual Status rename(InodeId parent, std::string_view name, InodeId new_parent,
                                      std::string_view new_name, RenameMode mode) = 0;

  // ---- attributes; never the size.
  [[nodiscard]] virtual Result<MetaRecord> set_attributes(InodeId ino, const AttributeChange& change) = 0;
  [[nodiscard]] virtual Status set_xattr(InodeId ino, std::string_view name, std::string_view value) = 0;
  [[nodiscard]] virtual Status remove_xattr(InodeId ino, std::string_view name) = 0;  // not_found

  // ---- bytes. A file becomes staged when it is first opened for writing or truncated; all handles of an
  // inode share one StagedFile. While at least one writer is open its upload waits.
  // `truncate`: O_TRUNC: the base is not needed. Every open_for_write is paired with one close_for_write.
  [[nodiscard]] virtual Result<std::shared_ptr<StagedFile>> open_for_write(InodeId ino, bool truncate) = 0;
  // close(2)'s promise (P1): logs size, ranges, times; then MetaStore agrees with the StagedFile. Called at each
  // flush while the writer is still open.
  [[nodiscard]] virtual Status commit(InodeId ino) = 0;
  virtual void close_for_write(InodeId ino) = 0;
  // The StagedFile of a record with `staged`, for reading. not_found if it was uploaded or dropped meanwhile:
  // look the record up again.
  [[nodiscard]] virtual Result<std::shared_ptr<StagedFile>> staged(StagedId id) = 0;
  // truncate(2) by path. With an open writer it acts on the shared StagedFile.
  [[nodiscard]] virtual Status truncate(InodeId ino, std::uint64_t size) = 0;
  // fsync(2): bytes and log are on the device. With durability = "remote": the caller also waits, Journal::when_stored.
  [[nodiscard]] virtual Status sync(InodeId ino) = 0;

  // Readers of stored versions: while an unlinked inode is open its object stays in the bucket.
  virtual void reader_opened(InodeId ino) = 0;
  virtual void reader_closed(InodeId ino) = 0;

  // ---- the inbox.
  [[nodiscard]] virtual InodeId inbox() const = 0;
  [[nodiscard]] virtual bool has_writer(InodeId ino) const = 0;
  // True if the daemon died while the file was being written and nobody has written or closed it since.
  [[nodiscard]] virtual bool was_interrupted(InodeId ino) const = 0;
  // One frame: the name leaves the inbox, the file is in the library and due for upload.
  [[nodiscard]] virtual Result<MetaRecord> file_away(const Filing& filing) = 0;
  // Takes a filed file that is not stored yet back to `inbox_path` (cancel). True: it is back, its upload was
  // stopped, and an object or multipart upload of ours that got through anyway will be removed. False: it is
  // stored already, has got another name, or is gone: nothing changed.
  [[nodiscard]] virtual Result<bool> withdraw(const std::string& destination, const std::string& inbox_path) = 0;
};

}  // namespace cd
