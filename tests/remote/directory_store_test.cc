// What only a folder that plays a bucket must promise.
#include "remote/directory_store.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "remote/blocking.h"
#include "tests/remote/temp_folder.h"

namespace cd::testing {

class DirectoryStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() { store_ = DirectoryStore::open(folder_.path(), {.workers = 2, .sync = true}).value(); }

  Result<PutReply> put(const std::string& key, const std::string& bytes, Metadata metadata = {}) {
    PutRequest request;
    request.key = key;
    request.body = share(bytes);
    request.metadata = std::move(metadata);
    return blocking<PutReply>([&](auto done) { store_->put(request, {}, std::move(done)); });
  }
  Result<GetReply> get(const std::string& key) {
    return blocking<GetReply>([&](auto done) { store_->get(GetRequest{key, 0, UINT64_MAX, ""}, {}, std::move(done)); });
  }
  std::vector<std::string> keys() {
    ListRequest all;
    all.delimited = false;
    const auto page = blocking<ListReply>([&](auto done) { store_->list(all, {}, std::move(done)); });
    std::vector<std::string> found;
    for (const auto& info : page.value().objects) found.push_back(info.key);
    return found;
  }
  std::set<std::string> all_keys() {  // page by page
    std::set<std::string> found;
    ListRequest request;
    request.delimited = false;
    do {
      const auto page = blocking<ListReply>([&](auto done) { store_->list(request, {}, std::move(done)); });
      EXPECT_TRUE(page);
      for (const auto& info : page->objects) EXPECT_TRUE(found.insert(info.key).second) << info.key;
      request.token = page->next_token;
    } while (!request.token.empty());
    return found;
  }
  std::string path(const std::string& name) { return folder_.path() + "/" + name; }
  void write(const std::string& name, const std::string& bytes) { std::ofstream(path(name)) << bytes; }
  static Code code_of(const auto& result) { return result ? Code{255} : result.error().code; }

  TempFolder folder_;
  std::unique_ptr<DirectoryStore> store_;
};

TEST_F(DirectoryStoreTest, AnObjectIsAPlainFileThatOthersRead) {
  ASSERT_TRUE(put("Drums/kick.wav", "bytes"));
  std::string bytes;
  std::ifstream(path("Drums/kick.wav")) >> bytes;
  EXPECT_EQ(bytes, "bytes");
}

TEST_F(DirectoryStoreTest, AFileThatOthersWroteIsAnObjectWhoseEtagFollowsItsContent) {
  write("foreign.txt", "one");
  const auto first = get("foreign.txt");
  ASSERT_TRUE(first);
  EXPECT_EQ(*first->body, "one");
  write("foreign.txt", "longer");
  EXPECT_NE(get("foreign.txt")->head.info.etag, first->head.info.etag);
}

TEST_F(DirectoryStoreTest, AnEtagOfOursDoesNotOutliveAForeignEdit) {
  const auto stored = put("k", "ours");
  ASSERT_TRUE(stored);
  write("k", "theirs!");
  EXPECT_NE(get("k")->head.info.etag, stored->etag);
}

TEST_F(DirectoryStoreTest, EtagsAndLabelsSurviveAReopening) {
  const auto stored = put("k", "bytes", {{"bpm", "93"}});
  store_.reset();
  open();
  const auto back = get("k");
  ASSERT_TRUE(back);
  EXPECT_EQ(back->head.info.etag, stored->etag);
  EXPECT_EQ(back->head.metadata, (Metadata{{"bpm", "93"}}));
}

TEST_F(DirectoryStoreTest, SymlinksLeadNowhere) {
  TempFolder outside;
  std::ofstream(outside.path() + "/secret") << "secret";
  std::filesystem::create_directory_symlink(outside.path(), path("link"));
  std::filesystem::create_symlink(outside.path() + "/secret", path("file"));
  EXPECT_EQ(code_of(get("link/secret")), Code::not_found);
  EXPECT_EQ(code_of(get("file")), Code::not_found);
  EXPECT_EQ(code_of(put("link/new", "x")), Code::not_directory);
  EXPECT_FALSE(std::filesystem::exists(outside.path() + "/new"));
  EXPECT_TRUE(keys().empty());
}

TEST_F(DirectoryStoreTest, AFileAndAFolderCannotShareAName) {
  ASSERT_TRUE(put("a", "file"));
  EXPECT_EQ(code_of(put("a/b", "x")), Code::not_directory);
  ASSERT_TRUE(put("d/x", "file"));
  EXPECT_EQ(code_of(put("d", "x")), Code::is_directory);
  EXPECT_EQ(*get("d/x")->body, "file");
}

TEST_F(DirectoryStoreTest, AFolderThatIsEmptyShowsAsItsMarker) {
  std::filesystem::create_directories(path("made/by/mkdir"));
  EXPECT_EQ(keys(), std::vector<std::string>{"made/by/mkdir/"});
}

TEST_F(DirectoryStoreTest, AFolderOfManyIsListedAsItIsAlsoWhenOthersChangeIt) {
  std::filesystem::create_directory(path("many"));
  for (int n = 0; n < 3'500; ++n) write("many/" + std::to_string(n), "");
  struct timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};  // what was read then may be kept
  ASSERT_EQ(::utimensat(AT_FDCWD, path("many").c_str(), long_ago, 0), 0);
  EXPECT_EQ(all_keys().size(), 3'500u);
  EXPECT_EQ(all_keys().size(), 3'500u);
  write("many/new", "");
  std::filesystem::remove(path("many/77"));
  std::filesystem::create_directory(path("many/folder"));
  write("many/folder/inside", "");
  const auto now = all_keys();
  EXPECT_EQ(now.size(), 3'501u);
  EXPECT_TRUE(now.contains("many/new") && now.contains("many/folder/inside") && !now.contains("many/77"));
}

TEST_F(DirectoryStoreTest, LabelsThatDoNotFitAreRefusedAndLeaveNothing) {
  EXPECT_EQ(code_of(put("k", "x", {{"long", std::string(100'000, 'x')}})), Code::too_large);
  EXPECT_TRUE(keys().empty());
  EXPECT_TRUE(std::filesystem::is_empty(path(".cratedrive-tmp")));
}

TEST_F(DirectoryStoreTest, AMissingFolderIsNamedWithItsCure) {
  const auto store = DirectoryStore::open(folder_.path() + "/nobody", {});
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("mkdir -p"), std::string::npos);
}

}  // namespace cd::testing
