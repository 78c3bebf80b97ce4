// VirtualSource: the files of .cratedrive/ and inbox/STATUS.txt. fs shows them; app answers for their content.
//
// Paths are relative to the drive: ".cratedrive/status.json", "inbox/STATUS.txt". Content is rendered whole when
// a file is opened (a snapshot: a reader sees one consistent moment) except for `growing` files, which are read
// by offset. Calls come on fuse threads: answers come from memory or local disk within milliseconds, never from
// the network. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/disk.h"
#include "base/result.h"

namespace cd {

struct VirtualNode {
  enum class Type : std::uint8_t { file, directory, symlink };
  std::string name;
  Type type = Type::file;
  bool writable = false;      // control files: each write(2) is one command, lines separated by '\n'
  bool growing = false;       // append-only: read through read_at, `tail -f` works
  std::uint64_t size = 0;     // of the content right now
  std::int64_t mtime_ns = 0;
  std::string target;         // of a symlink; may be left out of a list
  std::string cursor;         // of an entry of a page: its folder is listed on behind it
};

// Entries of a folder. Small folders come whole; of others a page goes on behind the cursor of the last entry before.
struct VirtualPage {
  std::vector<VirtualNode> nodes;
  bool last = true;           // nothing follows
};

class VirtualSource {
 public:
  virtual ~VirtualSource() = default;
  [[nodiscard]] virtual Result<VirtualNode> find(std::string_view path) = 0;  // not_found
  // `after`: "" = from the start, else a cursor. `at_most` binds only folders that come in pages.
  [[nodiscard]] virtual Result<VirtualPage> list(std::string_view folder, const std::string& after,
                                                 std::size_t at_most) = 0;
  // False: the bucket may know more than what would be shown. Then, before a folder or a file is opened,
  // bring_up_to_date is waited for, for a short while; `done` is called once.
  [[nodiscard]] virtual bool is_current(std::string_view path) = 0;
  virtual void bring_up_to_date(std::string_view path, std::function<void(Status)> done) = 0;
  // A file too large for memory, as it is now; null: render() has it whole.
  [[nodiscard]] virtual Result<std::shared_ptr<DiskFile>> spool(std::string_view /*path*/) {
    return std::shared_ptr<DiskFile>();
  }
  [[nodiscard]] virtual Result<SharedBytes> render(std::string_view path) = 0;
  [[nodiscard]] virtual Result<std::string> read_at(std::string_view path, std::uint64_t offset,
                                                    std::size_t length) = 0;
  // One command. invalid: not understood; the message (which lists what is) is also shown in `events.jsonl`.
  [[nodiscard]] virtual Status command(std::string_view path, std::string_view text) = 0;

  // The virtual extended attributes of a library file (user.cratedrive.state, .etag, .bpm, …): names, and one value.
  [[nodiscard]] virtual std::vector<std::string> xattr_names(std::string_view library_path) = 0;
  [[nodiscard]] virtual Result<std::string> xattr(std::string_view library_path, std::string_view name) = 0;
};

}  // namespace cd
