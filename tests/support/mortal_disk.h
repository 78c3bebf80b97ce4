// MortalDisk: the system's disk for a process that can be killed. After die() nothing of that life reaches the disk any
// more, as after kill -9: what was written stays, and whatever the dead still do fails. revive() begins the next life;
// files that the last one opened stay dead. Thread-safe; must outlive its files.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"

namespace cd::testing {

class MortalDisk final : public Disk {
 public:
  void die() { dead_ = true; }
  void revive() {
    ++life_;
    dead_ = false;
  }

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    CD_TRY_VOID(alive());
    CD_TRY(auto file, system_disk().open(path, mode));
    return std::make_unique<File>(std::move(file), *this);
  }
  Status rename(const std::string& from, const std::string& to) override {
    CD_TRY_VOID(alive());
    return system_disk().rename(from, to);
  }
  Status remove(const std::string& path) override {
    CD_TRY_VOID(alive());
    return system_disk().remove(path);
  }
  Status make_dirs(const std::string& path) override {
    CD_TRY_VOID(alive());
    return system_disk().make_dirs(path);
  }
  Status remove_tree(const std::string& path) override {
    CD_TRY_VOID(alive());
    return system_disk().remove_tree(path);
  }
  Status sync_dir(const std::string& path) override {
    CD_TRY_VOID(alive());
    return system_disk().sync_dir(path);
  }
  Result<std::vector<std::string>> list(const std::string& path) override { return system_disk().list(path); }
  bool exists(const std::string& path) override { return system_disk().exists(path); }
  Result<Space> space(const std::string& path) override { return system_disk().space(path); }

 private:
  class File final : public DiskFile {
   public:
    File(std::unique_ptr<DiskFile> inner, MortalDisk& disk) : inner_(std::move(inner)), disk_(disk), life_(disk.life_) {}
    Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
      return inner_->read(offset, out, length);
    }
    Status write(std::uint64_t offset, std::string_view bytes) override {
      CD_TRY_VOID(alive());
      return inner_->write(offset, bytes);
    }
    Status truncate(std::uint64_t size) override {
      CD_TRY_VOID(alive());
      return inner_->truncate(size);
    }
    Status sync() override {
      CD_TRY_VOID(alive());
      return inner_->sync();
    }
    Result<std::uint64_t> size() override { return inner_->size(); }
    [[nodiscard]] int fd() const override { return inner_->fd(); }

   private:
    [[nodiscard]] Status alive() const { return life_ == disk_.life_ ? disk_.alive() : fail(Code::io, "of another life"); }

    std::unique_ptr<DiskFile> inner_;
    MortalDisk& disk_;
    const int life_;
  };

  [[nodiscard]] Status alive() const { return dead_ ? fail(Code::io, "the process was killed") : Status{}; }

  std::atomic<bool> dead_{false};
  std::atomic<int> life_{0};
};

}  // namespace cd::testing
