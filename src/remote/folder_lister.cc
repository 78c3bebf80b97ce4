#include "remote/folder_lister.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"

namespace cd {

namespace {

// Walks the tree in key order and calls back until the page is full.
class Walk {
 public:
  Walk(const ObjectFolder& folder, const ListRequest& request)
      : folder_(folder),
        request_(request),
        after_(request.token.empty() ? request.after : request.token),
        keys_max_(static_cast<std::size_t>(std::clamp(request.max_keys, 1, 1000))) {}

  Result<ListReply> run() {
    // The part of the prefix up to its last '/' is a folder; the rest is the start of a name in it.
    const std::size_t slash = request_.prefix.rfind('/');
    const std::string base = slash == std::string::npos ? "" : request_.prefix.substr(0, slash + 1);
    if (!base.empty()) {
      const auto path = ObjectPath::from_key(base);
      if (!path) return ListReply{};  // no key can have such a prefix
      auto at = folder_.parent(*path, false);
      if (!at && at.error().code == Code::not_found) return ListReply{};
      if (!at) return fail(at.error());
      CD_TRY_VOID(visit(at->get(), base));
    } else {
      CD_TRY_VOID(visit(folder_.root(), ""));
    }
    return std::move(reply_);
  }

 private:
  [[nodiscard]] bool full() const { return !reply_.next_token.empty(); }

  // False: the page was full already, and there is more: the token says where to go on.
  bool room_for_one() {
    if (reply_.objects.size() + reply_.folders.size() < keys_max_) return true;
    reply_.next_token = last_;
    return false;
  }

  // Names in key order; a folder's ends with '/'.
  static Result<std::vector<std::string>> read_sorted(int folder, bool is_root) {
    const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* dir = own < 0 ? nullptr : ::fdopendir(own);
    if (dir == nullptr) return fail(error_from_errno(errno, "read a folder of the bucket"));
    std::vector<std::string> entries;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || (is_root && name == kTemporaryFolder)) continue;
      unsigned char type = entry->d_type;
      if (type == DT_UNKNOWN) {
        struct stat stat {};
        if (::fstatat(folder, entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) continue;
        type = S_ISDIR(stat.st_mode) ? DT_DIR : S_ISREG(stat.st_mode) ? DT_REG : DT_LNK;
      }
      if (type == DT_DIR) entries.push_back(std::string(name) + "/");
      if (type == DT_REG) entries.emplace_back(name);
    }
    ::closedir(dir);
    std::sort(entries.begin(), entries.end());
    return entries;
  }

  // Every key of the folder `base` ("" or ending in '/') that the request wants.
  Status visit(int folder, const std::string& base) {
    if (!base.empty() && base.starts_with(request_.prefix) && base > after_) add_marker(folder, base);
    CD_TRY(const auto entries, read_sorted(folder, base.empty()));
    for (const std::string& entry : entries) {
      if (full()) break;
      const std::string key = base + entry;
      if (!wanted(key)) continue;
      if (key.back() != '/') {
        add_object(folder, entry, key);
      } else if (request_.delimited && key.size() > request_.prefix.size() && key.starts_with(request_.prefix)) {
        CD_TRY_VOID(add_folder(key));
      } else {
        CD_TRY_VOID(descend(folder, entry, key));
      }
    }
    return {};
  }

  // Can this file, or anything in this folder, belong to the rest of the listing?
  [[nodiscard]] bool wanted(const std::string& key) const {
    const bool folder = key.back() == '/';
    const bool under_prefix = key.starts_with(request_.prefix) || (folder && request_.prefix.starts_with(key));
    return under_prefix && (key > after_ || (folder && after_.starts_with(key)));
  }

  void add_marker(int folder, const std::string& key) {
    auto found = folder_.find_in(folder, "", key);
    if (!found || !room_for_one()) return;
    reply_.objects.push_back(std::move(found->head.info));
    last_ = key;
  }

  void add_object(int folder, const std::string& name, const std::string& key) {
    auto found = folder_.find_in(folder, name, key);
    if (!found || !room_for_one()) return;  // gone meanwhile
    reply_.objects.push_back(std::move(found->head.info));
    last_ = key;
  }

  Status add_folder(const std::string& key) {
    // After a folder's own prefix (the token of a page before): it was told. After a key inside it: it
    // counts only if more keys follow there.
    if (key == after_ && !request_.token.empty()) return {};
    if (after_.starts_with(key)) {
      ListRequest inside{.prefix = key, .delimited = false, .after = after_, .token = {}, .max_keys = 1};
      CD_TRY(const ListReply rest, list_folder(folder_, inside));
      if (rest.objects.empty()) return {};
    }
    if (!room_for_one()) return {};
    reply_.folders.push_back(key);
    last_ = key;
    return {};
  }

  Status descend(int parent, const std::string& name, const std::string& key) {
    const UniqueFd next(::openat(parent, name.substr(0, name.size() - 1).c_str(),
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return {};  // gone meanwhile
      return fail(error_from_errno(errno, "open the folder " + printable(key)));
    }
    return visit(next.get(), key);
  }

  const ObjectFolder& folder_;
  const ListRequest& request_;
  const std::string after_;
  const std::size_t keys_max_;
  ListReply reply_;
  std::string last_;  // the key or folder told last
};

}  // namespace

Result<ListReply> list_folder(const ObjectFolder& folder, const ListRequest& request) {
  return Walk(folder, request).run();
}

}  // namespace cd
