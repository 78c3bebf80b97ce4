// MetaStore against a model that anybody can check by eye: a map of paths. Random changes, restarts and deaths.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "cache/meta_store.h"
#include "tests/cache/temp_folder.h"

namespace cd {
namespace {

struct ModelNode {
  bool folder = false;
  std::uint64_t size = 0;
  std::string etag;
  std::uint64_t ino = 0;
};
using Model = std::map<std::string, ModelNode>;

bool is_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/");
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class ModelRun {
 public:
  ModelRun() { open(); }

  void step() {
    switch (*rc::gen::inRange(0, 10)) {
      case 0: case 1: case 2: put_file(); break;
      case 3: case 4: make_folder(); break;
      case 5: case 6: erase(); break;
      case 7: case 8: move(); break;
      default: restart(); break;
    }
  }

  void compare() {
    std::uint64_t bytes = 0;
    std::map<std::pair<std::string, std::uint64_t>, bool> contents;
    for (const auto& [path, node] : model_) {
      const auto entry = store_->resolve(path);
      RC_ASSERT(entry.has_value() && entry->has_value());
      RC_ASSERT((*entry)->record.ino.value() == node.ino);
      RC_ASSERT((*entry)->record.is_directory() == node.folder);
      RC_ASSERT((*entry)->record.attr.size == node.size);
      RC_ASSERT(store_->path_of(InodeId(node.ino)).value() == path);
      if (!node.folder) {
        bytes += node.size;
        contents[{node.etag, node.size}] = true;
        const auto twin = store_->find_content(node.etag, node.size);
        RC_ASSERT(twin.has_value() && twin->has_value());
        RC_ASSERT(model_.at(**twin).etag == node.etag);
      }
    }
    RC_ASSERT(store_->totals().entries == model_.size());
    RC_ASSERT(store_->totals().bytes == bytes);
    RC_ASSERT(walk("", kRootInode) == model_.size());
    for (char e = 'a'; e <= 'c'; ++e)
      for (std::uint64_t size = 0; size < 3; ++size)
        RC_ASSERT(store_->find_content(std::string(1, e), size).value().has_value() ==
                  contents.contains({std::string(1, e), size}));
  }

 private:
  void open() {
    store_.reset();
    MetaStoreOptions options;
    options.directory = folder_ / "drive";
    options.boot_id = "boot";
    options.map_bytes = 64u << 10;
    auto opened = MetaStore::open(options, system_disk(), clock_);
    RC_ASSERT(opened.has_value());
    store_ = std::move(*opened);
  }

  std::size_t walk(const std::string& path, InodeId ino) {
    std::size_t count = 0;
    std::string last;
    std::vector<std::pair<std::string, InodeId>> folders;
    RC_ASSERT(store_->list(ino, "", [&](std::string_view name, const MetaRecord& record) {
      const std::string below = path.empty() ? std::string(name) : path + "/" + std::string(name);
      RC_ASSERT(model_.contains(below));
      RC_ASSERT(last.empty() || last < name);
      last = name;
      ++count;
      if (record.is_directory()) folders.emplace_back(below, record.ino);
      return true;
    }).has_value());
    for (const auto& [below, folder] : folders) count += walk(below, folder);
    return count;
  }

  std::string some_folder() {
    std::vector<std::string> folders{""};
    for (const auto& [path, node] : model_)
      if (node.folder) folders.push_back(path);
    return *rc::gen::elementOf(folders);
  }
  std::string some_path_in(const std::string& folder) {
    const std::string name(1, *rc::gen::inRange('p', 'w'));
    return folder.empty() ? name : folder + "/" + name;
  }
  InodeId ino_of(const std::string& folder) {
    return folder.empty() ? kRootInode : InodeId(model_.at(folder).ino);
  }
  void forget(const std::string& path) {
    std::erase_if(model_, [&](const auto& item) { return is_below(item.first, path); });
  }
  void change(const std::function<Status(MetaStore::Writer&)>& what) {
    RC_ASSERT(store_->write(what).has_value());
  }

  void put(const std::string& path, ModelNode node) {
    change([&](MetaStore::Writer& w) {
      MetaRecord r;
      r.ino = w.new_inode();
      node.ino = r.ino.value();
      r.attr.type = node.folder ? NodeType::directory : NodeType::file;
      r.attr.size = node.size;
      if (!node.folder) r.remote = RemoteVersion{path, node.etag, node.size, {}};
      return w.put(ino_of(parent_of(path)), name_of(path), r);
    });
    forget(path);
    model_[path] = node;
  }
  void put_file() {
    ModelNode node;
    node.size = *rc::gen::inRange<std::uint64_t>(0, 3);
    node.etag = std::string(1, *rc::gen::inRange('a', 'd'));
    put(some_path_in(some_folder()), node);
  }
  void make_folder() {
    const std::string path = some_path_in(some_folder());
    if (!model_.contains(path)) put(path, {.folder = true, .size = 0, .etag = {}, .ino = 0});
  }
  void erase() {
    const std::string path = some_path_in(some_folder());
    change([&](MetaStore::Writer& w) { return w.erase(ino_of(parent_of(path)), name_of(path)); });
    forget(path);
  }
  void move() {
    if (model_.empty()) return;
    std::vector<std::string> paths;
    for (const auto& [path, node] : model_) paths.push_back(path);
    const std::string from = *rc::gen::elementOf(paths);
    const std::string to = some_path_in(some_folder());
    const Status status = store_->write([&](MetaStore::Writer& w) {
      return w.move(ino_of(parent_of(from)), name_of(from), ino_of(parent_of(to)), name_of(to));
    });
    if (from == to) return;
    if (is_below(to, from) || is_below(from, to)) {
      RC_ASSERT(!status.has_value());
      return;
    }
    RC_ASSERT(status.has_value());
    Model moved;
    for (const auto& [path, node] : model_)
      if (is_below(path, from)) moved[to + path.substr(from.size())] = node;
    forget(from);
    forget(to);
    model_.merge(moved);
  }
  // Closed in order, closed cleanly, or dead in the middle of nothing.
  void restart() {
    const int way = *rc::gen::inRange(0, 3);
    if (way == 1) RC_ASSERT(store_->close_clean().has_value());
    if (way == 2) {
      store_.reset();
      const pid_t child = ::fork();
      if (child == 0) {
        MetaStoreOptions options;
        options.directory = folder_ / "drive";
        options.boot_id = "boot";
        auto opened = MetaStore::open(options, system_disk(), clock_);
        if (opened) static_cast<void>((*opened)->set_note("written by", "one who dies"));
        ::_exit(opened ? 0 : 1);
      }
      int status = 1;
      RC_ASSERT(::waitpid(child, &status, 0) == child);
      RC_ASSERT(status == 0);
    }
    open();
    RC_ASSERT(store_->was_warm());
  }

  TempFolder folder_;
  ManualClock clock_;
  std::unique_ptr<MetaStore> store_;
  Model model_;
};

TEST(MetaModelTest, TheStoreHoldsWhatAMapOfPathsWouldHold) {
  EXPECT_TRUE(rc::check([] {
    ModelRun run;
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) run.step();
    run.compare();
  }));
}

}  // namespace
}  // namespace cd
