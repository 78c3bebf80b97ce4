// Random operations on the drive and on a plain tree in memory, compared after each; with restarts (with the cache
// and without), with a store that loses answers, refuses or is away; at the end the bucket holds exactly the tree.
// CRATEDRIVE_SEED and CRATEDRIVE_ROUNDS choose what to run.
#include <algorithm>
#include <random>

#include "tests/journal/world.h"

namespace cd::testing {
namespace {

using Tree = std::map<std::string, std::string>;  // folders end with '/'

// The tree as POSIX has it, for names that are compared by nothing but their bytes.
class Model {
 public:
  Tree tree;
  std::map<std::string, int> files;  // of names that are links: which file

  void set(const std::string& path, const std::string& bytes) {
    tree[path] = bytes;
    const auto file = files.find(path);
    if (file == files.end()) return;
    for (const auto& [other, number] : files)
      if (number == file->second) tree[other] = bytes;
  }
  bool link(const std::string& from, const std::string& to) {
    if (!is_file(from) || !is_folder(parent(to)) || is_there(to)) return false;
    tree[to] = tree[from];
    const int number = files.try_emplace(from, next_file_).first->second;
    files[to] = number;
    ++next_file_;
    return true;
  }
  [[nodiscard]] bool same_file(const std::string& a, const std::string& b) const {
    const auto one = files.find(a);
    const auto other = files.find(b);
    return one != files.end() && other != files.end() && one->second == other->second;
  }

  [[nodiscard]] bool is_folder(const std::string& path) const { return path.empty() || tree.contains(path + "/"); }
  [[nodiscard]] bool is_file(const std::string& path) const { return tree.contains(path); }
  [[nodiscard]] bool is_there(const std::string& path) const { return is_folder(path) || is_file(path); }
  [[nodiscard]] bool is_empty(const std::string& path) const {
    const auto it = tree.upper_bound(path + "/");
    return it == tree.end() || !it->first.starts_with(path + "/");
  }
  static std::string parent(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }

  bool write(const std::string& path, const std::string& bytes) {
    if (!is_folder(parent(path)) || is_folder(path)) return false;
    set(path, bytes);
    return true;
  }
  bool patch(const std::string& path, std::size_t offset, const std::string& bytes) {
    if (!is_file(path)) return false;
    std::string content = tree[path];
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
    content.replace(offset, bytes.size(), bytes);
    set(path, content);
    return true;
  }
  bool truncate(const std::string& path, std::size_t size) {
    if (!is_file(path)) return false;
    std::string content = tree[path];
    content.resize(size, '\0');
    set(path, content);
    return true;
  }
  bool mkdir(const std::string& path) {
    if (!is_folder(parent(path)) || is_there(path)) return false;
    tree[path + "/"] = "";
    return true;
  }
  bool unlink(const std::string& path) {
    files.erase(path);
    return is_file(path) && tree.erase(path) == 1;
  }
  bool rmdir(const std::string& path) { return is_folder(path) && is_empty(path) && tree.erase(path + "/") == 1; }
  bool rename(const std::string& from, const std::string& to, RenameMode mode) {
    if (!is_there(from) || !is_folder(parent(to))) return false;
    if (from == to) return mode != RenameMode::no_replace;
    if (is_folder(from) && to.starts_with(from + "/")) return false;
    if (same_file(from, to)) return mode != RenameMode::no_replace;
    if (mode == RenameMode::exchange) {
      if (!is_there(to) || (is_folder(to) && from.starts_with(to + "/"))) return false;
      const Cut a = cut(from);
      const Cut b = cut(to);
      paste(a, to);
      paste(b, from);
      return true;
    }
    if (is_there(to)) {
      if (mode == RenameMode::no_replace || is_folder(from) != is_folder(to)) return false;
      if (is_folder(to) && !is_empty(to)) return false;
      cut(to);
    }
    paste(cut(from), to);
    return true;
  }

 private:
  struct Cut {
    Tree tree;  // names relative to path: "" for a file, "/…" below a folder
    std::map<std::string, int> files;
  };
  template <class Map>
  static void cut(Map& from, const std::string& path, Map& out) {
    for (auto it = from.begin(); it != from.end();) {
      if (it->first == path || it->first.starts_with(path + "/")) {
        out[it->first.substr(path.size())] = it->second;
        it = from.erase(it);
      } else {
        ++it;
      }
    }
  }
  Cut cut(const std::string& path) {
    Cut out;
    cut(tree, path, out.tree);
    cut(files, path, out.files);
    return out;
  }
  void paste(const Cut& what, const std::string& path) {
    for (const auto& [tail, bytes] : what.tree) tree[path + tail] = bytes;
    for (const auto& [tail, number] : what.files) files[path + tail] = number;
  }

  int next_file_ = 1;
};

class ModelTest : public ::testing::TestWithParam<int> {
 protected:
  std::mt19937 random;
  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); }

  std::string path() {
    static const char* const kNames[] = {"a", "b", "c", "d.wav"};
    std::string out = kNames[pick(4)];
    for (std::size_t depth = pick(3); depth > 0; --depth) out += std::string("/") + kNames[pick(4)];
    return out;
  }
  std::string bytes() {
    static const std::size_t kSizes[] = {0, 3, 50, 1'000, 70'000};
    std::string out(kSizes[pick(5)], '\0');
    const auto first = static_cast<unsigned>(random());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(first + i * 31 + i / 256);
    return out;
  }

  // One operation on both. Gives its text; `agree` says whether they answered alike.
  std::string step(World& world, Model& model, bool& agree) {
    const std::string at = path();
    Status real;
    bool expected = false;
    std::string text;
    switch (pick(13)) {
      case 0:
      case 1:
      case 2: {
        const std::string content = bytes();
        text = "write " + at + " " + std::to_string(content.size());
        real = world.write(at, content);
        expected = model.write(at, content);
        break;
      }
      case 3: {
        const std::size_t offset = pick(2'000);
        const std::string content = bytes() + "x";
        text = "patch " + at + " at " + std::to_string(offset);
        real = world.patch(at, offset, content);
        expected = model.patch(at, offset, content);
        break;
      }
      case 4: {
        const std::size_t size = pick(1'500);
        text = "truncate " + at + " to " + std::to_string(size);
        real = world.truncate(at, size);
        expected = model.truncate(at, size);
        break;
      }
      case 5:
      case 6:
        text = "mkdir " + at;
        real = world.mkdir(at);
        expected = model.mkdir(at);
        break;
      case 7:
        text = "unlink " + at;
        real = world.unlink(at);
        expected = model.unlink(at);
        break;
      case 8:
        text = "rmdir " + at;
        real = world.rmdir(at);
        expected = model.rmdir(at);
        break;
      case 9:
        text = "chmod " + at;
        real = world.chmod(at, 0600 + static_cast<std::uint32_t>(pick(64)));
        expected = model.is_there(at);
        break;
      case 10: {
        const std::string to = path();
        text = "link " + at + " to " + to;
        real = world.link(at, to);
        expected = model.link(at, to);
        break;
      }
      default: {
        const std::string to = path();
        const RenameMode mode = std::vector{RenameMode::replace, RenameMode::replace, RenameMode::no_replace,
                                            RenameMode::exchange}[pick(4)];
        text = "rename " + at + " to " + to + " mode " + std::to_string(static_cast<int>(mode));
        real = world.rename(at, to, mode);
        expected = model.rename(at, to, mode);
        break;
      }
    }
    agree = real.has_value() == expected;
    return text + (real ? " ok" : ": " + real.error().message);
  }

  // Which names are one file is known to the cache; after its loss they may be files of their own.
  static void believe_links(World& world, Model& model) {
    std::map<std::pair<int, InodeId>, int> known;
    for (auto& [path, number] : model.files) {
      const auto there = world.at(path);
      ASSERT_TRUE(there) << path << " is gone";
      number = known.try_emplace({number, there->record.ino}, static_cast<int>(known.size()) - 1'000'000).first->second;
    }
  }

  void disturb(FlakyStore& flaky) {
    flaky.clear();
    flaky.set_down(pick(4) == 0);
    static const Verb kVerbs[] = {Verb::put, Verb::copy, Verb::remove, Verb::part, Verb::finish, Verb::begin, Verb::head};
    for (std::size_t n = pick(4); n > 0; --n) {
      Fault fault;
      fault.on = {kVerbs[pick(7)], ""};
      fault.kind = pick(2) == 0 && fault.on.verb != Verb::begin ? FaultKind::answer_lost : FaultKind::error;
      fault.nth = static_cast<int>(1 + pick(3));
      fault.times = 1;
      flaky.add(fault);
    }
  }
};

std::string difference(const Tree& expected, const Tree& real) {
  std::string out;
  for (const auto& [path, bytes] : expected) {
    if (!real.contains(path)) out += "missing: " + path + "\n";
    else if (real.at(path) != bytes)
      out += "differs: " + path + " (" + std::to_string(bytes.size()) + " bytes expected, " +
             std::to_string(real.at(path).size()) + " there)\n";
  }
  for (const auto& [path, bytes] : real) {
    if (!expected.contains(path)) out += "too many: " + path + "\n";
  }
  return out;
}

TEST_P(ModelTest, TheDriveIsThePlainTreeAndSoIsTheBucketInTheEnd) {
  const char* given = std::getenv("CRATEDRIVE_SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : static_cast<unsigned>(GetParam());
  random.seed(seed);
  TempDirectory folder;
  MemoryStore store(small_parts());
  FlakyStore flaky(store);
  JournalOptions options = quick_options();
  options.tries_max = 1'000;
  World world(flaky, folder.path(), options);
  world.open();
  Model model;
  std::string history = "seed " + std::to_string(seed) + "\n";
  for (int i = 0; i < 150; ++i) {
    bool agree = true;
    history += step(world, model, agree) + "\n";
    ASSERT_TRUE(agree) << history;
    if (pick(8) == 0) disturb(flaky);
    if (pick(25) == 0) {
      const bool without_cache = pick(2) == 0;
      history += without_cache ? "-- restart without cache\n" : "-- restart\n";
      flaky.set_down(false);
      flaky.clear();
      world.reopen(without_cache);
      ASSERT_TRUE(world.load()) << history;
      if (without_cache) {
        ASSERT_NO_FATAL_FAILURE(believe_links(world, model)) << history;
      }
    }
    if (pick(30) == 0) {
      history += "-- drain\n";
      flaky.set_down(false);
      flaky.clear();
      ASSERT_TRUE(world.drain()) << history;
    }
    if (pick(10) == 0) {
      history += "-- list\n";
      flaky.set_down(false);
      flaky.clear();
      world.tree->expire_all();
      ASSERT_TRUE(world.load()) << history;
    }
    if (i % 5 == 0) {
      flaky.set_down(false);
      flaky.clear();
      const std::string wrong = difference(model.tree, world.snapshot());
      ASSERT_EQ(wrong, "") << history;
    }
  }
  flaky.set_down(false);
  flaky.clear();
  world.journal->store_came_back();
  ASSERT_TRUE(world.drain()) << history;
  EXPECT_EQ(difference(model.tree, bucket_tree(store)), "") << history;
  EXPECT_EQ(difference(model.tree, world.snapshot()), "") << history;
  EXPECT_EQ(world.journal->totals().conflicts_total, 0u) << history;
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range(1, 13));

}  // namespace
}  // namespace cd::testing
