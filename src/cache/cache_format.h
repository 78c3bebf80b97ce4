// CacheFormat: may what lies in the cache folder be trusted? The file `format` says which version wrote it,
// during which boot of the machine, and whether it was closed cleanly:
//
//   cratedrive-cache 3
//   boot 0b1c6f7e-…          the boot of the machine that wrote last
//   clean yes|no             yes: everything was synced, then this line
//   bytes 40960              size of the LMDB file at that moment
//   sum 0f3a…                xxh3-128 of those bytes; 0 while it is in use
//
// Without sync a crash of the process harms nothing, a crash of the machine may harm anything. So: trusted is
// a cache of this version that was closed cleanly and still holds the same bytes, or was written during this boot. All
// else is thrown away: bytes that were cut or flipped meanwhile, an older or newer version, a lost boot, a mark that cannot be read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "base/hash.h"

namespace cd {

struct CacheMark {
  static constexpr std::uint32_t kVersion = 4;

  std::uint32_t version = kVersion;
  std::string boot_id;
  bool clean = false;
  std::uint64_t bytes = 0;
  Hash128 sum;

  [[nodiscard]] std::string to_text() const;
  static std::optional<CacheMark> parse(std::string_view text);
  friend bool operator==(const CacheMark&, const CacheMark&) = default;
};

// What decides, the sum left out; pure. `bytes_now` is the size of the LMDB file, 0 if there is none.
[[nodiscard]] bool is_trusted(const std::optional<CacheMark>& mark, std::string_view boot_id, std::uint64_t bytes_now);

// The cache folder of one drive.
class CacheFormat {
 public:
  CacheFormat(std::string directory, std::string boot_id, Disk& disk);

  [[nodiscard]] std::string meta_directory() const { return directory_ + "/meta"; }
  // Would the next prepare() keep what is there?
  [[nodiscard]] bool is_kept() const;
  // Makes the folders; throws away what is not to be trusted; marks the cache as in use. True: it was kept.
  [[nodiscard]] Result<bool> prepare();
  // Makes it empty again, as for a first start.
  [[nodiscard]] Status start_afresh();
  // Everything is synced: the next boot may trust it.
  [[nodiscard]] Status mark_clean(std::uint64_t bytes);
  // Damage was found: whatever happens now, the next start throws it away.
  void distrust();

 private:
  [[nodiscard]] std::optional<CacheMark> read_mark() const;
  [[nodiscard]] Result<Hash128> sum_of(std::uint64_t bytes) const;  // of the LMDB file
  Status write_mark(bool clean, std::uint64_t bytes, const Hash128& sum);
  [[nodiscard]] std::string data_path() const { return meta_directory() + "/data.mdb"; }
  [[nodiscard]] std::string mark_path() const { return directory_ + "/format"; }

  const std::string directory_;
  const std::string boot_id_;
  Disk& disk_;
};

}  // namespace cd
