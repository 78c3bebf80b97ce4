// LossyDisk: a Disk in memory that knows what has been synced and what has not, for tests of power loss.
//
// cut_power() keeps what sync() and sync_dir() put on the device, and of everything else a random part, as real disks do:
// nothing, all, the first writes with the last one torn, or any 4 KiB pages in any order; of the names of a folder the
// first changes. After it the disk is as a machine would find it at its next start; open files are gone.
// Folders also exist below the real one of the same name, for those who lock or measure them.
// Thread-safe. Seeded: equal calls give equal damage.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/mutex.h"

namespace cd::testing {

class LossyDisk final : public Disk {
 public:
  explicit LossyDisk(std::uint64_t seed) : random_(seed) {}

  void cut_power() CD_EXCLUDES(mutex_);
  [[nodiscard]] std::uint64_t bytes_lost() const { return bytes_lost_; }  // by all cuts: 0 proves nothing
  [[nodiscard]] std::uint64_t names_lost() const { return names_lost_; }

  [[nodiscard]] Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Status rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Status remove(const std::string& path) override;
  [[nodiscard]] Status make_dirs(const std::string& path) override;
  [[nodiscard]] Status remove_tree(const std::string& path) override;
  [[nodiscard]] Status sync_dir(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<Space> space(const std::string& path) override;

 private:
  friend class LossyFile;
  struct Write {
    std::uint64_t offset = 0;
    std::string bytes;
    bool truncate = false;  // to `offset`
  };
  struct Node {
    std::string now;
    std::string device;
    std::vector<Write> unsynced;
  };
  using NodePtr = std::shared_ptr<Node>;  // none: a folder
  using Names = std::map<std::string, NodePtr>;
  struct NameChange {
    std::string folder;   // whose sync puts it on the device
    std::string removed;  // paths; "" = none
    std::string added;
    NodePtr node;
  };

  static void apply(std::string& content, const Write& write);
  static void apply(Names& names, const NameChange& change);
  void change(NameChange change) CD_REQUIRES(mutex_);
  [[nodiscard]] std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  void lose_names() CD_REQUIRES(mutex_);
  void lose_bytes(Node& node) CD_REQUIRES(mutex_);
  void tear_pages(Node& node) CD_REQUIRES(mutex_);

  Mutex mutex_;
  std::mt19937_64 random_;
  Names now_ CD_GUARDED_BY(mutex_);
  Names device_ CD_GUARDED_BY(mutex_);
  std::vector<NameChange> unsynced_ CD_GUARDED_BY(mutex_);
  std::uint64_t bytes_lost_ = 0;
  std::uint64_t names_lost_ = 0;
};

}  // namespace cd::testing
