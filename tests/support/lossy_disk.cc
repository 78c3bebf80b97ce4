#include "tests/support/lossy_disk.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace cd::testing {
namespace {
constexpr std::uint64_t kPage = 4096;
}

class LossyFile final : public DiskFile {
 public:
  LossyFile(LossyDisk& disk, LossyDisk::NodePtr node) : disk_(disk), node_(std::move(node)) {}

  Result<std::size_t> read(std::uint64_t offset, char* out, std::size_t length) override {
    MutexLock lock(disk_.mutex_);
    if (offset >= node_->now.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(length, node_->now.size() - offset);
    std::memcpy(out, node_->now.data() + offset, n);
    return n;
  }
  Status write(std::uint64_t offset, std::string_view bytes) override {
    return change({offset, std::string(bytes), false});
  }
  Status truncate(std::uint64_t size) override { return change({size, "", true}); }
  Status sync() override {
    MutexLock lock(disk_.mutex_);
    node_->device = node_->now;
    node_->unsynced.clear();
    return {};
  }
  Result<std::uint64_t> size() override {
    MutexLock lock(disk_.mutex_);
    return static_cast<std::uint64_t>(node_->now.size());
  }

 private:
  Status change(LossyDisk::Write write) {
    MutexLock lock(disk_.mutex_);
    LossyDisk::apply(node_->now, write);
    node_->unsynced.push_back(std::move(write));
    return {};
  }

  LossyDisk& disk_;
  const LossyDisk::NodePtr node_;
};

void LossyDisk::apply(std::string& content, const Write& write) {
  if (write.truncate) {
    content.resize(write.offset, '\0');
    return;
  }
  if (content.size() < write.offset + write.bytes.size()) content.resize(write.offset + write.bytes.size(), '\0');
  content.replace(write.offset, write.bytes.size(), write.bytes);
}

void LossyDisk::apply(Names& names, const NameChange& change) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.node;
}

void LossyDisk::change(NameChange change) {
  apply(now_, change);
  unsynced_.push_back(std::move(change));
}

Result<std::unique_ptr<DiskFile>> LossyDisk::open(const std::string& path, OpenMode mode) {
  MutexLock lock(mutex_);
  const auto it = now_.find(path);
  if (it != now_.end()) {
    if (mode == OpenMode::create_new) return fail(Code::exists, path + " exists");
    if (!it->second) return fail(Code::is_directory, path + " is a folder");
    return std::make_unique<LossyFile>(*this, it->second);
  }
  if (mode == OpenMode::read || mode == OpenMode::write) return fail(Code::not_found, "open " + path);
  if (!now_.contains(folder_of_path(path))) return fail(Code::not_found, "no folder for " + path);
  auto node = std::make_shared<Node>();
  change({folder_of_path(path), "", path, node});
  return std::make_unique<LossyFile>(*this, std::move(node));
}

Status LossyDisk::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  const auto it = now_.find(from);
  if (it == now_.end() || !it->second) return fail(Code::not_found, "rename " + from);
  change({folder_of_path(to), from, to, NodePtr(it->second)});
  return {};
}

Status LossyDisk::remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (!now_.contains(path)) return fail(Code::not_found, "remove " + path);
  change({folder_of_path(path), path, "", nullptr});
  return {};
}

Status LossyDisk::make_dirs(const std::string& path) {
  CD_TRY_VOID(system_disk().make_dirs(path));
  MutexLock lock(mutex_);
  std::vector<std::string> missing;
  for (std::string at = path; at != "/" && !now_.contains(at); at = folder_of_path(at)) missing.push_back(at);
  for (auto it = missing.rbegin(); it != missing.rend(); ++it) change({folder_of_path(*it), "", *it, nullptr});
  return {};
}

Status LossyDisk::remove_tree(const std::string& path) {
  MutexLock lock(mutex_);
  std::vector<std::string> gone;
  for (const auto& [name, node] : now_) {
    if (name == path || name.starts_with(path + "/")) gone.push_back(name);
  }
  for (auto it = gone.rbegin(); it != gone.rend(); ++it) change({folder_of_path(*it), *it, "", nullptr});
  return {};
}

Status LossyDisk::sync_dir(const std::string& path) {
  MutexLock lock(mutex_);
  std::vector<NameChange> others;
  for (NameChange& one : unsynced_) {
    if (one.folder == path) {
      apply(device_, one);
    } else {
      others.push_back(std::move(one));
    }
  }
  unsynced_ = std::move(others);
  return {};
}

Result<std::vector<std::string>> LossyDisk::list(const std::string& path) {
  MutexLock lock(mutex_);
  if (!now_.contains(path)) return fail(Code::not_found, "list " + path);
  std::vector<std::string> out;
  for (auto it = now_.upper_bound(path + "/"); it != now_.end() && it->first.starts_with(path + "/"); ++it) {
    const std::string name = it->first.substr(path.size() + 1);
    if (name.find('/') == std::string::npos) out.push_back(name);
  }
  return out;
}

bool LossyDisk::exists(const std::string& path) {
  MutexLock lock(mutex_);
  return path == "/" || now_.contains(path);
}

Result<Disk::Space> LossyDisk::space(const std::string&) { return Space{1ull << 40, 1ull << 40}; }

void LossyDisk::lose_names() {
  std::map<std::string, std::vector<NameChange>> by_folder;
  for (NameChange& one : unsynced_) by_folder[one.folder].push_back(std::move(one));
  unsynced_.clear();
  for (const auto& [folder, changes] : by_folder) {
    const std::size_t kept = pick(3) == 0 ? changes.size() : pick(changes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) apply(device_, changes[i]);
    names_lost_ += changes.size() - kept;
  }
  // What lies in a folder that is not there is not there either.
  std::set<std::string> gone;
  for (const auto& [path, node] : device_) {
    const std::string folder = folder_of_path(path);
    if (folder != "/" && (!device_.contains(folder) || gone.contains(folder))) gone.insert(path);
  }
  for (const std::string& path : gone) device_.erase(path);
  now_ = device_;
}

// Any pages of any writes, whatever came first; the size is what the kept ones make of it.
void LossyDisk::tear_pages(Node& node) {
  for (const Write& write : node.unsynced) {
    if (write.truncate) {
      if (pick(2) == 0) apply(node.device, write);
      continue;
    }
    for (std::uint64_t at = 0; at < write.bytes.size();) {
      const std::uint64_t page_end = (write.offset + at) / kPage * kPage + kPage;
      const std::uint64_t n = std::min<std::uint64_t>(write.bytes.size() - at, page_end - (write.offset + at));
      if (pick(2) == 0) {
        apply(node.device, {write.offset + at, write.bytes.substr(at, n), false});
      } else {
        bytes_lost_ += n;
        // The size may have got there before the bytes.
        const std::uint64_t end = write.offset + at + n;
        if (pick(2) == 0 && node.device.size() < end) node.device.resize(end, '\0');
      }
      at += n;
    }
  }
}

void LossyDisk::lose_bytes(Node& node) {
  switch (pick(4)) {
    case 0:
      for (const Write& write : node.unsynced) bytes_lost_ += write.bytes.size();
      break;
    case 1: node.device = node.now; break;
    case 2: {
      const std::size_t kept = pick(node.unsynced.size() + 1);
      for (std::size_t i = 0; i < kept; ++i) apply(node.device, node.unsynced[i]);
      if (kept < node.unsynced.size() && !node.unsynced[kept].truncate) {
        Write torn = node.unsynced[kept];
        torn.bytes.resize(pick(torn.bytes.size() + 1));
        apply(node.device, torn);
      }
      bytes_lost_ += node.unsynced.size() - kept;
      break;
    }
    default: tear_pages(node);
  }
  node.unsynced.clear();
  node.now = node.device;
}

void LossyDisk::cut_power() {
  MutexLock lock(mutex_);
  lose_names();
  std::set<Node*> seen;
  for (const auto& [path, node] : now_) {
    if (node && seen.insert(node.get()).second && !node->unsynced.empty()) lose_bytes(*node);
  }
  // Who still has a file open writes to what is no more.
  Names fresh;
  for (const auto& [path, node] : now_) fresh[path] = node ? std::make_shared<Node>(*node) : nullptr;
  now_ = device_ = std::move(fresh);
}

}  // namespace cd::testing
