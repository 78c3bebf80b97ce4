// Somebody opens the small files of a folder one after another: what that costs in requests.
#include "tests/fs/drive.h"

namespace cd::testing {
namespace {

class AuditionTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kFiles = 60;

  static std::string path_of(std::size_t n) {
    std::string number = std::to_string(n);
    number.insert(0, 3 - number.size(), '0');
    return (n % 2 == 0 ? "kits/808/" : "kits/909/") + number + ".wav";
  }

  // Half of the files in one folder, half in the next one; `names` is in the order of the tree.
  void SetUp() override {
    for (const std::size_t half : {0u, 1u})
      for (std::size_t n = half; n < kFiles; n += 2) names.push_back(path_of(n));
    for (const std::string& name : names) put(name, "bytes of " + name);
  }
  void put(const std::string& key, const std::string& bytes) {
    PutRequest request;
    request.key = key;
    request.body = share(bytes);
    request.metadata = {{"mtime", "1500000000.5"}, {"mode", "33184"}};
    ASSERT_TRUE(blocking<PutReply>([&](auto done) { drive.bucket.put(request, {}, std::move(done)); }));
  }
  void audition(const std::string& name) {
    const auto handle = drive.open(name, O_RDONLY);
    ASSERT_TRUE(handle) << name;
    const auto bytes = drive.read(*handle, 0, 65'536);
    ASSERT_TRUE(bytes) << name;
    EXPECT_EQ(*bytes, "bytes of " + name);
    drive.fs->release(*handle);
  }

  Drive drive;
  std::vector<std::string> names;
};

TEST_F(AuditionTest, TakesOneGetAFileAndNoHead) {
  for (const std::string& name : names) audition(name);
  EXPECT_EQ(drive.flaky->calls({Verb::get, ""}), kFiles);
  EXPECT_EQ(drive.flaky->calls({Verb::head, ""}), 0u);
}

TEST_F(AuditionTest, WaitsForFewOfItsFiles) {
  for (const std::string& name : names) audition(name);
  EXPECT_GE(drive.metrics->counter_sum("cratedrive_foreseen_files_used_total"), kFiles - 2);
}

TEST_F(AuditionTest, FetchesTheNextFilesBeforeTheyAreOpened) {
  audition(names[0]);
  audition(names[1]);
  for (std::size_t n = 2; n < 6; ++n) drive.flaky->wait_calls({Verb::get, names[n]}, 1);
  EXPECT_EQ(drive.flaky->calls({Verb::get, ""}), 6u);
}

TEST_F(AuditionTest, OneFileAloneFetchesNothingElse) {
  audition(names[0]);
  EXPECT_EQ(drive.flaky->calls({Verb::get, ""}), 1u);
}

TEST_F(AuditionTest, WastesAtMostOneWindow) {
  for (std::size_t n = 0; n < 4; ++n) audition(names[n]);
  const std::uint64_t wasted = drive.metrics->counter_sum("cratedrive_foreseen_files_total") -
                               drive.metrics->counter_sum("cratedrive_foreseen_files_used_total");
  EXPECT_LE(wasted, 16u);
}

TEST_F(AuditionTest, AFileThatWasReadShowsWhatItsObjectSays) {
  audition(names[0]);
  const auto node = drive.stat(names[0]);
  ASSERT_TRUE(node);
  EXPECT_EQ(node->attr.mode, 0640u);
  EXPECT_EQ(node->attr.mtime_ns, 1'500'000'000'500'000'000);
}

TEST_F(AuditionTest, AFileThatWasOnlyOpenedIsAskedFor) {
  const auto handle = drive.open(names[0], O_RDONLY);
  ASSERT_TRUE(handle);
  drive.fs->release(*handle);
  drive.flaky->wait_calls({Verb::head, names[0]}, 1);
}

TEST_F(AuditionTest, WarmFilesTakeNoRequests) {
  for (const std::string& name : names) audition(name);
  drive.flaky->forget_calls();
  for (const std::string& name : names) audition(name);
  EXPECT_EQ(drive.flaky->calls({Verb::get, ""}) + drive.flaky->calls({Verb::head, ""}), 0u);
}

}  // namespace
}  // namespace cd::testing
