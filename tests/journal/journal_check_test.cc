// fsck of a journal: what it finds, that a look changes nothing, and that a repair throws away nobody's only bytes.
#include "journal/journal_check.h"

#include "tests/journal/world.h"

namespace cd::testing {
namespace {

class JournalCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    World world(store_, folder_.path());
    world.open(false);
    ASSERT_TRUE(world.write("a", "bytes of a"));
    ASSERT_TRUE(world.write("b", "bytes of b"));
    ASSERT_TRUE(world.unlink("b"));
    ASSERT_TRUE(world.journal->sync());
    world.close();
  }
  std::vector<Finding> look(bool repair = false) {
    auto checked = check_journal(system_disk(), state(), repair);
    EXPECT_TRUE(checked);
    return checked ? checked->findings : std::vector<Finding>{};
  }
  [[nodiscard]] std::string state() const { return folder_.path() + "/state"; }
  [[nodiscard]] std::string staged() const {
    const auto names = system_disk().list(state() + "/staged").value();
    return names.size() == 1 ? state() + "/staged/" + names[0] : "";
  }

  TempDirectory folder_;
  MemoryStore store_{small_parts()};
};

TEST_F(JournalCheckTest, AJournalThatIsWellHasNoFindings) {
  EXPECT_TRUE(look().empty());
  EXPECT_TRUE(look(true).empty());
}

TEST_F(JournalCheckTest, MissingAndChangedBytesAreDamageAndStayAsTheyAre) {
  const std::string path = staged();
  ASSERT_TRUE(write_file_atomically(system_disk(), path, "bytes of X"));
  auto found = look(true);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].subject, "a");
  EXPECT_EQ(found[0].level, Finding::Level::damage);
  EXPECT_TRUE(found[0].open());
  EXPECT_EQ(read_file(system_disk(), path).value(), "bytes of X");
  ASSERT_TRUE(system_disk().remove(path));
  found = look(true);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].level, Finding::Level::damage);
}

TEST_F(JournalCheckTest, ALookChangesNothingAndARepairKeepsTheTail) {
  const std::string log = read_file(system_disk(), state() + "/log").value();
  const std::string torn = log + "half a frame";
  ASSERT_TRUE(write_file_atomically(system_disk(), state() + "/log", torn));
  const auto found = look();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].open());
  EXPECT_EQ(read_file(system_disk(), state() + "/log").value(), torn);
  const auto repaired = look(true);
  ASSERT_GE(repaired.size(), 1u);
  EXPECT_FALSE(repaired[0].open());
  EXPECT_EQ(read_file(system_disk(), state() + "/log").value(), log);
  EXPECT_EQ(read_file(system_disk(), state() + "/lost+found/log-tail").value(), "half a frame");
}

TEST_F(JournalCheckTest, TwoStraysOfOneNameAreBothKept) {
  for (const char* bytes : {"first", "second"}) {
    ASSERT_TRUE(write_file_atomically(system_disk(), state() + "/staged/00000000000000ff", bytes));
    ASSERT_FALSE(look(true).empty());
  }
  EXPECT_EQ(read_file(system_disk(), state() + "/lost+found/00000000000000ff").value(), "first");
  EXPECT_EQ(read_file(system_disk(), state() + "/lost+found/00000000000000ff.1").value(), "second");
}

TEST_F(JournalCheckTest, ALogOfANewerProgramIsDamageThatIsNotTouched) {
  std::string log = read_file(system_disk(), state() + "/log").value();
  log[8] = 9;
  log[12] = static_cast<char>(log[12] ^ 0x55);
  ASSERT_TRUE(write_file_atomically(system_disk(), state() + "/log", log));
  const auto found = look(true);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].level, Finding::Level::damage);
  EXPECT_EQ(read_file(system_disk(), state() + "/log").value(), log);
  EXPECT_NE(staged(), "") << "what it speaks of is no stray";
}

}  // namespace
}  // namespace cd::testing
