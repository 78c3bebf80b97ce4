// Death at every named crash point: a child process works and dies there as if by kill -9; the parent recovers
// and compares. What the child was told is done must be there, and the bucket must come to agree.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/crash_point.h"
#include "journal/log.h"
#include "remote/open_store.h"
#include "tests/journal/world.h"

namespace cd::testing {
namespace {

using Tree = std::map<std::string, std::string>;
using Step = std::function<Status(World&)>;

// The work of the child, and what the tree is after each step. A new file is made before it is written: `halfway`
// names one that may be there with a part of its bytes while its step is under way.
struct Script {
  std::vector<Step> steps;
  std::vector<Tree> trees{{}};
  std::map<std::size_t, std::string> halfway;  // by step

  void add(Step step, const std::function<void(Tree&)>& model, const std::string& new_file = "") {
    if (!new_file.empty()) halfway[steps.size()] = new_file;
    steps.push_back(std::move(step));
    Tree next = trees.back();
    model(next);
    trees.push_back(std::move(next));
  }
};

Script script() {
  Script s;
  const std::string large(150'000, 'L');
  s.add([](World& w) { return w.mkdir("kits"); }, [](Tree& t) { t["kits/"] = ""; });
  s.add([](World& w) { return w.write("kits/kick", "boom"); }, [](Tree& t) { t["kits/kick"] = "boom"; }, "kits/kick");
  s.add([=](World& w) { return w.write("long", large); }, [=](Tree& t) { t["long"] = large; }, "long");
  s.add([](World& w) { return w.truncate("long", 90'000); }, [](Tree& t) { t["long"].resize(90'000); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.patch("kits/kick", 2, "XY"); }, [](Tree& t) { t["kits/kick"] = "boXY"; });
  s.add([](World& w) { return w.rename("long", "kits/longer"); }, [](Tree& t) { t["kits/longer"] = t["long"], t.erase("long"); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.write("a", "was a"); }, [](Tree& t) { t["a"] = "was a"; }, "a");
  s.add([](World& w) { return w.write("b", "was b"); }, [](Tree& t) { t["b"] = "was b"; }, "b");
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.rename("a", "b", RenameMode::exchange); }, [](Tree& t) { std::swap(t["a"], t["b"]); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.rename("kits", "moved"); }, [=](Tree& t) {
    for (const char* name : {"", "kick", "longer"}) {
      t[std::string("moved/") + name] = t.at(std::string("kits/") + name);
      t.erase(std::string("kits/") + name);
    }
  });
  s.add([](World& w) { return w.link("b", "moved/b too"); }, [](Tree& t) { t["moved/b too"] = t["b"]; });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.patch("moved/b too", 0, "is"); }, [](Tree& t) { t["b"] = t["moved/b too"] = "iss a"; });
  s.add([](World& w) { return w.rename("a", "b"); }, [](Tree& t) { t["b"] = t["a"], t.erase("a"); });
  s.add([](World& w) { return w.link("b", "a"); }, [](Tree& t) { t["a"] = t["b"]; });
  s.add([](World& w) { return w.unlink("b"); }, [](Tree& t) { t.erase("b"); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.unlink("a"); }, [](Tree& t) { t.erase("a"); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  s.add([](World& w) { return w.unlink("moved/kick"); }, [](Tree& t) { t.erase("moved/kick"); });
  s.add([](World& w) { return w.drain(); }, [](Tree&) {});
  return s;
}

struct Bucket {
  explicit Bucket(const std::string& folder) {
    std::filesystem::create_directories(folder);
    store = std::move(open_store(StoreUrl::parse("file://" + folder).value(), {}, health, metrics).value());
  }
  StoreHealth health{system_clock()};
  MetricRegistry metrics;
  std::unique_ptr<ObjectStore> store;
};

Tree bucket_files(ObjectStore& store) {
  Tree out;
  const auto page = blocking<ListReply>([&](auto done) {
    ListRequest all;
    all.delimited = false;
    store.list(all, {}, std::move(done));
  });
  for (const ObjectInfo& object : page.value().objects) {
    for (auto slash = object.key.find('/'); slash != std::string::npos; slash = object.key.find('/', slash + 1))
      out[object.key.substr(0, slash + 1)] = "";
    if (object.key.back() == '/') continue;
    const auto got = blocking<GetReply>([&](auto done) { store.get({object.key, 0, UINT64_MAX, ""}, {}, std::move(done)); });
    out[object.key] = *got.value().body;
  }
  return out;
}

// S4 "is there afterwards as far as it was written"
// Runs the script until it dies; each finished step is one byte in the pipe.
[[noreturn]] void child(const std::string& folder, const std::string& point, int told) {
  ::setenv("CRATEDRIVE_CRASH", point.c_str(), 1);
  arm_crash_points_from_environment();
  Bucket bucket(folder + "/bucket");
  World world(*bucket.store, folder);
  world.open();
  for (const Step& step : script().steps) {
    if (!step(world)) ::_exit(2);
    if (::write(told, "+", 1) != 1) ::_exit(3);
  }
  world.close();
  ::_exit(0);
}

class CrashTest : public ::testing::TestWithParam<std::string> {};

TEST_P(CrashTest, NothingAcknowledgedIsMissingAfterwards) {
  for (const bool without_cache : {false, true}) {
    TempDirectory folder;
    int told[2];
    ASSERT_EQ(::pipe(told), 0);
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) child(folder.path(), GetParam(), told[1]);
    ::close(told[1]);
    std::size_t done = 0;
    for (char c; ::read(told[0], &c, 1) == 1;) ++done;
    ::close(told[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the child passed " << GetParam() << " and ended with " << status;

    if (without_cache) std::filesystem::remove_all(folder.path() + "/cache");
    Bucket bucket(folder.path() + "/bucket");
    World world(*bucket.store, folder.path());
    world.open(false);
    ASSERT_TRUE(world.load());
    const Script s = script();
    const Tree seen = world.snapshot();
    const bool as_told = seen == s.trees[done];
    const bool one_more = done + 1 < s.trees.size() && seen == s.trees[done + 1];
    bool between = false;
    if (const auto half = s.halfway.find(done); half != s.halfway.end()) {
      Tree made = s.trees[done];
      const std::string& whole = s.trees[done + 1].at(half->second);
      made[half->second] = seen.contains(half->second) ? whole.substr(0, seen.at(half->second).size()) : "";
      between = seen == made;
    }
    EXPECT_TRUE(as_told || one_more || between) << ::testing::PrintToString(seen).substr(0, 400) << " after step " << done << ", cache " << (without_cache ? "lost" : "kept");
    EXPECT_TRUE(world.journal->recovery().problems.empty());
    world.journal->start();
    ASSERT_TRUE(world.drain());
    EXPECT_EQ(bucket_files(*bucket.store), seen) << "after step " << done;
    EXPECT_EQ(world.snapshot(), seen);
    EXPECT_EQ(world.journal->totals().conflicts_total, 0u);
  }
}

std::vector<std::string> points() {
  std::vector<std::string> out;
  for (const char* name : {"journal.after_append", "journal.after_apply", "uploader.before_put", "uploader.after_put",
                           "uploader.after_apply", "uploader.after_ack", "staging.after_write",
                           "staging.after_range", "cache.before_commit", "cache.after_commit"}) {
    for (const int pass : {1, 2, 4, 7}) out.push_back(name + std::string(":") + std::to_string(pass));
  }
  for (const char* once : {"staging.after_truncate", "uploader.after_begin", "uploader.after_part", "uploader.before_finish",
                           "uploader.before_remove", "uploader.after_remove", "uploader.after_remove:3"})
    out.emplace_back(once);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Points, CrashTest, ::testing::ValuesIn(points()), [](const auto& chosen) {
  std::string name = chosen.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
});

TEST(CompactionCrashTest, DyingAroundTheRenameLosesNothing) {
  for (const char* point : {"compaction.before_rename", "compaction.after_rename"}) {
    TempDirectory folder;
    const std::string path = folder.path() + "/log";
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      ::setenv("CRATEDRIVE_CRASH", point, 1);
      arm_crash_points_from_environment();
      auto log = Log::open(system_disk(), path, [](std::string_view) { return Status{}; });
      const std::vector<std::string> frame{"live", "dead"};
      if (!log || !(*log)->append(frame)) ::_exit(2);
      (void)(*log)->rewrite([](const Log::Record& emit) { return emit("live"); });
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::vector<std::string> seen;
    ASSERT_TRUE(Log::open(system_disk(), path, [&](std::string_view record) {
      seen.emplace_back(record);
      return Status{};
    }));
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen[0], "live");
  }
}

}  // namespace
}  // namespace cd::testing
