// A drive without a kernel, for tests of the journal: the real cache and journal over a bucket in memory (or over
// any other store), with the calls that a program would make, by path. It can be stopped and started again,
// with its cache or without.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/body_reader.h"
#include "journal/journal.h"
#include "remote/blocking.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

class TempDirectory {
 public:
  TempDirectory() : TempDirectory(std::filesystem::temp_directory_path()) {}
  explicit TempDirectory(const std::filesystem::path& parent) {
    std::string name = (parent / "cratedrive-journal-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where a sync costs nothing, for tests that open a drive a thousand times.
inline std::filesystem::path memory_folder() {
  return std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
}

inline MemoryStoreOptions small_parts() {
  MemoryStoreOptions options;
  options.threads = 2;
  options.part_bytes_min = 1;
  return options;
}

inline Filing filing(std::string inbox_path, std::string destination) {
  Filing out;
  out.inbox_path = std::move(inbox_path);
  out.destination = std::move(destination);
  return out;
}

inline JournalOptions quick_options() {
  JournalOptions options;
  options.host = "studio";
  options.multipart_bytes = 64u << 10;
  options.part_bytes = 16u << 10;
  options.upload_delay = Millis(0);
  options.retry_first = Millis(1);
  options.retry_max = Millis(4);
  options.sync_interval = Millis(20);
  return options;
}

struct Recorder final : JournalObserver {
  void inbox_changed() override {
    MutexLock lock(mutex);
    ++inbox_changes;
  }
  void upload_finished(const UploadOutcome& outcome) override {
    MutexLock lock(mutex);
    outcomes.push_back(outcome);
    changed.notify_all();
  }
  void name_changed(InodeId, const std::string& name, InodeId) override {
    MutexLock lock(mutex);
    names.push_back(name);
  }
  UploadOutcome wait_for_outcome(std::size_t index) {
    MutexLock lock(mutex);
    while (outcomes.size() <= index) changed.wait(mutex);
    return outcomes[index];
  }
  Mutex mutex;
  CondVar changed;
  int inbox_changes = 0;
  std::vector<UploadOutcome> outcomes;
  std::vector<std::string> names;
};

class World {
 public:
  World(ObjectStore& store, std::string directory, JournalOptions options = quick_options(),
        Disk& journal_disk = system_disk())
      : store_(store), directory_(std::move(directory)), options_(std::move(options)), disk_(journal_disk) {
    options_.directory = directory_ + "/state";
  }
  ~World() { close(); }

  void open(bool with_start = true) {
    auto opened = MetaStore::open({directory_ + "/cache", "one boot"}, system_disk(), system_clock());
    ASSERT_TRUE(opened) << opened.error().message;
    meta = std::move(*opened);
    metrics = std::make_unique<MetricRegistry>();
    health = std::make_unique<StoreHealth>(system_clock());
    TreeCacheOptions tree_options;
    tree_options.list_keys_max = 7;  // as if a bucket were large
    tree = std::make_unique<TreeCache>(*meta, store_, *health, system_clock(), *metrics, tree_options);
    BlockCacheOptions block_options;
    block_options.directory = directory_ + "/cache/blocks";
    blocks = std::make_unique<BlockCache>(*meta, store_, system_disk(), system_clock(), *metrics, block_options);
    auto made = Journal::open(options_, *meta, *tree, *blocks, store_, *health, disk_, system_clock(), *metrics);
    ASSERT_TRUE(made) << made.error().message;
    journal = std::move(*made);
    journal->add_observer(&seen);
    if (with_start) journal->start();
  }
  void close() {
    if (journal) journal->stop(Millis(0));
    journal.reset();
    blocks.reset();
    tree.reset();
    meta.reset();
  }
  void boot(std::string id) { options_.boot_id = std::move(id); }
  // As if the machine stopped here: nothing is put in order. Its disk must lose what is written from now on.
  void abandon() {
    journal.reset();
    close();
  }
  void reopen(bool without_cache, bool with_start = true) {
    close();
    if (without_cache) std::filesystem::remove_all(directory_ + "/cache");
    open(with_start);
  }

  Namespace& names() { return journal->tree(); }
  Status load() {
    return blocking<void>([&](auto done) { tree->load_tree(kRootInode, std::move(done)); });
  }
  Status drain(const std::string& path = "") {
    Status drained = blocking<void>([&](auto done) { journal->when_stored(path, std::move(done)); });
    if (!drained) {
      for (const UploadView& line : journal->uploads(20))
        std::cerr << line.verb << " " << line.path << " " << line.state << ": " << line.last_error << "\n";
    }
    return drained;
  }

  // ---- by path
  Result<MetaEntry> at(const std::string& path) {
    CD_TRY(auto entry, meta->resolve(path));
    if (!entry) return fail(Code::not_found, path + " is not there");
    CD_TRY(entry->record, meta->follow(std::move(entry->record)));
    return std::move(*entry);
  }
  Result<InodeId> folder(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return kRootInode;
    CD_TRY(const auto entry, at(path.substr(0, slash)));
    return entry.record.ino;
  }
  static std::string name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  Status write(const std::string& path, std::string_view bytes) {  // as `cp`: O_CREAT|O_TRUNC
    CD_TRY(const InodeId in, folder(path));
    CD_TRY(const auto there, meta->lookup(in, name(path)));
    return there ? overwrite(there->ino, bytes) : write_new(path, bytes);
  }
  Status write_new(const std::string& path, std::string_view bytes) {
    CD_TRY(const InodeId in, folder(path));
    CD_TRY(const auto made, names().create(in, name(path), {0644, 1, 2}));
    CD_TRY(const auto file, names().staged(made.staged));
    return finish(made.ino, bytes.empty() ? Status{} : file->write(0, bytes));
  }
  Status overwrite(InodeId ino, std::string_view bytes) {
    CD_TRY(const auto file, names().open_for_write(ino, true));
    return finish(ino, bytes.empty() ? Status{} : file->write(0, bytes));
  }
  Status patch(const std::string& path, std::uint64_t offset, std::string_view bytes) {
    CD_TRY(const auto entry, at(path));
    CD_TRY(const auto file, names().open_for_write(entry.record.ino, false));
    return finish(entry.record.ino, file->write(offset, bytes));
  }
  Status truncate(const std::string& path, std::uint64_t size) {
    CD_TRY(const auto entry, at(path));
    return names().truncate(entry.record.ino, size);
  }
  Status mkdir(const std::string& path) {
    CD_TRY(const InodeId in, folder(path));
    CD_TRY(const auto made, names().make_directory(in, name(path), {0755, 1, 2}));
    return {};
  }
  Status unlink(const std::string& path) {
    CD_TRY(const InodeId in, folder(path));
    return names().unlink(in, name(path));
  }
  Status link(const std::string& from, const std::string& to) {
    CD_TRY(const auto entry, at(from));
    CD_TRY(const InodeId into, folder(to));
    CD_TRY(const auto now, names().link(entry.record.ino, into, name(to)));
    return {};
  }
  Status rmdir(const std::string& path) {
    CD_TRY(const InodeId in, folder(path));
    return names().remove_directory(in, name(path));
  }
  Status rename(const std::string& from, const std::string& to, RenameMode mode = RenameMode::replace) {
    CD_TRY(const InodeId in, folder(from));
    CD_TRY(const InodeId into, folder(to));
    return names().rename(in, name(from), into, name(to), mode);
  }
  Status chmod(const std::string& path, std::uint32_t mode) {
    CD_TRY(const auto entry, at(path));
    AttributeChange change;
    change.mode = mode;
    CD_TRY(const auto now, names().set_attributes(entry.record.ino, change));
    return {};
  }
  // As fs does: what was uploaded or copied meanwhile is looked up again. A version that a request of ours replaced just
  // before the daemon stopped is known again when the uploader has looked.
  Result<std::string> read(const std::string& path) {
    for (int look = 0;; ++look) {
      CD_TRY(const auto entry, at(path));
      auto bytes = read(entry.record);
      if (bytes || look == 20) return bytes;
      if (look == 10) (void)drain(path);
    }
  }
  Result<std::string> read(const MetaRecord& record) {
    Result<SharedBytes> bytes = share("");
    if (record.staged) {
      CD_TRY(const auto file, names().staged(record.staged));
      bytes = blocking<SharedBytes>([&](auto done) { read_body(*blocks, file, 0, file->size(), {}, std::move(done)); });
    } else if (record.remote && record.remote->size > 0) {
      bytes = blocking<SharedBytes>(
          [&](auto done) { read_version(*blocks, *record.remote, 0, record.remote->size, {}, std::move(done)); });
    }
    if (!bytes) return fail(bytes.error());
    return **bytes;
  }

  // Everything that shows, without the inbox: folders end with '/'. Files with their bytes, or why they cannot be read.
  std::map<std::string, std::string> snapshot() {
    std::map<std::string, std::string> out;
    collect(kRootInode, "", out);
    return out;
  }

  std::unique_ptr<MetaStore> meta;
  std::unique_ptr<MetricRegistry> metrics;
  std::unique_ptr<StoreHealth> health;
  std::unique_ptr<TreeCache> tree;
  std::unique_ptr<BlockCache> blocks;
  Recorder seen;
  std::unique_ptr<Journal> journal;

 private:
  Status finish(InodeId ino, Status written) {
    if (written) written = names().commit(ino);
    names().close_for_write(ino);
    return written;
  }
  void collect(InodeId in, const std::string& prefix, std::map<std::string, std::string>& out) {
    std::vector<std::pair<std::string, MetaRecord>> entries;
    const Status listed = meta->list(in, "", [&](std::string_view entry, const MetaRecord& record) {
      entries.emplace_back(entry, record);
      return true;
    });
    EXPECT_TRUE(listed);
    for (const auto& [entry, record] : entries) {
      if (in == kRootInode && entry == options_.inbox_name) continue;
      const std::string path = prefix + entry;
      if (record.is_directory()) {
        out[path + "/"] = "";
        collect(record.ino, path + "/", out);
      } else {
        auto bytes = read(path);
        out[path] = bytes ? *bytes : "cannot be read: " + bytes.error().message;
        if (bytes) {
          EXPECT_EQ(bytes->size(), at(path)->record.attr.size) << path;
        }
      }
    }
  }

  ObjectStore& store_;
  const std::string directory_;
  JournalOptions options_;
  Disk& disk_;
};

// The bucket as the same map: keys and bytes, and every folder that they imply.
inline std::map<std::string, std::string> bucket_tree(const MemoryStore& store) {
  std::map<std::string, std::string> out;
  for (const std::string& key : store.keys()) {
    for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1))
      out[key.substr(0, slash + 1)] = "";
    if (key.back() != '/') out[key] = store.bytes_of(key).value_or("gone");
  }
  return out;
}

}  // namespace cd::testing
