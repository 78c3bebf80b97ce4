// Keys that are longer than a store takes.
#include "remote/long_keys.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "remote/blocking.h"
#include "remote/long_key_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

namespace {

std::string deep_folder(int levels, char letter = 'p') {
  std::string folder;
  for (int i = 0; i < levels; ++i) folder += std::string(99, letter) + "/";
  return folder;
}

}  // namespace

TEST(LongKeysTest, AKeyThatFitsIsStoredAsItIs) {
  const LongKeys keys;
  EXPECT_EQ(keys.stored("Drums/kick.wav"), "Drums/kick.wav");
  EXPECT_EQ(keys.stored(std::string(1'024, 'k')), std::string(1'024, 'k'));
  EXPECT_EQ(keys.stored(deep_folder(10) + std::string(24, 'n')), deep_folder(10) + std::string(24, 'n'));
}

TEST(LongKeysTest, ALongerOneKeepsItsNameBelowAPlaceOfItsFolder) {
  const LongKeys keys;
  const std::string folder = deep_folder(10);
  const std::string name(25, 'n');
  EXPECT_EQ(keys.stored(folder + name), keys.place_of(folder) + name);
  EXPECT_EQ(keys.stored(folder + name + "/"), keys.place_of(folder) + name + "/") << "a folder's marker lies in the one above";
  EXPECT_NE(keys.place_of(folder), keys.place_of(deep_folder(10, 'q')));
  EXPECT_LE(keys.stored(deep_folder(90) + std::string(255, 'n')).size(), 512u);
  // What the page about formats says of it.
  EXPECT_EQ(keys.place_of("a/"), ".cratedrive/long/b3dda5b674f9ce730a37dee0a33bb31e/");
}

TEST(LongKeysTest, OnlyFoldersThatMayHoldALongKeyAreAskedAbout) {
  const LongKeys keys;
  EXPECT_FALSE(keys.may_hold_long(deep_folder(7)));
  EXPECT_TRUE(keys.may_hold_long(deep_folder(8)));
  EXPECT_TRUE(keys.folders_to_ask(deep_folder(7) + "kick.wav").empty());
  EXPECT_EQ(keys.folders_to_ask(deep_folder(9) + "kick.wav"), (std::vector<std::string>{deep_folder(8), deep_folder(9)}));
  EXPECT_EQ(keys.folders_to_ask(deep_folder(8)), std::vector<std::string>{deep_folder(8)}) << "its marker shows it";
}

class LongKeyStoreTest : public ::testing::Test {
 protected:
  LongKeyStoreTest() {
    auto memory = std::make_unique<MemoryStore>();
    memory_ = memory.get();
    store_ = std::make_unique<LongKeyStore>(std::move(memory), LongKeys{});
  }

  void put(const std::string& key, const std::string& bytes = "x") {
    PutRequest request;
    request.key = key;
    request.body = share(key.ends_with('/') ? "" : bytes);
    ASSERT_TRUE(blocking<PutReply>([&](auto done) { store_->put(request, {}, std::move(done)); })) << key.size();
  }
  // Folders with their markers, as the drive makes them, and three files in each.
  std::set<std::string> fill(int levels) {
    std::set<std::string> keys;
    for (int level = 0; level <= levels; ++level) {
      const std::string folder = deep_folder(level);
      if (level > 0) keys.insert(folder);
      keys.insert({folder + "a", folder + std::string(255, 'n'), folder + "z" + std::string(200, 'z')});
    }
    for (const std::string& key : keys) put(key);
    return keys;
  }
  ListReply page(ListRequest request) {
    return blocking<ListReply>([&](auto done) { store_->list(std::move(request), {}, std::move(done)); }).value();
  }
  // As the tree is walked, folder by folder.
  std::set<std::string> walk(const std::string& folder, int max_keys) {
    std::set<std::string> keys;
    ListRequest request;
    request.prefix = folder;
    request.max_keys = max_keys;
    do {
      const ListReply reply = page(request);
      for (const ObjectInfo& object : reply.objects) keys.insert(object.key);
      for (const std::string& below : reply.folders) keys.merge(walk(below, max_keys));
      request.token = reply.next_token;
    } while (!request.token.empty());
    return keys;
  }

  std::unique_ptr<LongKeyStore> store_;
  MemoryStore* memory_ = nullptr;
};

TEST_F(LongKeyStoreTest, NothingBelowSeesAKeyOverTheLimit) {
  fill(14);
  for (const std::string& key : memory_->keys()) EXPECT_LE(key.size(), 1'024u);
}

TEST_F(LongKeyStoreTest, AWalkFolderByFolderShowsEveryKey) {
  const auto keys = fill(14);
  EXPECT_EQ(walk("", 1'000), keys);
  EXPECT_EQ(walk("", 1), keys) << "page by page";
}

TEST_F(LongKeyStoreTest, AFlatListShowsEveryKeyAndMarkersBeforeWhatLiesBelow) {
  const auto keys = fill(14);
  for (const int max_keys : {1'000, 5, 1}) {
    ListRequest request;
    request.delimited = false;
    request.max_keys = max_keys;
    std::set<std::string> seen;
    do {
      const ListReply reply = page(request);
      for (const ObjectInfo& object : reply.objects) {
        const std::string folder(folder_of_key(object.key));
        EXPECT_TRUE(folder.size() <= 1'024 || seen.contains(folder)) << folder.size();
        seen.insert(object.key);
      }
      request.token = reply.next_token;
    } while (!request.token.empty());
    EXPECT_EQ(seen, keys) << max_keys << " a page";
  }
}

// Who turns from a flat LIST to a delimited one goes on behind the last key of the page.
TEST_F(LongKeyStoreTest, AFlatPageThatIsNotTheLastEndsWithAKeyToGoOnBehind) {
  const auto keys = fill(12);
  ListRequest request;
  request.prefix = deep_folder(9);
  request.delimited = false;
  request.max_keys = 2;
  const ListReply first = page(request);
  ASSERT_FALSE(first.next_token.empty());
  EXPECT_LE(first.objects.back().key.size(), 1'024u);
  request.delimited = true;
  request.after = first.objects.back().key;
  std::set<std::string> seen;
  for (const ObjectInfo& object : first.objects) seen.insert(object.key);
  do {
    const ListReply reply = page(request);
    for (const ObjectInfo& object : reply.objects) seen.insert(object.key);
    request.token = reply.next_token;
  } while (!request.token.empty());
  for (const std::string& key : keys) {
    const bool wanted = folder_of_key(key) == request.prefix && !key.ends_with('/');
    EXPECT_TRUE(!wanted || seen.contains(key)) << key.size();
  }
}

TEST_F(LongKeyStoreTest, APrefixMayEndInsideAName) {
  fill(12);
  for (const bool delimited : {true, false}) {
    ListRequest request;
    request.prefix = deep_folder(12) + "z";
    request.delimited = delimited;
    std::vector<std::string> seen;
    do {
      const ListReply reply = page(request);
      for (const ObjectInfo& object : reply.objects) seen.push_back(object.key);
      EXPECT_TRUE(reply.folders.empty());
      request.token = reply.next_token;
    } while (!request.token.empty());
    EXPECT_EQ(seen, std::vector<std::string>{deep_folder(12) + "z" + std::string(200, 'z')});
  }
}

TEST_F(LongKeyStoreTest, EveryVerbTakesALongKeyAndGivesItBack) {
  const std::string from = deep_folder(11) + "from";
  const std::string to = deep_folder(12) + "to";
  put(from, "bytes");
  const auto got = blocking<GetReply>([&](auto done) { store_->get({from, 0, UINT64_MAX, ""}, {}, std::move(done)); });
  ASSERT_TRUE(got);
  EXPECT_EQ(*got->body, "bytes");
  EXPECT_EQ(got->head.info.key, from);
  CopyRequest copy;
  copy.source_key = from;
  copy.key = to;
  ASSERT_TRUE(blocking<PutReply>([&](auto done) { store_->copy(copy, {}, std::move(done)); }));
  ASSERT_TRUE(blocking<void>([&](auto done) { store_->remove(from, "", {}, std::move(done)); }));
  const auto head = [&](const std::string& key) {
    return blocking<ObjectHead>([&](auto done) { store_->head(key, {}, std::move(done)); });
  };
  EXPECT_EQ(head(from).error().code, Code::not_found);
  ASSERT_TRUE(head(to));
  EXPECT_EQ(head(to)->info.key, to);
}

TEST_F(LongKeyStoreTest, AMultipartUploadOfALongKeyIsKnownByThatKey) {
  const std::string key = deep_folder(11) + "large";
  PutRequest request;
  request.key = key;
  FinishRequest finish;
  finish.upload = blocking<UploadId>([&](auto done) { store_->multipart_begin(request, {}, std::move(done)); }).value();
  EXPECT_EQ(finish.upload.key, key);
  PartRequest part;
  part.upload = finish.upload;
  part.body = share("only part");
  finish.parts.push_back(blocking<Part>([&](auto done) { store_->multipart_part(part, {}, std::move(done)); }).value());
  ASSERT_TRUE(blocking<PutReply>([&](auto done) { store_->multipart_finish(finish, {}, std::move(done)); }));
  EXPECT_EQ(memory_->bytes_of(LongKeys{}.stored(key)), "only part");
  UploadId second = blocking<UploadId>([&](auto done) { store_->multipart_begin(request, {}, std::move(done)); }).value();
  EXPECT_TRUE(blocking<void>([&](auto done) { store_->multipart_abort(second, {}, std::move(done)); }));
  EXPECT_EQ(memory_->open_uploads(), 0u);
}

}  // namespace cd::testing
