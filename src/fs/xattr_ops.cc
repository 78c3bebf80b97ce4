// Extended attributes. `user.cratedrive.*` are virtual and read-only; other `user.*` are kept with the object;
// what belongs to the system (ACLs, capabilities) is unsupported, so that cp -a and ls stay quiet.
#include <sys/xattr.h>

#include "fs/filesystem_impl.h"

namespace cd {
namespace {

constexpr std::string_view kOurs = "user.cratedrive.";
constexpr std::size_t kValueBytesMax = 64u << 10;
// S3 takes 2 KiB of user metadata an object; attributes, labels and headers of the store need their part of it.
constexpr std::size_t kMetadataBytesMax = 1'536;

bool is_ours(std::string_view name) { return name.starts_with(kOurs); }

Status check(InodeId ino, std::string_view name, bool change) {
  if (!name.starts_with("user.")) return fail(Code::unsupported, "only user.* attributes are kept");
  if (name.size() == std::string_view("user.").size()) return fail(Code::invalid, "an attribute needs a name");
  if (name.size() > kNameBytesMax) return fail(Code::name_too_long, "the name of an attribute is too long");
  if (change && (is_ours(name) || VirtualTree::is_virtual(ino))) return reserved_name(name);
  return {};
}

std::size_t bytes_of(const Metadata& metadata) {
  std::size_t sum = 0;
  for (const auto& [name, value] : metadata) sum += name.size() + value.size();
  return sum;
}

Status check_fits(MetaRecord record, const std::string& name, const std::string& value) {
  record.xattrs[name] = value;
  if (value.size() > kValueBytesMax || bytes_of(metadata_of(record)) > kMetadataBytesMax)
    return fail(Code::too_large, "the attributes of one object are limited to 1.5 KiB in sum");
  return {};
}

}  // namespace

void Filesystem::setxattr(const Caller& caller, InodeId ino, std::string name, std::string value, int flags,
                          Reply<void> reply) {
  Impl& fs = *impl_;
  if (auto good = check(ino, name, true); !good) return reply(std::move(good));
  fs.when_exact(caller, ino, false, [&fs, ino, name, value, flags, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(std::move(asked));
    const auto entry = fs.entry(ino);
    if (!entry) return reply(fail(entry.error()));
    const bool there = entry->record.xattrs.contains(name);
    if (there && (flags & XATTR_CREATE) != 0) return reply(fail(Code::exists, name + " is set already"));
    if (!there && (flags & XATTR_REPLACE) != 0) return reply(fail(Code::not_found, name + " is not set"));
    if (auto fits = check_fits(entry->record, name, value); !fits) return reply(std::move(fits));
    reply(fs.names.set_xattr(ino, name, value));
  });
}

void Filesystem::getxattr(const Caller&, InodeId ino, std::string name, Reply<std::string> reply) {
  Impl& fs = *impl_;
  if (auto good = check(ino, name, false); !good) return reply(fail(good.error()));
  if (VirtualTree::is_virtual(ino)) return reply(fail(Code::not_found, name + " is not set"));
  const auto entry = fs.entry(ino);
  if (!entry) return reply(fail(entry.error()));
  if (const auto found = entry->record.xattrs.find(name); found != entry->record.xattrs.end())
    return reply(found->second);
  if (!is_ours(name)) return reply(fail(Code::not_found, name + " is not set"));
  const auto path = fs.meta.path_of(ino);
  if (!path) return reply(fail(path.error()));
  reply(fs.source.xattr(*path, name));
}

void Filesystem::listxattr(const Caller&, InodeId ino, Reply<std::vector<std::string>> reply) {
  Impl& fs = *impl_;
  if (VirtualTree::is_virtual(ino)) return reply(std::vector<std::string>{});
  const auto entry = fs.entry(ino);
  if (!entry) return reply(fail(entry.error()));
  std::vector<std::string> all;
  for (const auto& [name, value] : entry->record.xattrs)
    if (!is_ours(name)) all.push_back(name);
  const auto path = fs.meta.path_of(ino);
  if (path && entry->record.attr.type == NodeType::file)
    for (std::string& name : fs.source.xattr_names(*path)) all.push_back(std::move(name));
  reply(std::move(all));
}

void Filesystem::removexattr(const Caller& caller, InodeId ino, std::string name, Reply<void> reply) {
  Impl& fs = *impl_;
  if (auto good = check(ino, name, true); !good) return reply(std::move(good));
  fs.when_exact(caller, ino, false, [&fs, ino, name, reply = std::move(reply)](Status asked) {
    if (!asked) return reply(std::move(asked));
    const auto entry = fs.entry(ino);
    if (!entry) return reply(fail(entry.error()));
    if (!entry->record.xattrs.contains(name)) return reply(fail(Code::not_found, name + " is not set"));
    reply(fs.names.remove_xattr(ino, name));
  });
}

}  // namespace cd
