#include "tests/remote/store_contract.h"

#include "remote/digest.h"

namespace cd::testing {

#define ASSERT_OK(result) ASSERT_TRUE(result) << (result).error().message
#define EXPECT_OK(result) EXPECT_TRUE(result) << (result).error().message

TEST_P(StoreContract, WhatWasPutComesBackWithItsLabels) {
  PutRequest request;
  request.key = "Drums/kick 808 #1.wav";
  request.body = share(std::string("RIFF\0\x01\xff bytes", 13));
  request.content_type = "audio/x-wav";
  request.metadata = {{"mtime", "1700000000.25"}, {"title", "Größe 🎵"}, {"note", "  two  blanks "}, {"word", "=?x?="}};
  const auto stored = put(request);
  ASSERT_OK(stored);
  const auto back = get(request.key);
  ASSERT_OK(back);
  EXPECT_EQ(*back->body, *request.body);
  EXPECT_EQ(back->head.info.etag, stored->etag);
  EXPECT_EQ(back->head.info.size, request.body->size());
  EXPECT_EQ(back->head.content_type, "audio/x-wav");
  EXPECT_EQ(back->head.metadata, request.metadata);
  const auto looked = head(request.key);
  ASSERT_OK(looked);
  EXPECT_EQ(looked->metadata, request.metadata);
  EXPECT_EQ(looked->info.etag, stored->etag);
  EXPECT_GT(looked->info.modified_ns, 0);
}

TEST_P(StoreContract, RangesAreClippedAtTheEndOfTheObject) {
  ASSERT_OK(put("digits", "0123456789"));
  const struct {
    std::uint64_t offset, length;
    std::string expected;
  } cases[] = {{0, 4, "0123"},          {3, 4, "3456"},   {8, 100, "89"},  {9, 1, "9"},
               {10, 5, ""},             {50, 5, ""},      {0, 0, ""},      {4, UINT64_MAX, "456789"},
               {0, UINT64_MAX, "0123456789"}};
  for (const auto& c : cases) {
    const auto reply = get("digits", c.offset, c.length);
    ASSERT_OK(reply) << c.offset << "+" << c.length;
    EXPECT_EQ(*reply->body, c.expected) << c.offset << "+" << c.length;
    EXPECT_EQ(reply->head.info.size, 10u);
  }
}

TEST_P(StoreContract, AnEmptyObjectIsAnObject) {
  ASSERT_OK(put("empty", ""));
  const auto reply = get("empty");
  ASSERT_OK(reply);
  EXPECT_EQ(*reply->body, "");
  EXPECT_EQ(reply->head.info.size, 0u);
}

TEST_P(StoreContract, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(code_of(get("nothing")), Code::not_found);
  EXPECT_EQ(code_of(get("no/such/folder/x")), Code::not_found);
  EXPECT_EQ(code_of(head("nothing")), Code::not_found);
  EXPECT_OK(remove("nothing"));
  EXPECT_OK(remove("no/such/folder/x"));
}

TEST_P(StoreContract, IfAbsentLetsOnlyTheFirstIn) {
  ASSERT_OK(put("once", "first", Condition::if_absent()));
  EXPECT_EQ(code_of(put("once", "second", Condition::if_absent())), Code::precondition_failed);
  EXPECT_EQ(*get("once")->body, "first");
}

TEST_P(StoreContract, IfMatchReplacesOnlyTheVersionThatWasMeant) {
  const auto first = put("file", "one");
  ASSERT_OK(first);
  const auto second = put("file", "two", Condition::if_match(first->etag));
  ASSERT_OK(second);
  EXPECT_EQ(code_of(put("file", "three", Condition::if_match(first->etag))), Code::precondition_failed);
  EXPECT_EQ(code_of(put("absent", "x", Condition::if_match(first->etag))), Code::precondition_failed);
  EXPECT_EQ(*get("file")->body, "two");
}

TEST_P(StoreContract, AGetMayBePinnedToAVersion) {
  const auto first = put("file", "one");
  ASSERT_OK(first);
  EXPECT_OK(get(GetRequest{"file", 0, 2, first->etag}));
  ASSERT_OK(put("file", "two!"));
  EXPECT_EQ(code_of(get(GetRequest{"file", 0, 2, first->etag})), Code::precondition_failed);
}

TEST_P(StoreContract, RemoveTakesOnlyTheVersionThatWasMeant) {
  const auto first = put("file", "one");
  ASSERT_OK(first);
  const auto second = put("file", "two");
  ASSERT_OK(second);
  EXPECT_EQ(code_of(remove("file", first->etag)), Code::precondition_failed);
  EXPECT_OK(head("file"));
  EXPECT_OK(remove("file", second->etag));
  EXPECT_EQ(code_of(head("file")), Code::not_found);
}

TEST_P(StoreContract, ListingsAreInKeyOrderAndGroupFolders) {
  for (const char* key : {"b.wav", "a/1", "a/2/x", "a.txt", "a0", "Z", "c/"}) ASSERT_OK(put(key, ""));
  const auto top = list({});
  ASSERT_OK(top);
  std::vector<std::string> keys;
  for (const auto& info : top->objects) keys.push_back(info.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"Z", "a.txt", "a0", "b.wav"}));
  EXPECT_EQ(top->folders, (std::vector<std::string>{"a/", "c/"}));
  ListRequest all;
  all.delimited = false;
  EXPECT_EQ(all_keys(all), (std::vector<std::string>{"Z", "a.txt", "a/1", "a/2/x", "a0", "b.wav", "c/"}));
  ListRequest below;
  below.prefix = "a/";
  const auto inside = list(below);
  ASSERT_OK(inside);
  ASSERT_EQ(inside->objects.size(), 1u);
  EXPECT_EQ(inside->objects[0].key, "a/1");
  EXPECT_EQ(inside->folders, std::vector<std::string>{"a/2/"});
  ListRequest nothing;
  nothing.prefix = "nobody/";
  EXPECT_TRUE(list(nothing)->objects.empty());
}

TEST_P(StoreContract, PagesTogetherAreTheWholeListing) {
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    expected.push_back("d/" + std::string(1, static_cast<char>('a' + i)));
    ASSERT_OK(put(expected.back(), "x"));
  }
  ListRequest request;
  request.prefix = "d/";
  request.max_keys = 7;
  EXPECT_EQ(all_keys(request), expected);
  request.delimited = false;
  EXPECT_EQ(all_keys(request), expected);
  request.after = "d/m";
  EXPECT_EQ(all_keys(request), std::vector<std::string>(expected.begin() + 13, expected.end()));
}

TEST_P(StoreContract, KeysMayHoldAnyCharacterAPathMay) {
  const std::vector<std::string> keys = {"a b+c%2F&=?.wav", "quote\"'<>.wav", "tab\tnew\nline", "ünïcode/Ωmega 🥁.wav"};
  for (const std::string& key : keys) {
    ASSERT_OK(put(key, key));
    const auto back = get(key);
    ASSERT_OK(back);
    EXPECT_EQ(*back->body, key);
  }
  ListRequest all;
  all.delimited = false;
  EXPECT_EQ(all_keys(all), keys);
}

TEST_P(StoreContract, AFoldersMarkerIsAnObjectAndItsFolderListsIt) {
  ASSERT_OK(put("kits/", ""));
  const auto marker = head("kits/");
  ASSERT_OK(marker);
  EXPECT_EQ(marker->info.size, 0u);
  ListRequest inside;
  inside.prefix = "kits/";
  auto page = list(inside);
  ASSERT_OK(page);
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].key, "kits/");
  ASSERT_OK(put("kits/a", "x"));
  ASSERT_OK(remove("kits/a"));
  EXPECT_OK(head("kits/")) << "a marker that was put stays when the last file goes";
  ASSERT_OK(remove("kits/"));
  EXPECT_EQ(code_of(head("kits/")), Code::not_found);
}

TEST_P(StoreContract, TheLastFileOfAFolderTakesTheFolderAlong) {
  ASSERT_OK(put("one/two/file", "x"));
  ASSERT_OK(remove("one/two/file"));
  const auto page = list({});
  ASSERT_OK(page);
  EXPECT_TRUE(page->folders.empty());
  EXPECT_TRUE(page->objects.empty());
}

TEST_P(StoreContract, ACopyHasTheBytesAndItsOwnLabels) {
  PutRequest source;
  source.key = "from";
  source.body = share("bytes");
  source.metadata = {{"old", "1"}};
  const auto stored = put(source);
  ASSERT_OK(stored);
  CopyRequest request;
  request.source_key = "from";
  request.source_etag = stored->etag;
  request.key = "deep/to";
  request.content_type = "audio/flac";
  request.metadata = {{"new", "2"}};
  ASSERT_OK(copy(request));
  const auto back = get("deep/to");
  ASSERT_OK(back);
  EXPECT_EQ(*back->body, "bytes");
  EXPECT_EQ(back->head.metadata, request.metadata);
  EXPECT_EQ(back->head.content_type, "audio/flac");
  request.source_etag = "00000000000000000000000000000000";
  EXPECT_EQ(code_of(copy(request)), Code::precondition_failed);
  request.source_etag = stored->etag;
  request.condition = Condition::if_absent();
  EXPECT_EQ(code_of(copy(request)), Code::precondition_failed);
  request.condition = Condition::none();
  request.source_key = "nothing";
  request.source_etag = "";
  EXPECT_EQ(code_of(copy(request)), Code::not_found);
}

TEST_P(StoreContract, ACopyOntoItselfChangesTheLabelsOnly) {
  const auto stored = put("file", "bytes");
  ASSERT_OK(stored);
  CopyRequest request;
  request.source_key = request.key = "file";
  request.source_etag = stored->etag;
  request.metadata = {{"bpm", "93"}};
  ASSERT_OK(copy(request));
  const auto back = get("file");
  ASSERT_OK(back);
  EXPECT_EQ(*back->body, "bytes");
  EXPECT_EQ(back->head.metadata, request.metadata);
  EXPECT_EQ(back->head.info.etag, stored->etag);
}

TEST_P(StoreContract, PartsBecomeOneObjectWithTheLabelsOfTheBeginning) {
  PutRequest request;
  request.key = "long/file";
  request.content_type = "audio/x-wav";
  request.metadata = {{"bpm", "120"}};
  const auto upload = begin(request);
  ASSERT_OK(upload);
  const std::string big(store().traits().part_bytes_min, 'b');
  ASSERT_OK(put("source", big + "tail"));
  FinishRequest end{*upload, {}, Condition::if_absent()};
  PartRequest second{.upload = *upload, .number = 2, .body = share("end"), .source_key = {}, .source_etag = {}};
  PartRequest first{.upload = *upload, .number = 1, .body = nullptr, .source_key = "source", .source_etag = {}};
  first.source_length = big.size();
  const auto sent = part(second);
  ASSERT_OK(sent);
  const auto copied = part(first);
  ASSERT_OK(copied);
  EXPECT_EQ(code_of(head("long/file")), Code::not_found) << "nothing shows before the end";
  end.parts = {*copied, *sent};
  const auto done = finish(end);
  ASSERT_OK(done);
  const auto back = head("long/file");
  ASSERT_OK(back);
  EXPECT_EQ(back->info.size, big.size() + 3);
  EXPECT_EQ(back->info.etag, done->etag);
  EXPECT_EQ(back->metadata, request.metadata);
  EXPECT_EQ(*get("long/file", big.size() - 1, 10)->body, "bend");
}

TEST_P(StoreContract, AFinishKeepsItsCondition) {
  ASSERT_OK(put("taken", "x"));
  PutRequest request;
  request.key = "taken";
  const auto upload = begin(request);
  ASSERT_OK(upload);
  const auto sent = part({.upload = *upload, .number = 1, .body = share("part"), .source_key = {}, .source_etag = {}});
  ASSERT_OK(sent);
  EXPECT_EQ(code_of(finish({*upload, {*sent}, Condition::if_absent()})), Code::precondition_failed);
  EXPECT_EQ(*get("taken")->body, "x");
  EXPECT_OK(abort(*upload));
}

TEST_P(StoreContract, AnAbortedUploadIsGoneAndMayBeAbortedAgain) {
  PutRequest request;
  request.key = "given-up";
  const auto upload = begin(request);
  ASSERT_OK(upload);
  ASSERT_OK(part({.upload = *upload, .number = 1, .body = share("part"), .source_key = {}, .source_etag = {}}));
  EXPECT_OK(abort(*upload));
  EXPECT_OK(abort(*upload));
  EXPECT_EQ(code_of(head("given-up")), Code::not_found);
  ListRequest all;
  all.delimited = false;
  EXPECT_TRUE(all_keys(all).empty());
}

TEST_P(StoreContract, ACancelledRequestSaysSo) {
  std::stop_source stop;
  stop.request_stop();
  const auto answer = blocking<ObjectHead>([&](auto done) {
    store().head("x", CallOptions{.deadline = Millis(60'000), .cancel = stop.get_token()}, std::move(done));
  });
  EXPECT_EQ(code_of(answer), Code::cancelled);
}

TEST_P(StoreContract, ManyRequestsAtOnceAreAllAnswered) {
  Mutex mutex;
  CondVar ready;
  int answered = 0;
  constexpr int kRequests = 300;
  for (int i = 0; i < kRequests; ++i) {
    PutRequest request;
    request.key = "many/" + std::to_string(i);
    request.body = share(std::to_string(i));
    store().put(std::move(request), {}, [&](Result<PutReply> reply) {
      MutexLock lock(mutex);
      EXPECT_OK(reply);
      ++answered;
      ready.notify_one();
    });
  }
  MutexLock lock(mutex);
  while (answered < kRequests) ready.wait(mutex);
  lock.unlock();
  ListRequest all;
  all.prefix = "many/";
  all.max_keys = 100;
  EXPECT_EQ(all_keys(all).size(), static_cast<std::size_t>(kRequests));
}

}  // namespace cd::testing
