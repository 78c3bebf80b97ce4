// FullDisk: a Disk that can be told to have no room, or to fail every read. Everything else goes to the
// system's disk. Thread-safe; must outlive its files.
#pragma once

#include <atomic>

#include "base/disk.h"

namespace cd {

class FullDisk final : public Disk {
 public:
  std::atomic<bool> full{false};
  std::atomic<bool> unreadable{false};

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    auto file = system_disk().open(path, mode);
    if (!file) return file;
    return std::make_unique<File>(std::move(*file), *this);
  }
  Status rename(const std::string& from, const std::string& to) override { return system_disk().rename(from, to); }
  Status remove(const std::string& path) override { return system_disk().remove(path); }
  Status make_dirs(const std::string& path) override { return system_disk().make_dirs(path); }
  Status remove_tree(const std::string& path) override { return system_disk().remove_tree(path); }
  Status sync_dir(const std::string& path) override { return system_disk().sync_dir(path); }
  Result<std::vector<std::string>> list(const std::string& path) override { return system_disk().list(path); }
  bool exists(const std::string& path) override { return system_disk().exists(path); }
  Result<Space> space(const std::string& path) override { return system_disk().space(path); }

 private:
  class File final : public DiskFile {
   public:
    File(std::unique_ptr<DiskFile> inner, const FullDisk& disk) : inner_(std::move(inner)), disk_(disk) {}
    Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
      if (disk_.unreadable) return fail(Code::io, "the disk does not answer");
      return inner_->read(offset, out, length);
    }
    Status write(std::uint64_t offset, std::string_view bytes) override {
      if (disk_.full) return fail(Code::no_space, "the disk is full");
      return inner_->write(offset, bytes);
    }
    Status truncate(std::uint64_t size) override { return inner_->truncate(size); }
    Status sync() override { return inner_->sync(); }
    Result<std::uint64_t> size() override { return inner_->size(); }

   private:
    std::unique_ptr<DiskFile> inner_;
    const FullDisk& disk_;
  };
};

}  // namespace cd
