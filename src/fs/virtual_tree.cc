#include "fs/virtual_tree.h"

#include "base/hash.h"

namespace cd {
namespace {

constexpr std::size_t kPathsMax = 65'536;
constexpr std::string_view kStatusName = "STATUS.txt";

NodeType type_of(VirtualNode::Type type) {
  switch (type) {
    case VirtualNode::Type::directory: return NodeType::directory;
    case VirtualNode::Type::symlink: return NodeType::symlink;
    case VirtualNode::Type::file: break;
  }
  return NodeType::file;
}

std::uint32_t mode_of(const VirtualNode& node) {
  switch (node.type) {
    case VirtualNode::Type::directory: return 0555;
    case VirtualNode::Type::symlink: return 0777;
    case VirtualNode::Type::file: break;
  }
  return node.writable ? 0644 : 0444;
}

}  // namespace

VirtualTree::VirtualTree(VirtualSource& source, const FilesystemOptions& options, InodeId inbox)
    : source_(source), options_(options), inbox_(inbox),
      status_path_(options.inbox_name + "/" + std::string(kStatusName)) {}

bool VirtualTree::reserves(InodeId parent, std::string_view name) const {
  return (parent == kRootInode && name == options_.control_name) || (parent == inbox_ && name == kStatusName);
}

Result<VirtualNode> VirtualTree::find(const std::string& path) {
  if (path != options_.control_name) return source_.find(path);
  VirtualNode top;
  top.name = options_.control_name;
  top.type = VirtualNode::Type::directory;
  if (const auto own = source_.find(path)) top.mtime_ns = own->mtime_ns;
  return top;
}

std::vector<VirtualNode> VirtualTree::entries_in(InodeId folder) {
  const std::string path = folder == kRootInode ? options_.control_name : folder == inbox_ ? status_path_ : "";
  if (path.empty()) return {};
  auto node = find(path);
  if (!node) return {};
  node->name = path.substr(path.rfind('/') + 1);
  return {std::move(*node)};
}

InodeId VirtualTree::number(const std::string& path) {
  const InodeId ino(xxh3_64(path) | (std::uint64_t{1} << 63));
  MutexLock lock(mutex_);
  const auto found = known_.find(ino);
  if (found != known_.end()) {
    order_.splice(order_.end(), order_, found->second);
    return ino;
  }
  order_.push_back({ino, path});
  known_.emplace(ino, std::prev(order_.end()));
  if (order_.size() > kPathsMax) {
    known_.erase(order_.front().ino);
    order_.pop_front();
  }
  return ino;
}

Result<std::string> VirtualTree::path_of(InodeId ino) const {
  MutexLock lock(mutex_);
  const auto found = known_.find(ino);
  if (found == known_.end()) return fail(Code::stale, "look the name up again");
  order_.splice(order_.end(), order_, found->second);
  return found->second->path;
}

Result<NodeAttributes> VirtualTree::lookup(InodeId parent, std::string_view name) {
  std::string path;
  if (parent == kRootInode) {
    path = name;
  } else if (parent == inbox_) {
    path = status_path_;
  } else {
    CD_TRY(path, path_of(parent));
    path.append("/").append(name);
  }
  CD_TRY(const VirtualNode node, find(path));
  return attributes_of(number(path), node);
}

Result<VirtualNode> VirtualTree::node(InodeId ino) {
  CD_TRY(const std::string path, path_of(ino));
  return find(path);
}

Result<NodeAttributes> VirtualTree::attributes(InodeId ino) {
  CD_TRY(const VirtualNode found, node(ino));
  return attributes_of(ino, found);
}

NodeAttributes VirtualTree::attributes_of(InodeId ino, const VirtualNode& node) const {
  NodeAttributes out;
  out.ino = ino;
  out.attr.type = type_of(node.type);
  out.attr.mode = mode_of(node);
  out.attr.uid = options_.uid;
  out.attr.gid = options_.gid;
  out.attr.size = node.type == VirtualNode::Type::symlink ? node.target.size() : node.size;
  out.attr.atime_ns = out.attr.mtime_ns = out.attr.ctime_ns = node.mtime_ns;
  return out;  // valid: zero, it may change at any moment
}

}  // namespace cd
