// Random operations on a drive and on a plain folder of this machine; both must answer alike, at every step and after
// every restart, and in the end the bucket must hold what the folder holds.
//   CRATEDRIVE_SEED=<n>   the run to repeat (each run prints its own)
//   CRATEDRIVE_STEPS=<n>  how long

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "fs/fuse_errno.h"
#include "tests/fs/drive.h"

namespace cd {
namespace {

using testing::Drive;
using testing::DriveOptions;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

template <class T>
int errno_of_result(const Result<T>& result, Operation operation = Operation::any) {
  return result ? 0 : errno_of(result.error().code, operation);
}

// The folder that has the answers.
class Plain {
 public:
  Plain() {
    char name[] = "/tmp/cratedrive-model-XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~Plain() { std::filesystem::remove_all(root_); }

  [[nodiscard]] std::string at(const std::string& path) const { return path.empty() ? root_ : root_ + "/" + path; }
  static int error_of(int returned) { return returned < 0 ? errno : 0; }

  [[nodiscard]] std::set<std::string> list(const std::string& path) const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(at(path))) names.insert(entry.path().filename());
    return names;
  }
  [[nodiscard]] std::string load(const std::string& path) const {
    std::ifstream file(at(path), std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }

 private:
  std::string root_;
};

struct OpenFile {
  HandleId ours;
  int theirs = -1;
  std::string path;  // when it was opened
  bool writes = false;
};

class Model {
 public:
  Model(std::uint64_t seed, DriveOptions options) : random_(seed), drive_(std::move(options)) {}
  ~Model() {
    while (!open_.empty()) close_file(0);
  }

  void step();
  void compare_all();
  void compare_bucket();
  [[nodiscard]] const std::string& history() const { return history_; }

 private:
  std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  std::string random_path();
  std::string random_bytes(std::size_t at_most);
  void same(int ours, int theirs, const std::string& what);
  void note(const std::string& what) { history_ += what + "\n"; }
  void compare_folder(const std::string& path);
  void compare_file(const std::string& path, const struct stat& st);

  void save();
  void open_file();
  void close_file(std::size_t which);
  void write_open(OpenFile& file);
  void read_open(std::size_t which);
  void truncate();
  void make_folder();
  void make_symlink();
  void make_link();
  void split_links();
  void remove();
  void rename();
  void chmod();
  void restart();

  std::mt19937_64 random_;
  Plain plain_;
  Drive drive_;
  std::vector<OpenFile> open_;
  std::string history_;
};

std::string Model::random_path() {
  static const std::vector<std::string> kNames{"a", "b", "Drums", "kick 01.wav", "snare#2.wav", "\xC3\xA9t\xC3\xA9"};
  std::string path = kNames[below(kNames.size())];
  const std::size_t depth = below(3);
  for (std::size_t i = 0; i < depth; ++i) {
    struct stat st{};
    if (::lstat(plain_.at(path).c_str(), &st) == 0 && S_ISLNK(st.st_mode)) break;  // the kernel follows links
    path += "/" + kNames[below(kNames.size())];
  }
  return path;
}

std::string Model::random_bytes(std::size_t at_most) {
  std::string bytes(below(at_most + 1), '\0');
  const auto start = random_();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((start + i * 31) >> (i % 7));
  return bytes;
}

void Model::same(int ours, int theirs, const std::string& what) {
  if (ours == EEXIST && theirs == ENOTEMPTY) ours = theirs;  // rename(2) allows both
  note(what + (theirs == 0 ? "" : std::string(": ") + std::strerror(theirs)));
  ASSERT_EQ(ours, theirs) << what << ": " << std::strerror(ours) << ", expected " << std::strerror(theirs);
}

// ---- operations

void Model::save() {
  const std::string path = random_path();
  const std::string bytes = random_bytes(200'000);
  struct stat st{};
  if (::lstat(plain_.at(path).c_str(), &st) == 0 && S_ISLNK(st.st_mode)) return;  // the kernel would follow it
  const int fd = ::open(plain_.at(path).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int theirs = fd < 0 ? errno : 0;
  if (fd >= 0) {
    ASSERT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(fd);
  }
  Status saved = drive_.save(path, bytes);
  same(errno_of_result(saved), theirs, "save " + path);
}

void Model::open_file() {
  if (open_.size() >= 8) return close_file(below(open_.size()));
  const std::string path = random_path();
  const bool writes = below(2) == 0;
  const bool appends = writes && below(4) == 0;
  const int flags = (writes ? O_RDWR : O_RDONLY) | (appends ? O_APPEND : 0);
  struct stat st{};
  if (::lstat(plain_.at(path).c_str(), &st) == 0 && !S_ISREG(st.st_mode)) return;
  const int fd = ::open(plain_.at(path).c_str(), flags);
  const int theirs = fd < 0 ? errno : 0;
  const auto opened = drive_.open(path, flags);
  same(errno_of_result(opened), theirs, "open " + path + (writes ? " to write" : ""));
  if (opened && fd >= 0) open_.push_back({*opened, fd, path, writes});
}

void Model::close_file(std::size_t which) {
  note("close " + open_[which].path);
  EXPECT_TRUE(drive_.close(open_[which].ours));
  ::close(open_[which].theirs);
  open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(which));
}

void Model::write_open(OpenFile& file) {
  if (!file.writes) return;
  const std::uint64_t offset = below(300'000);
  const std::string bytes = random_bytes(below(3) == 0 ? 150'000 : 5'000);
  const ssize_t theirs = ::pwrite(file.theirs, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  ASSERT_EQ(theirs, static_cast<ssize_t>(bytes.size()));
  note("write into " + file.path);
  const auto ours = drive_.write(file.ours, offset, bytes);
  ASSERT_TRUE(ours) << ours.error().message;
  ASSERT_EQ(*ours, bytes.size());
}

void Model::read_open(std::size_t which) {
  const OpenFile& file = open_[which];
  const std::uint64_t offset = below(400'000);
  std::string theirs(1 + below(150'000), '\0');
  const ssize_t got = ::pread(file.theirs, theirs.data(), theirs.size(), static_cast<off_t>(offset));
  ASSERT_GE(got, 0);
  const auto ours = drive_.read(file.ours, offset, theirs.size());
  theirs.resize(static_cast<std::size_t>(got));
  struct stat st{};
  ASSERT_EQ(::fstat(file.theirs, &st), 0);
  // The name went to another file, which is stored by now: what was not cached of the old one is gone (S20).
  if (st.st_nlink == 0 && !ours && ours.error().code == Code::stale) return close_file(which);
  ASSERT_TRUE(ours) << "read of " << file.path << ": " << ours.error().message;
  ASSERT_TRUE(*ours == theirs) << "bytes of " << file.path << " at " << offset << " differ";
}

void Model::truncate() {
  const std::string path = random_path();
  struct stat st{};
  if (::lstat(plain_.at(path).c_str(), &st) == 0 && S_ISLNK(st.st_mode)) return;
  AttrRequest request;
  request.fields = static_cast<std::uint32_t>(SetAttr::size);
  request.size = below(250'000);
  const int theirs = Plain::error_of(::truncate(plain_.at(path).c_str(), static_cast<off_t>(request.size)));
  same(errno_of_result(drive_.setattr(path, request)), theirs, "truncate " + path);
}

void Model::make_folder() {
  const std::string path = random_path();
  const int theirs = Plain::error_of(::mkdir(plain_.at(path).c_str(), 0755));
  same(errno_of_result(drive_.mkdir(path)), theirs, "mkdir " + path);
}

void Model::make_symlink() {
  const std::string path = random_path();
  const std::string target = random_path();
  const int theirs = Plain::error_of(::symlink(target.c_str(), plain_.at(path).c_str()));
  same(errno_of_result(drive_.symlink(target, path)), theirs, "symlink " + path);
}

void Model::make_link() {
  const std::string from = random_path();
  const std::string to = random_path();
  const int theirs = Plain::error_of(::link(plain_.at(from).c_str(), plain_.at(to).c_str()));
  same(errno_of_result(drive_.link(from, to)), theirs, "link " + from + " to " + to);
}

// That two names are one file is known to the cache: after its loss they may be files of their own.
void Model::split_links() {
  std::map<ino_t, std::vector<std::string>> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(plain_.at(""))) {
    struct stat st{};
    ASSERT_EQ(::lstat(entry.path().c_str(), &st), 0);
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
      names[st.st_ino].push_back(entry.path().lexically_relative(plain_.at("")).string());
  }
  for (const auto& [ino, paths] : names) {
    std::map<InodeId, std::string> first;
    for (const std::string& path : paths) {
      const auto ours = drive_.stat(path);
      ASSERT_TRUE(ours) << path << ": " << ours.error().message;
      const auto [known, is_new] = first.emplace(ours->ino, path);
      const std::string aside = plain_.at("aside");
      if (is_new) {
        ASSERT_EQ(std::system(("cp -P --preserve=mode -- '" + plain_.at(path) + "' '" + aside + "'").c_str()), 0);
      } else {
        ASSERT_EQ(::link(plain_.at(known->second).c_str(), aside.c_str()), 0);
      }
      ASSERT_EQ(::rename(aside.c_str(), plain_.at(path).c_str()), 0);
    }
  }
}

void Model::remove() {
  const std::string path = random_path();
  if (below(3) == 0) {
    const int theirs = Plain::error_of(::rmdir(plain_.at(path).c_str()));
    return same(errno_of_result(drive_.rmdir(path)), theirs, "rmdir " + path);
  }
  const int theirs = Plain::error_of(::unlink(plain_.at(path).c_str()));
  same(errno_of_result(drive_.unlink(path)), theirs, "unlink " + path);
}

void Model::rename() {
  const std::string from = random_path();
  const std::string to = random_path();
  // These the kernel answers by itself.
  if (from == to || from.starts_with(to + "/") || to.starts_with(from + "/")) return;
  const std::size_t kind = below(5);
  const RenameMode mode = kind == 0 ? RenameMode::no_replace : kind == 1 ? RenameMode::exchange : RenameMode::replace;
  const unsigned flags = kind == 0 ? RENAME_NOREPLACE : kind == 1 ? RENAME_EXCHANGE : 0;
  struct stat st{};
  const bool folders = ::lstat(plain_.at(from).c_str(), &st) == 0;
  const int theirs =
      Plain::error_of(::renameat2(AT_FDCWD, plain_.at(from).c_str(), AT_FDCWD, plain_.at(to).c_str(), flags));
  const std::string what = "rename " + from + " to " + to + (kind == 1 ? " (exchange)" : "") +
                           (folders && S_ISDIR(st.st_mode) ? " (a folder)" : "");
  same(errno_of_result(drive_.rename(from, to, mode), Operation::rename), theirs, what);
}

void Model::chmod() {
  const std::string path = random_path();
  struct stat st{};
  if (::lstat(plain_.at(path).c_str(), &st) == 0 && S_ISLNK(st.st_mode)) return;
  AttrRequest request;
  request.fields = static_cast<std::uint32_t>(SetAttr::mode);
  request.change.mode = below(2) == 0 ? 0600 : 0755;
  const int theirs = Plain::error_of(::chmod(plain_.at(path).c_str(), *request.change.mode));
  same(errno_of_result(drive_.setattr(path, request)), theirs, "chmod " + path);
}

void Model::restart() {
  while (!open_.empty()) close_file(0);
  const std::size_t kind = below(4);
  note(kind == 0 ? "drain, restart" : kind == 1 ? "restart without cache" : "restart");
  if (kind == 0) {
    const Status drained = drive_.drain();
    ASSERT_TRUE(drained) << drained.error().message;
  }
  drive_.restart(kind == 1);
  if (kind == 1) split_links();
}

void Model::step() {
  switch (below(25)) {
    case 0: case 1: case 2: case 3: return save();
    case 4: case 5: return open_file();
    case 6: case 7: case 8: if (!open_.empty()) write_open(open_[below(open_.size())]); return;
    case 9: case 10: case 11: if (!open_.empty()) read_open(below(open_.size())); return;
    case 12: if (!open_.empty()) close_file(below(open_.size())); return;
    case 13: return truncate();
    case 14: case 15: return make_folder();
    case 16: return make_symlink();
    case 17: case 18: return remove();
    case 19: case 20: return rename();
    case 21: return chmod();
    case 22: drive_.blocks->drop_all(); return;
    case 23: if (below(8) == 0) restart(); return;
    case 24: return make_link();
  }
}

// ---- comparing

void Model::compare_file(const std::string& path, const struct stat& st) {
  auto node = drive_.stat(path);
  ASSERT_TRUE(node) << path << ": " << node.error().message;
  // LIST does not tell modes; who looks exactly sees them.
  const auto entry = drive_.meta->entry(node->ino);
  if (entry && *entry && (*entry)->record.remote && !(*entry)->record.exact) {
    (void)blocking<MetaRecord>([&](auto done) { drive_.tree->fill_exact(node->ino, std::move(done)); });
    node = drive_.stat(path);
    ASSERT_TRUE(node) << path << ": " << node.error().message;
  }
  ASSERT_EQ(node->links, st.st_nlink) << path;
  if (S_ISLNK(st.st_mode)) {
    ASSERT_EQ(node->attr.type, NodeType::symlink) << path;
    ASSERT_EQ(drive_.readlink(path).value(), std::filesystem::read_symlink(plain_.at(path)).string()) << path;
    return;
  }
  ASSERT_EQ(node->attr.type, NodeType::file) << path;
  ASSERT_EQ(node->attr.size, static_cast<std::uint64_t>(st.st_size)) << path;
  ASSERT_EQ(node->attr.mode, st.st_mode & 07777u) << path;
  const auto bytes = drive_.load(path);
  ASSERT_TRUE(bytes) << path << ": " << bytes.error().message;
  ASSERT_TRUE(*bytes == plain_.load(path)) << path << ": the bytes differ";
}

void Model::compare_folder(const std::string& path) {
  const std::set<std::string> theirs = plain_.list(path);
  const auto listed = drive_.list(path);
  ASSERT_TRUE(listed) << path << ": " << listed.error().message;
  std::set<std::string> ours(listed->begin(), listed->end());
  if (path.empty()) {
    ours.erase("inbox");
    ours.erase(".cratedrive");
  }
  ASSERT_EQ(ours, theirs) << "in /" << path;
  for (const std::string& name : theirs) {
    const std::string inner = path.empty() ? name : path + "/" + name;
    struct stat st{};
    ASSERT_EQ(::lstat(plain_.at(inner).c_str(), &st), 0);
    if (S_ISDIR(st.st_mode)) compare_folder(inner);
    else compare_file(inner, st);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

void Model::compare_all() {
  if (drive_.options().list_keys_max < 1000) drive_.tree->expire_all();  // else nothing would be listed in pages
  compare_folder("");
}

void Model::compare_bucket() {
  while (!open_.empty()) close_file(0);
  const Status drained = drive_.drain();
  ASSERT_TRUE(drained) << drained.error().message;
  std::set<std::string> expected;
  std::set<std::string> folders;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(plain_.at(""))) {
    const std::string path = entry.path().lexically_relative(plain_.at("")).string();
    if (entry.is_symlink() || !entry.is_directory()) expected.insert(path);
    else folders.insert(path + "/");
  }
  std::set<std::string> found;
  for (const std::string& key : drive_.bucket.keys()) {
    if (key.ends_with("/")) {
      EXPECT_TRUE(folders.contains(key)) << "a marker without its folder: " << key;
    } else {
      found.insert(key);
    }
  }
  ASSERT_EQ(found, expected);
  for (const std::string& path : expected) {
    if (std::filesystem::is_symlink(plain_.at(path))) continue;
    ASSERT_TRUE(drive_.bucket.bytes_of(path) == plain_.load(path)) << "object " << path << " differs";
  }
  EXPECT_EQ(drive_.bucket.open_uploads(), 0U);
}

void walk(Model& model, std::uint64_t seed, std::uint64_t steps, std::uint64_t look_every) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(i));
    ASSERT_NO_FATAL_FAILURE(model.step());
    if (i % look_every == look_every - 1) {
      ASSERT_NO_FATAL_FAILURE(model.compare_all());
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.compare_all());
  ASSERT_NO_FATAL_FAILURE(model.compare_bucket());
}

void run(std::uint64_t seed, std::uint64_t steps, DriveOptions options, std::uint64_t look_every = 50) {
  std::printf("CRATEDRIVE_SEED=%llu CRATEDRIVE_STEPS=%llu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(steps));
  Model model(seed, std::move(options));
  walk(model, seed, steps, look_every);
  if (::testing::Test::HasFatalFailure()) std::printf("what was done:\n%s", model.history().c_str());
}

std::uint64_t a_seed() { return from_environment("CRATEDRIVE_SEED", std::random_device{}()); }

TEST(ModelTest, ADriveIsAFolder) {
  ASSERT_NO_FATAL_FAILURE(run(a_seed(), from_environment("CRATEDRIVE_STEPS", 1'500), {}));
}

TEST(ModelTest, ADriveIsAFolderWhileUploadsWait) {
  DriveOptions options;
  options.upload_delay = Millis(200);
  ASSERT_NO_FATAL_FAILURE(run(a_seed(), from_environment("CRATEDRIVE_STEPS", 1'500), options));
}

TEST(ModelTest, ADriveIsAFolderWhileTheBucketIsListedAgainAndAgain) {
  DriveOptions options;
  options.upload_delay = Millis(5);
  options.metadata_ttl = Millis(0);
  ASSERT_NO_FATAL_FAILURE(run(a_seed(), from_environment("CRATEDRIVE_STEPS", 1'500), options));
}

TEST(ModelTest, ADriveIsAFolderWhileListsGoAheadOfWhoWalks) {
  for (const int keys : {2, 5, 17}) {
    DriveOptions options;
    options.upload_delay = Millis(3);
    options.list_keys_max = keys;
    ASSERT_NO_FATAL_FAILURE(run(a_seed(), from_environment("CRATEDRIVE_STEPS", 800), options, 10));
  }
}

TEST(ModelTest, ADriveIsAFolderForTheSameSeedsEachTime) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    ASSERT_NO_FATAL_FAILURE(run(seed, from_environment("CRATEDRIVE_STEPS", 300), {}));
  }
}

}  // namespace
}  // namespace cd
