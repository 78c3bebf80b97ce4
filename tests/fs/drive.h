// A whole drive without FUSE, for tests: the real rooms over a bucket in memory, with a Filesystem on top, and the
// calls that a program would make, by path. It can be stopped and started again, with or without its cache.
// A call waits for its reply; `start_*` calls do not.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/filesystem.h"
#include "remote/blocking.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

// Virtual files that a test sets.
class FakeVirtualFiles final : public VirtualSource {
 public:
  struct File {
    std::string text;
    bool writable = false;
    bool growing = false;
  };
  std::map<std::string, File, std::less<>> files;  // by path
  std::vector<std::string> commands;               // "path: line", in order
  std::map<std::string, std::string, std::less<>> xattrs;

  Result<VirtualNode> find(std::string_view path) override {
    if (const auto found = files.find(path); found != files.end()) return node(found->first, found->second);
    const std::string below = std::string(path) + "/";
    const auto inside = files.lower_bound(below);
    if (inside == files.end() || !inside->first.starts_with(below)) return fail(Code::not_found, "no such file");
    VirtualNode folder;
    folder.name = path.substr(path.rfind('/') + 1);
    folder.type = VirtualNode::Type::directory;
    return folder;
  }
  std::size_t spool_at = SIZE_MAX;  // files of this size and above are spooled
  int renders = 0;
  Result<std::shared_ptr<DiskFile>> spool(std::string_view path) override {
    const auto found = files.find(path);
    if (found == files.end() || found->second.text.size() < spool_at) return std::shared_ptr<DiskFile>();
    char name[] = "/tmp/cratedrive-spool-XXXXXX";
    ::close(::mkstemp(name));
    CD_TRY(std::shared_ptr<DiskFile> file, system_disk().open(name, OpenMode::write));
    CD_TRY_VOID(system_disk().remove(name));
    CD_TRY_VOID(file->write(0, found->second.text));
    return file;
  }
  std::size_t page_max = 0;   // 0 = folders come whole
  int lists = 0;
  bool current = true;
  std::vector<std::function<void(Status)>> waiting;  // of bring_up_to_date

  bool is_current(std::string_view) override { return current; }
  void bring_up_to_date(std::string_view, std::function<void(Status)> done) override {
    waiting.push_back(std::move(done));
  }
  Result<VirtualPage> list(std::string_view folder, const std::string& after, std::size_t) override {
    VirtualPage page;
    ++lists;
    for (VirtualNode& one : all_in(folder)) {
      if (!after.empty() && one.name <= after) continue;
      if (page_max != 0 && page.nodes.size() == page_max) {
        page.last = false;
        break;
      }
      one.cursor = one.name;
      page.nodes.push_back(std::move(one));
    }
    return page;
  }
  std::vector<VirtualNode> all_in(std::string_view folder) {
    std::vector<VirtualNode> nodes;
    const std::string below = std::string(folder) + "/";
    for (const auto& [path, file] : files)
      if (path.starts_with(below) && path.find('/', below.size()) == std::string::npos)
        nodes.push_back(node(path, file));
    return nodes;
  }
  Result<SharedBytes> render(std::string_view path) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Code::not_found, "no such file");
    ++renders;
    return share(found->second.text);
  }
  Result<std::string> read_at(std::string_view path, std::uint64_t offset, std::size_t length) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail(Code::not_found, "no such file");
    return offset >= found->second.text.size() ? "" : found->second.text.substr(offset, length);
  }
  Status command(std::string_view path, std::string_view text) override {
    if (text == "nonsense") return fail(Code::invalid, "not understood");
    commands.push_back(std::string(path) + ": " + std::string(text));
    return {};
  }
  std::vector<std::string> xattr_names(std::string_view) override {
    std::vector<std::string> names;
    for (const auto& [name, value] : xattrs) names.push_back(name);
    return names;
  }
  Result<std::string> xattr(std::string_view, std::string_view name) override {
    const auto found = xattrs.find(name);
    if (found == xattrs.end()) return fail(Code::not_found, "not set");
    return found->second;
  }

 private:
  static VirtualNode node(const std::string& path, const File& file) {
    VirtualNode out;
    out.name = path.substr(path.rfind('/') + 1);
    out.writable = file.writable;
    out.growing = file.growing;
    out.size = file.text.size();
    return out;
  }
};

struct DriveOptions {
  FilesystemOptions fs;
  Millis metadata_ttl{3'600'000};
  int list_keys_max = 1000;  // a page
  std::uint64_t staging_bytes_max = 0;
  Millis upload_delay{0};
  bool upload = true;  // false: the journal is never started
};

class Drive {
 public:
  explicit Drive(DriveOptions options = {}) : options_(std::move(options)) {
    char name[] = "/tmp/cratedrive-fs-XXXXXX";
    folder_ = ::mkdtemp(name);
    start();
  }
  ~Drive() {
    stop();
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] const DriveOptions& options() const { return options_; }
  void start() {
    health = std::make_unique<StoreHealth>(system_clock());
    metrics = std::make_unique<MetricRegistry>();
    flaky = std::make_unique<FlakyStore>(bucket);
    Disk& disk = system_disk();
    const Clock& clock = system_clock();
    meta = must(MetaStore::open({folder_ + "/cache", "boot", 1u << 30}, disk, clock));
    TreeCacheOptions tree_options;
    tree_options.metadata_ttl = options_.metadata_ttl;
    tree_options.list_keys_max = options_.list_keys_max;
    tree = std::make_unique<TreeCache>(*meta, *flaky, *health, clock, *metrics, tree_options);
    BlockCacheOptions block_options;
    block_options.directory = folder_ + "/cache/blocks";
    block_options.block_bytes = 64u << 10;
    block_options.small_bytes = 4u << 10;
    blocks = std::make_unique<BlockCache>(*meta, *flaky, disk, clock, *metrics, block_options);
    blocks->on_head([this](const RemoteVersion& version, const ObjectHead& head) { tree->learn(version, head); });
    JournalOptions journal_options;
    journal_options.directory = folder_ + "/state";
    journal_options.host = "test";
    journal_options.upload_delay = options_.upload_delay;
    journal_options.staging_bytes_max = options_.staging_bytes_max == 0 ? 1ull << 30 : options_.staging_bytes_max;
    journal = must(Journal::open(journal_options, *meta, *tree, *blocks, *flaky, *health, disk, clock, *metrics));
    if (options_.upload) journal->start();
    fs = std::make_unique<Filesystem>(*meta, *tree, *blocks, *journal, *health, files, disk, clock, *metrics,
                                      options_.fs);
  }
  void stop() {
    fs.reset();
    if (journal) journal->stop(Millis(1'000));
    journal.reset();
    blocks.reset();
    tree.reset();
    if (meta) {
      EXPECT_TRUE(meta->close_clean());
    }
    meta.reset();
    flaky.reset();
  }
  void restart(bool empty_cache = false) {
    stop();
    if (empty_cache) std::filesystem::remove_all(folder_ + "/cache");
    start();
  }
  // Until the bucket has everything.
  Status drain() {
    return blocking<void>([&](Done<void> done) { journal->when_stored("", std::move(done)); });
  }

  // ---- what programs do. Every call is one operation of the kernel (after the lookups of its path).
  Result<NodeAttributes> stat(const std::string& path) {
    NodeAttributes node;
    node.ino = kRootInode;
    node.attr.type = NodeType::directory;
    if (path.empty())
      return blocking<NodeAttributes>([&](auto r) { fs->getattr(caller, kRootInode, std::move(r)); });
    std::size_t at = 0;
    while (at < path.size()) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      const std::string name = path.substr(at, end - at);
      if (node.attr.type != NodeType::directory) return fail(Code::not_directory, path);
      CD_TRY(node, blocking<NodeAttributes>([&](auto r) { fs->lookup(caller, node.ino, name, std::move(r)); }));
      at = end + 1;
    }
    return node;
  }
  Result<InodeId> folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    CD_TRY(const auto node, stat(slash == std::string::npos ? "" : path.substr(0, slash)));
    if (node.attr.type != NodeType::directory) return fail(Code::not_directory, path);
    return node.ino;
  }
  static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  Result<HandleId> open(const std::string& path, int flags) {
    CD_TRY(const auto node, stat(path));
    CD_TRY(const auto file, blocking<OpenedFile>([&](auto r) { fs->open(caller, node.ino, flags, std::move(r)); }));
    return file.handle;
  }
  Result<HandleId> create(const std::string& path, int flags) {
    CD_TRY(const InodeId parent, folder_of(path));
    CD_TRY(const auto made, blocking<Filesystem::Created>([&](auto r) {
      fs->create(caller, parent, name_of(path), 0644, flags, std::move(r));
    }));
    return made.file.handle;
  }
  Result<std::size_t> write(HandleId handle, std::uint64_t offset, const std::string& bytes) {
    return blocking<std::size_t>([&](auto r) { fs->write(caller, handle, offset, share(bytes), std::move(r)); });
  }
  Result<std::string> read(HandleId handle, std::uint64_t offset, std::size_t length) {
    CD_TRY(const auto bytes, blocking<SharedBytes>([&](auto r) {
      fs->read(caller, handle, offset, length, std::move(r));
    }));
    return *bytes;
  }
  Status close(HandleId handle) {
    Status done = blocking<void>([&](auto r) { fs->flush(caller, handle, std::move(r)); });
    fs->release(handle);
    return done;
  }
  Result<NodeAttributes> setattr(const std::string& path, const AttrRequest& request) {
    CD_TRY(const auto node, stat(path));
    return blocking<NodeAttributes>([&](auto r) { fs->setattr(caller, node.ino, request, std::move(r)); });
  }
  Status mkdir(const std::string& path) {
    CD_TRY(const InodeId parent, folder_of(path));
    CD_TRY(const auto made, blocking<NodeAttributes>([&](auto r) {
      fs->mkdir(caller, parent, name_of(path), 0755, std::move(r));
    }));
    return made.attr.type == NodeType::directory ? Status{} : fail(Code::io, "mkdir made something else");
  }
  Status symlink(const std::string& target, const std::string& path) {
    CD_TRY(const InodeId parent, folder_of(path));
    CD_TRY(const auto made, blocking<NodeAttributes>([&](auto r) {
      fs->symlink(caller, parent, name_of(path), target, std::move(r));
    }));
    return made.attr.type == NodeType::symlink ? Status{} : fail(Code::io, "symlink made something else");
  }
  Result<NodeAttributes> link(const std::string& old_path, const std::string& path) {
    CD_TRY(const NodeAttributes old, stat(old_path));
    CD_TRY(const InodeId parent, folder_of(path));
    return blocking<NodeAttributes>([&](auto r) { fs->link(caller, old.ino, parent, name_of(path), std::move(r)); });
  }
  Result<std::string> readlink(const std::string& path) {
    CD_TRY(const auto node, stat(path));
    return blocking<std::string>([&](auto r) { fs->readlink(caller, node.ino, std::move(r)); });
  }
  Status unlink(const std::string& path) {
    CD_TRY(const InodeId parent, folder_of(path));
    return blocking<void>([&](auto r) { fs->unlink(caller, parent, name_of(path), std::move(r)); });
  }
  Status rmdir(const std::string& path) {
    CD_TRY(const InodeId parent, folder_of(path));
    return blocking<void>([&](auto r) { fs->rmdir(caller, parent, name_of(path), std::move(r)); });
  }
  Status rename(const std::string& from, const std::string& to, RenameMode mode = RenameMode::replace) {
    CD_TRY(const InodeId parent, folder_of(from));
    CD_TRY(const InodeId new_parent, folder_of(to));
    return blocking<void>([&](auto r) {
      fs->rename(caller, parent, name_of(from), new_parent, name_of(to), mode, std::move(r));
    });
  }
  Status save(const std::string& path, const std::string& bytes) {
    auto handle = create(path, O_WRONLY | O_EXCL);
    if (!handle && handle.error().code == Code::exists) handle = open(path, O_WRONLY | O_TRUNC);
    if (!handle) return fail(handle.error());
    CD_TRY(const std::size_t count, write(*handle, 0, bytes));
    if (count != bytes.size()) return fail(Code::io, "a short write");
    return close(*handle);
  }
  Result<std::string> load(const std::string& path) {
    CD_TRY(const HandleId handle, open(path, 0));
    std::string all;
    for (;;) {
      auto piece = read(handle, all.size(), 128u << 10);
      if (!piece || piece->empty()) {
        CD_TRY_VOID(close(handle));
        if (!piece) return fail(piece.error());
        return all;
      }
      all += *piece;
    }
  }
  // Names without "." and "..", in the order of the drive.
  Result<std::vector<std::string>> list(const std::string& path, std::size_t page = 100) {
    CD_TRY(const auto node, stat(path));
    CD_TRY(const HandleId handle,
           blocking<HandleId>([&](auto r) { fs->opendir(caller, node.ino, std::move(r)); }));
    std::vector<std::string> names;
    std::uint64_t offset = 0;
    for (;;) {
      auto entries = blocking<std::vector<DirectoryEntry>>(
          [&](auto r) { fs->readdir(caller, handle, offset, page, std::move(r)); });
      if (!entries) return fail(entries.error());
      if (entries->empty()) break;
      EXPECT_LE(entries->size(), page);
      for (const DirectoryEntry& entry : *entries) {
        if (entry.name != "." && entry.name != "..") names.push_back(entry.name);
        offset = entry.next;
      }
    }
    fs->releasedir(handle);
    return names;
  }

  MemoryStore bucket;
  FakeVirtualFiles files;
  Caller caller{1000, 1000, 022, {}};
  std::unique_ptr<StoreHealth> health;
  std::unique_ptr<MetricRegistry> metrics;
  std::unique_ptr<FlakyStore> flaky;
  std::unique_ptr<MetaStore> meta;
  std::unique_ptr<TreeCache> tree;
  std::unique_ptr<BlockCache> blocks;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Filesystem> fs;

 private:
  template <class T>
  static T must(Result<T> result) {
    if (!result) {
      ADD_FAILURE() << result.error().message;
      std::abort();
    }
    return std::move(*result);
  }

  const DriveOptions options_;
  std::string folder_;
};

}  // namespace cd::testing
