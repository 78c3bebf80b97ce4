// Power loss: random histories over a disk that keeps what was synced and a random part of the rest. After each cut the
// log and the journal open, nothing that a sync acknowledged is missing, and what is there is a state that was.
// CRATEDRIVE_SEED chooses one history.
#include <cstdlib>
#include <random>

#include "journal/log_file.h"
#include "tests/journal/world.h"
#include "tests/support/lossy_disk.h"

namespace cd::testing {
namespace {

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  if (const char* given = std::getenv("CRATEDRIVE_SEED")) return {std::strtoull(given, nullptr, 10)};
  std::vector<std::uint64_t> out(count);
  for (std::uint64_t i = 0; i < count; ++i) out[i] = i + 1;
  return out;
}

using Records = std::vector<std::string>;

Result<std::unique_ptr<LogFile>> open_log(LossyDisk& disk, Records& seen, const LogFile::Prove& prove = {}) {
  seen.clear();
  return LogFile::open(disk, "/state/log", [&](std::string_view record) -> Status {
    seen.emplace_back(record);
    return {};
  }, prove);
}

// S2 "When `fsync(2)` has returned 0, the file survives power loss."
TEST(PowerLossTest, ALogKeepsAllThatWasSyncedAndThenAPrefix) {
  std::uint64_t lost = 0;
  for (const std::uint64_t seed : seeds(400)) {
    LossyDisk disk(seed);
    std::mt19937_64 random(seed);
    ASSERT_TRUE(disk.make_dirs("/state"));
    ASSERT_TRUE(disk.sync_dir("/"));
    Records history;  // one record a frame; a rewrite keeps all of them
    std::size_t synced = 0;
    int next = 0;
    for (int life = 0; life < 8; ++life) {
      Records seen;
      auto log = open_log(disk, seen);
      ASSERT_TRUE(log) << log.error().message << ", seed " << seed;
      ASSERT_GE(seen.size(), synced) << "seed " << seed;
      ASSERT_LE(seen.size(), history.size()) << "seed " << seed;
      history.resize(seen.size());
      ASSERT_EQ(seen, history) << "seed " << seed;
      synced = 0;  // what was only appended before a cut may be lost at the next one
      for (auto steps = random() % 12; steps > 0; --steps) {
        switch (random() % 6) {
          case 0:
            ASSERT_TRUE((*log)->sync());
            synced = history.size();
            break;
          case 1:
            ASSERT_TRUE((*log)->rewrite([&](const Log::Record& emit) -> Status {
              for (const std::string& record : history) CD_TRY_VOID(emit(record));
              return {};
            }));
            synced = history.size();
            break;
          default: {
            const Records frame{std::to_string(++next) + std::string(random() % 9'000, 'x')};
            ASSERT_TRUE((*log)->append(frame));
            history.push_back(frame[0]);
          }
        }
      }
      log->reset();
      disk.cut_power();
    }
    lost += disk.bytes_lost() + disk.names_lost();
  }
  EXPECT_GT(lost, 0u);
}

TEST(PowerLossTest, FramesBehindTheLastMarkAreBelievedOnlyAsFarAsTheyAreProven) {
  LossyDisk disk(1);
  ASSERT_TRUE(disk.make_dirs("/state"));
  Records seen;
  {
    auto log = open_log(disk, seen);
    ASSERT_TRUE((*log)->append(Records{"proven"}));
    ASSERT_TRUE((*log)->mark((*log)->last_number(), Records{"size"}));
    for (const char* record : {"good", "bad", "behind"}) ASSERT_TRUE((*log)->append(Records{record}));
  }
  const LogFile::Prove prove = [](const std::vector<LogFile::Frame>& unproven) -> Result<std::size_t> {
    std::size_t good = 0;  // the mark's own frame is one of them
    while (good < unproven.size() && unproven[good] != Records{"bad"}) ++good;
    return good;
  };
  auto log = open_log(disk, seen, prove);
  ASSERT_TRUE(log);
  EXPECT_EQ(seen, (Records{"proven", "size", "good"}));
  EXPECT_GT((*log)->torn_bytes(), 0u);
}

using Tree = std::map<std::string, std::string>;

// A journal that never uploads, through several lives, each ended by a power cut. The model is the list of all trees
// that there were since the last sync.
class PoweredDrive {
 public:
  explicit PoweredDrive(std::uint64_t seed)
      : disk(seed), random_(seed), world_(store_, folder_.path(), options(seed), disk) {}

  void run(int lives) {
    for (int life = 0; life < lives && !::testing::Test::HasFatalFailure(); ++life) {
      live(life);
      cut(life);
    }
  }

  LossyDisk disk;
  std::uint64_t cuts = 0;
  std::uint64_t rolled_back = 0;

 private:
  static JournalOptions options(std::uint64_t seed) {
    JournalOptions out = quick_options();
    out.boot_id = "boot 0 of " + std::to_string(seed);
    return out;
  }
  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }
  std::string name() { return std::string(1, static_cast<char>('a' + pick(4))) + (pick(3) == 0 ? "" : "/" + std::string(1, static_cast<char>('p' + pick(3)))); }
  std::string content() {
    static const std::size_t kSizes[] = {0, 1, 700, 4'096, 9'000, 40'000};
    std::string out(kSizes[pick(6)], '\0');
    const auto first = random_();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(first + i * 31 + i / 256);
    return out;
  }

  void was(const Tree& tree) { states_.push_back(tree); }
  Tree now() { return world_.snapshot(); }

  void live(int life) {
    world_.boot("boot " + std::to_string(life));
    world_.open(false);
    ASSERT_NE(world_.journal, nullptr) << history_;
    const Tree there = now();
    bool known = life == 0;
    for (const Tree& state : states_) known = known || state == there;
    ASSERT_TRUE(known) << "a state that never was:\n" << shown(there) << history_;
    if (!states_.empty() && there != states_.back()) ++rolled_back;
    states_ = {there};
    for (auto steps = pick(14); steps > 0; --steps) step();
  }

  void step() {
    const std::string at = name();
    switch (pick(9)) {
      case 0:
      case 1:
      case 2: {  // as programs save: beside it, (sync), rename over it
        const std::string temporary = at + ".new";
        if (world_.at(temporary)) break;
        const std::string bytes = content();
        history_ += "save " + at + " " + std::to_string(bytes.size()) + "\n";
        if (!save(temporary, bytes)) break;
        if (pick(2) == 0) sync(temporary);
        (void)world_.rename(temporary, at);
        was(now());
        break;
      }
      case 3:
        history_ += "mkdir " + at + "\n";
        (void)world_.mkdir(at);
        break;
      case 4:
        history_ += "unlink " + at + "\n";
        (void)world_.unlink(at);
        break;
      case 5:
      case 6: {
        const std::string to = name();
        history_ += "rename " + at + " " + to + "\n";
        (void)world_.rename(at, to, pick(4) == 0 ? RenameMode::exchange : RenameMode::replace);
        break;
      }
      case 7: sync(at); break;
      default:
        history_ += "sync\n";
        EXPECT_TRUE(world_.journal->sync());
        states_.clear();
    }
    was(now());
  }

  // The file is there empty before it has its bytes, and grows; whatever of that a cut leaves was there once.
  bool save(const std::string& path, const std::string& bytes) {
    const auto in = world_.folder(path);
    if (!in) return false;
    const auto made = world_.names().create(*in, World::name(path), {0644, 1, 2});
    if (!made) return false;
    Tree growing = now();
    was(growing);
    const auto file = world_.names().staged(made->staged).value();
    for (std::size_t at = 0; at < bytes.size(); at += 5'000) {
      EXPECT_TRUE(file->write(at, std::string_view(bytes).substr(at, 5'000)));
      growing[path] = bytes.substr(0, at + 5'000);
      was(growing);
      if (pick(6) == 0) {
        EXPECT_TRUE(world_.journal->sync());  // as thread `sync` does, in the middle of a write
        states_ = {growing};
      }
    }
    EXPECT_TRUE(world_.names().commit(made->ino));
    world_.names().close_for_write(made->ino);
    was(now());
    return true;
  }

  void sync(const std::string& path) {
    const auto entry = world_.at(path);
    if (!entry || entry->record.is_directory()) return;
    history_ += "fsync " + path + "\n";
    EXPECT_TRUE(world_.names().sync(entry->record.ino));
    states_ = {now()};
  }

  void cut(int life) {
    history_ += "-- power cut " + std::to_string(life) + "\n";
    world_.abandon();
    disk.cut_power();
    std::filesystem::remove_all(folder_.path() + "/cache");  // as it would be thrown away
    ++cuts;
  }

  static std::string shown(const Tree& tree) {
    std::string out;
    for (const auto& [path, bytes] : tree) out += "  " + path + " " + std::to_string(bytes.size()) + "\n";
    return out;
  }

  std::mt19937_64 random_;
  TempDirectory folder_{memory_folder()};
  MemoryStore store_{small_parts()};
  World world_;
  std::vector<Tree> states_;  // since the last sync, that one first
  std::string history_;
};

TEST(PowerLossTest, AJournalIsAsItWasAtOneMomentNotBeforeTheLastSync) {
  std::uint64_t cuts = 0;
  std::uint64_t rolled_back = 0;
  for (const std::uint64_t seed : seeds(60)) {
    PoweredDrive drive(seed);
    drive.run(6);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    cuts += drive.cuts;
    rolled_back += drive.rolled_back;
  }
  EXPECT_GT(rolled_back, cuts / 10) << "cuts that lost nothing prove nothing";
}

// A drive of some files on the real disk, closed; then its log is damaged in every way of one kind.
class DamagedLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    World world(store_, folder_.path());
    world.open(false);
    ASSERT_TRUE(world.mkdir("kits"));
    for (const char* name : {"kits/a", "b", "c"}) ASSERT_TRUE(world.write(name, std::string("bytes of ") + name));
    ASSERT_TRUE(world.rename("b", "kits/b"));
    ASSERT_TRUE(world.unlink("c"));
    ASSERT_TRUE(world.journal->sync());
    whole_ = world.snapshot();
    world.close();
    log_ = read_file(system_disk(), path()).value();
  }
  [[nodiscard]] std::string path() const { return folder_.path() + "/state/log"; }

  // How much of a log with these bytes is believed, and the tree that comes of it.
  Tree opened_with(const std::string& bytes, std::uint64_t& believed) {
    const auto keep = std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
    std::filesystem::remove_all(copy());
    std::filesystem::create_directories(copy());
    std::filesystem::copy(folder_.path() + "/state", copy() + "/state", keep);
    EXPECT_TRUE(write_file_atomically(system_disk(), copy() + "/state/log", bytes));
    World world(store_, copy());
    world.open(false);
    if (!world.journal) return {};
    believed = bytes.size() - world.journal->recovery().torn_bytes;
    return world.snapshot();
  }
  [[nodiscard]] std::string copy() const { return folder_.path() + "/copy"; }

  TempDirectory folder_{memory_folder()};
  MemoryStore store_{small_parts()};
  Tree whole_;
  std::string log_;
};

TEST_F(DamagedLogTest, ALongerPrefixNeverRecoversLess) {
  std::uint64_t before = 0;
  for (std::size_t cut = 0; cut <= log_.size(); ++cut) {
    std::uint64_t believed = 0;
    const Tree tree = opened_with(log_.substr(0, cut), believed);
    ASSERT_FALSE(HasFatalFailure()) << cut;
    ASSERT_GE(believed, before) << cut;
    before = believed;
    if (cut == log_.size()) {
      EXPECT_EQ(tree, whole_);
    }
  }
  EXPECT_EQ(before, log_.size());
}

TEST_F(DamagedLogTest, NoFlippedByteKeepsTheDriveFromOpeningAndNoStagedByteIsDestroyed) {
  for (std::size_t at = 0; at < log_.size(); ++at) {
    std::string bad = log_;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    std::uint64_t believed = 0;
    const Tree tree = opened_with(bad, believed);
    ASSERT_FALSE(HasFatalFailure()) << at;
    EXPECT_LE(believed, at < 16 ? bad.size() : at) << "the damaged frame and what follows it is not believed";
    std::size_t kept = 0;
    for (const char* where : {"staged", "orphans"}) {
      if (const auto names = system_disk().list(copy() + "/state/" + where)) kept += names->size();
    }
    EXPECT_GE(kept, 2u) << at;
  }
}

}  // namespace
}  // namespace cd::testing
