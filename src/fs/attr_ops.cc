// Operations on attributes: getattr, setattr.
#include "fs/filesystem_impl.h"

namespace cd {
namespace {

bool asks(const AttrRequest& request, SetAttr field) {
  return (request.fields & static_cast<std::uint32_t>(field)) != 0;
}

bool changes_object(const AttributeChange& change) {
  return change.mode || change.uid || change.gid || change.mtime_ns;
}

}  // namespace

void Filesystem::getattr(const Caller&, InodeId ino, Reply<NodeAttributes> reply) {
  if (VirtualTree::is_virtual(ino)) return reply(impl_->virtual_tree.attributes(ino));
  reply(impl_->attributes(ino));
}

// chmod, touch and `>` on a control file do no harm and nothing else.
Result<NodeAttributes> Filesystem::Impl::set_virtual(InodeId ino) {
  CD_TRY(const VirtualNode node, virtual_tree.node(ino));
  if (!node.writable) return reserved_name(node.name);
  return virtual_tree.attributes_of(ino, node);
}

Status Filesystem::Impl::resize(InodeId ino, const AttrRequest& request) {
  constexpr std::uint64_t kSizeMax = INT64_MAX;
  if (request.size > kSizeMax) return fail(Code::too_large, "a file cannot be that large");
  const auto handle = request.handle ? handles.file(request.handle) : nullptr;
  const auto content = contents.find(ino);
  if (handle && handle->content && handle->writes) {
    CD_TRY(const auto staged, writable(*handle));
    CD_TRY_VOID(staged->truncate(request.size));
    handle->content->wrote();
    return {};
  }
  Status done = names.truncate(ino, request.size);
  if (!done && done.error().code == Code::not_found && content) {
    const auto staged = content->bytes().staged;
    return staged ? staged->truncate(request.size) : stale_inode();
  }
  if (done && content) return content->reload(meta, names);
  return done;
}

Result<NodeAttributes> Filesystem::Impl::set_now(InodeId ino, const AttrRequest& request) {
  if (asks(request, SetAttr::size)) CD_TRY_VOID(resize(ino, request));
  const AttributeChange& change = request.change;
  const bool only_owned_again = request.fields == 0;  // chown(-1, -1): ctime goes on
  if (!changes_object(change) && !change.atime_ns && !only_owned_again) return attributes(ino);
  const auto done = names.set_attributes(ino, change);
  if (done) {
    if (const auto content = contents.find(ino); content && change.mtime_ns)
      CD_TRY_VOID(content->commit(meta, names));
    return attributes(ino);
  }
  const auto content = contents.find(ino);
  if (done.error().code != Code::not_found || !content) return fail(done.error());
  Attributes attr = content->remembered();  // unlinked: only its handles know it
  attr.mode = change.mode.value_or(attr.mode);
  attr.uid = change.uid.value_or(attr.uid);
  attr.gid = change.gid.value_or(attr.gid);
  attr.atime_ns = change.atime_ns.value_or(attr.atime_ns);
  attr.mtime_ns = change.mtime_ns.value_or(attr.mtime_ns);
  content->remember(attr);
  return attributes(ino);
}

void Filesystem::setattr(const Caller& caller, InodeId ino, AttrRequest request, Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  if (VirtualTree::is_virtual(ino)) return reply(fs.set_virtual(ino));
  auto apply = [&fs, caller, ino, request, reply](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    fs.while_busy<NodeAttributes>(caller, [&fs, ino, request] { return fs.set_now(ino, request); }, reply);
  };
  const bool metadata = changes_object(request.change);
  if (!metadata && !asks(request, SetAttr::size)) return apply({});
  fs.when_exact(caller, ino, !metadata, std::move(apply));
}

}  // namespace cd
