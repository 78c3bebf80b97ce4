// Operations on names: lookup, mkdir, symlink, unlink, rmdir, rename, readlink.
#include <fcntl.h>

#include "fs/filesystem_impl.h"

namespace cd {

Result<NodeAttributes> Filesystem::Impl::find(InodeId parent, const std::string& name) const {
  CD_TRY(const auto record, meta.lookup(parent, name));
  if (!record) return fail(Code::not_found, name + " does not exist");
  return show(*record, valid_in(parent));
}

// In a setgid folder what is new gets its group, and a folder hands that on.
NewNode Filesystem::Impl::new_node(const Caller& caller, InodeId parent, std::uint32_t mode, bool directory) const {
  constexpr std::uint32_t kSetGid = 02000;
  NewNode node{mode & 07777u, caller.uid, caller.gid};
  const auto folder = entry(parent);
  if (!folder || (folder->record.attr.mode & kSetGid) == 0) return node;
  node.gid = folder->record.attr.gid;
  if (directory) node.mode |= kSetGid;
  return node;
}

Status Filesystem::Impl::check_name(InodeId parent, std::string_view name) const {
  if (name.size() > kNameBytesMax) return fail(Code::name_too_long, "a name is longer than 255 bytes");
  if (VirtualTree::is_virtual(parent) || virtual_tree.reserves(parent, name)) return reserved_name(name);
  return {};
}

void Filesystem::lookup(const Caller& caller, InodeId parent, std::string name, Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  if (name.size() > kNameBytesMax) return reply(fail(Code::name_too_long, "a name is longer than 255 bytes"));
  if (VirtualTree::is_virtual(parent) || fs.virtual_tree.reserves(parent, name))
    return reply(fs.virtual_tree.lookup(parent, name));
  const auto known = fs.meta.lookup_raw(parent, name);
  if (!known) return reply(fail(known.error()));
  // What was changed here and is not stored yet is true whatever the bucket says. Only a file that is going says
  // nothing of a folder of the same name that was not listed yet.
  const bool may_hide_folder =
      *known && (*known)->whiteout && !(*known)->is_directory() && fs.freshness(parent) == Freshness::unknown;
  if (*known && ((*known)->pending || (*known)->local_only || (*known)->whiteout) && !may_hide_folder)
    return reply(fs.find(parent, name));
  // A missing listing proves nothing about names that are not there; a name that is there is.
  if (*known && fs.freshness(parent) == Freshness::unknown && !fs.health.reachable())
    return reply(fs.find(parent, name));
  fs.when_known(caller, parent, [&fs, caller, parent, name, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto listed = fs.meta.lookup(parent, name);
    if (!listed || !*listed || !may_be_special(**listed)) return reply(fs.find(parent, name));
    fs.when_exact(caller, (*listed)->ino, true, [&fs, parent, name, reply](Status looked) {
      if (!looked) return reply(fail(looked.error()));
      reply(fs.find(parent, name));
    });
  });
}

// The body of the object is the target; needed where a link was moved before anybody had looked at it.
void Filesystem::Impl::read_target(const Caller& caller, const MetaRecord& link, Reply<std::string> reply) {
  constexpr std::uint64_t kPathMax = 4'096;
  if (!link.remote || link.remote->size > kPathMax) return reply(fail(Code::io, "a link without a target"));
  auto ticket = tickets.make<SharedBytes>([reply = std::move(reply)](Result<SharedBytes> got) {
    if (!got) return reply(fail(got.error()));
    reply(symlink_target(**got));
  });
  ReadOptions how;
  how.cancel = ticket->cancelled();
  how.deadline = options.read_deadline;
  blocks.read(*link.remote, 0, kPathMax, how, nullptr,
              [ticket](Result<SharedBytes> got) { ticket->answer(std::move(got)); });
  tickets.arm(*ticket, caller.interrupted, options.read_deadline, {Code::timeout, "the store did not answer in time"});
}

void Filesystem::readlink(const Caller& caller, InodeId ino, Reply<std::string> reply) {
  if (VirtualTree::is_virtual(ino)) {
    auto node = impl_->virtual_tree.node(ino);
    if (!node) return reply(fail(node.error()));
    return reply(std::move(node->target));
  }
  const auto entry = impl_->entry(ino);
  if (!entry) return reply(fail(entry.error()));
  if (entry->record.attr.type != NodeType::symlink) return reply(fail(Code::invalid, "not a symbolic link"));
  if (entry->record.target.empty()) return impl_->read_target(caller, entry->record, std::move(reply));
  reply(entry->record.target);
}

void Filesystem::mkdir(const Caller& caller, InodeId parent, std::string name, std::uint32_t mode,
                       Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(fail(good.error()));
  fs.when_known(caller, parent, [&fs, caller, parent, name, mode, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto made = fs.names.make_directory(parent, name, fs.new_node(caller, parent, mode, true));
    if (!made) return reply(fail(made.error()));
    reply(fs.show(*made, fs.valid_in(parent)));
  });
}

void Filesystem::mknod(const Caller& caller, InodeId parent, std::string name, std::uint32_t mode,
                       std::uint64_t device, Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  const SpecialNode what{type_of_mode(mode), device};
  if (what.type == NodeType::file) {
    return create(caller, parent, std::move(name), mode, O_WRONLY | O_CREAT | O_EXCL,
                  [this, caller, reply = std::move(reply)](Result<Created> made) {
                    if (!made) return reply(fail(made.error()));
                    flush(caller, made->file.handle, [this, reply, made = *made](Status done) {
                      release(made.file.handle);
                      if (!done) return reply(fail(done.error()));
                      reply(made.node);
                    });
                  });
  }
  if (!is_special(what.type)) return reply(fail(Code::invalid, "mknod makes no folders and no links"));
  if (auto good = fs.check_name(parent, name); !good) return reply(fail(good.error()));
  fs.when_known(caller, parent, [&fs, caller, parent, name, mode, what, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto made = fs.names.make_special(parent, name, what, fs.new_node(caller, parent, mode));
    if (!made) return reply(fail(made.error()));
    reply(fs.show(*made, fs.valid_in(parent)));
  });
}

void Filesystem::symlink(const Caller& caller, InodeId parent, std::string name, std::string target,
                         Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(fail(good.error()));
  fs.when_known(caller, parent, [&fs, caller, parent, name, target, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto made = fs.names.make_symlink(parent, name, target, fs.new_node(caller, parent, 0777));
    if (!made) return reply(fail(made.error()));
    reply(fs.show(*made, fs.valid_in(parent)));
  });
}

void Filesystem::link(const Caller& caller, InodeId ino, InodeId new_parent, std::string new_name,
                      Reply<NodeAttributes> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(new_parent, new_name); !good) return reply(fail(good.error()));
  if (VirtualTree::is_virtual(ino)) return reply(fail(Code::not_permitted, "a virtual file has one name"));
  auto link_it = [&fs, ino, new_parent, new_name, reply](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    const auto linked = fs.names.link(ino, new_parent, new_name);
    if (!linked) return reply(fail(linked.error()));
    reply(fs.show(*linked, fs.valid_in(new_parent)));
  };
  fs.when_known(caller, new_parent, [&fs, caller, ino, reply, link_it = std::move(link_it)](Status asked) {
    if (!asked) return reply(fail(asked.error()));
    fs.when_exact(caller, ino, false, link_it);
  });
}

void Filesystem::unlink(const Caller& caller, InodeId parent, std::string name, Reply<void> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(std::move(good));
  fs.when_known(caller, parent, [&fs, parent, name, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(std::move(asked));
    fs.remember(parent, name);
    reply(fs.names.unlink(parent, name));
  });
}

// The name's folder is listed; and if the name is a folder itself, that one too (`whole`: with all below it).
void Filesystem::Impl::when_movable(const Caller& caller, InodeId parent, const std::string& name, bool whole,
                                    Reply<void> then) {
  when_known(caller, parent, [this, caller, parent, name, whole, then = std::move(then)](Status asked) {
    if (!asked) return then(std::move(asked));
    const auto record = meta.lookup(parent, name);
    if (!record) return then(fail(record.error()));
    if (*record && whole && may_be_special(**record)) return when_exact(caller, (*record)->ino, true, then);
    if (!*record || !(*record)->is_directory()) return then({});
    if (whole) return when_tree_known(caller, (*record)->ino, then);
    when_known(caller, (*record)->ino, then);
  });
}

void Filesystem::rmdir(const Caller& caller, InodeId parent, std::string name, Reply<void> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(std::move(good));
  fs.when_movable(caller, parent, name, false, [&fs, parent, name, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(std::move(asked));
    fs.remember(parent, name);
    reply(fs.names.remove_directory(parent, name));
  });
}

void Filesystem::rename(const Caller& caller, InodeId parent, std::string name, InodeId new_parent,
                        std::string new_name, RenameMode mode, Reply<void> reply) {
  Impl& fs = *impl_;
  if (auto good = fs.check_name(parent, name); !good) return reply(std::move(good));
  if (auto good = fs.check_name(new_parent, new_name); !good) return reply(std::move(good));
  auto move = [&fs, parent, name, new_parent, new_name, mode, reply](Status asked) {
    if (!asked) return reply(std::move(asked));
    fs.remember(new_parent, new_name);
    reply(fs.names.rename(parent, name, new_parent, new_name, mode));
  };
  const bool exchange = mode == RenameMode::exchange;
  auto look_there = [&fs, caller, new_parent, new_name, exchange, move, reply](Status asked) {
    if (!asked) return reply(std::move(asked));
    fs.when_movable(caller, new_parent, new_name, exchange, move);
  };
  fs.when_movable(caller, parent, name, true, std::move(look_there));
}

}  // namespace cd
