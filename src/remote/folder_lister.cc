#include "remote/folder_lister.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/text.h"

namespace cd {
namespace {

constexpr std::size_t kKeptMin = 2'000;             // names of a folder that are worth keeping
constexpr std::int64_t kSettledNs = 1'000'000'000;

unsigned char type_of(int folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat stat {};
  if (::fstatat(folder, entry.d_name, &stat, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return S_ISDIR(stat.st_mode) ? DT_DIR : S_ISREG(stat.st_mode) ? DT_REG : DT_LNK;
}

}  // namespace

// ---- names of a folder

Result<FolderNames> FolderNames::read(int folder, std::string_view but) {
  const int own = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = own < 0 ? nullptr : ::fdopendir(own);
  if (dir == nullptr) return fail(error_from_errno(errno, "read a folder of the bucket"));
  FolderNames names;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || name == but) continue;
    const unsigned char type = type_of(folder, *entry);
    if (type != DT_DIR && type != DT_REG) continue;
    names.starts_.push_back(names.text_.size());
    names.text_ += name;
    if (type == DT_DIR) names.text_ += '/';
    names.text_ += '\0';
  }
  ::closedir(dir);
  const char* text = names.text_.data();
  std::sort(names.starts_.begin(), names.starts_.end(), [text](std::uint64_t a, std::uint64_t b) {
    return std::string_view(text + a) < std::string_view(text + b);
  });
  return names;
}

std::string_view FolderNames::operator[](std::size_t n) const { return text_.data() + starts_[n]; }

std::size_t FolderNames::first_not_before(std::string_view name) const {
  const auto found = std::lower_bound(starts_.begin(), starts_.end(), name, [this](std::uint64_t start, std::string_view wanted) {
    return std::string_view(text_.data() + start) < wanted;
  });
  return static_cast<std::size_t>(found - starts_.begin());
}

Result<FolderLister::Names> FolderLister::names_of(int folder, bool is_root) const {
  struct stat stat {};
  if (::fstat(folder, &stat) != 0) return fail(error_from_errno(errno, "look at a folder of the bucket"));
  const State state{stat.st_dev, stat.st_ino, stat.st_mtim.tv_sec * 1'000'000'000 + stat.st_mtim.tv_nsec};
  {
    MutexLock lock(mutex_);
    if (kept_ && kept_state_ == state) return kept_;
  }
  const bool settled = system_clock().wall_ns() - state.modified_ns > kSettledNs;
  CD_TRY(auto read, FolderNames::read(folder, is_root ? kTemporaryFolder : std::string_view()));
  auto names = std::make_shared<const FolderNames>(std::move(read));
  if (!settled || names->size() < kKeptMin) return names;
  MutexLock lock(mutex_);
  kept_state_ = state;
  kept_ = names;
  return names;
}

// ---- a page: walks the tree in key order until the page is full

class FolderLister::Walk {
 public:
  Walk(const FolderLister& lister, const ListRequest& request)
      : lister_(lister),
        folder_(lister.folder_),
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

  // Every key of the folder `base` ("" or ending in '/') that the request wants.
  Status visit(int folder, const std::string& base) {
    if (!base.empty() && base.starts_with(request_.prefix) && base > after_) add_marker(folder, base);
    CD_TRY(const Names names, lister_.names_of(folder, base.empty()));
    for (std::size_t n = names->first_not_before(first_wanted(base)); n < names->size() && !full(); ++n) {
      const std::string entry((*names)[n]);
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

  // No name before it is wanted: of the key to start after, the part in this folder.
  [[nodiscard]] std::string_view first_wanted(const std::string& base) const {
    if (!after_.starts_with(base)) return {};
    const std::string_view rest = std::string_view(after_).substr(base.size());
    const std::size_t slash = rest.find('/');
    return slash == std::string_view::npos ? rest : rest.substr(0, slash + 1);
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
      CD_TRY(const ListReply rest, lister_.list(inside));
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

  const FolderLister& lister_;
  const ObjectFolder& folder_;
  const ListRequest& request_;
  const std::string after_;
  const std::size_t keys_max_;
  ListReply reply_;
  std::string last_;  // the key or folder told last
};

Result<ListReply> FolderLister::list(const ListRequest& request) const { return Walk(*this, request).run(); }

}  // namespace cd
