// Smart folders over a tree of its own: what is in them, how links are called, pages, and names from outside.
#include "app/smart_folders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "app/smart_names.h"
#include "base/disk.h"

namespace cd {
namespace {

class SmartFoldersTest : public ::testing::Test {
 protected:
  SmartFoldersTest() {
    char name[] = "/tmp/cratedrive-smart-XXXXXX";
    directory_ = ::mkdtemp(name);
    MetaStoreOptions options;
    options.directory = directory_ + "/cache";
    meta_ = std::move(*MetaStore::open(options, system_disk(), system_clock()));
    smart_ = std::make_unique<SmartFolders>(*meta_, 1);
  }
  ~SmartFoldersTest() override {
    meta_.reset();
    std::filesystem::remove_all(directory_);
  }
  void put(const std::string& path, const Metadata& labels, const std::string& etag = "") {
    const auto slash = path.rfind('/');
    ASSERT_TRUE(meta_->write([&](MetaStore::Writer& w) -> Status {
      CD_TRY(const InodeId parent, w.make_folders(slash == std::string::npos ? "" : path.substr(0, slash)));
      return add(w, parent, path.substr(slash + 1), labels, etag);
    }));
  }
  static Status add(MetaStore::Writer& w, InodeId parent, const std::string& name, const Metadata& labels,
                    const std::string& etag = "") {
    MetaRecord record;
    record.ino = w.new_inode();
    record.attr.size = 10;
    record.metadata = labels;
    if (!etag.empty()) record.remote = RemoteVersion{name, etag, 10, {}};
    return w.put(parent, name, record);
  }
  // Through pages of `page`; checks that each link is found again and leads to a file.
  std::vector<std::string> list(const std::string& folder, std::size_t page = 1'000) {
    std::vector<std::string> names;
    std::string after;
    while (true) {
      const auto got = smart_->list(folder, after, page);
      EXPECT_TRUE(got) << folder << ": " << (got ? "" : got.error().message);
      if (!got) return names;
      for (const VirtualNode& node : got->nodes) {
        names.push_back(node.name);
        const auto found = smart_->find(folder + "/" + node.name);
        EXPECT_TRUE(found) << folder << "/" << node.name;
        if (found && found->type == VirtualNode::Type::symlink) {
          EXPECT_TRUE(leads_to_a_file(folder, found->target)) << found->target;
        }
      }
      if (got->last || got->nodes.empty()) return names;
      after = got->nodes.back().cursor;
    }
  }
  bool leads_to_a_file(const std::string& folder, std::string_view target) {
    for (auto ups = std::ranges::count(folder, '/') + 2; ups > 0; --ups) {
      if (!target.starts_with("../")) return false;
      target.remove_prefix(3);
    }
    const auto entry = meta_->resolve(target);
    return entry && *entry && !(*entry)->record.is_directory();
  }
  std::string target(const std::string& path) {
    const auto found = smart_->find(path);
    return found ? found->target : "error: " + found.error().message;
  }
  using Names = std::vector<std::string>;

  std::string directory_;
  std::unique_ptr<MetaStore> meta_;
  std::unique_ptr<SmartFolders> smart_;
};

const Metadata kLoop{{"kind", "loop"}, {"bpm", "95"}, {"bpm-source", "name"}, {"camelot", "8A"}, {"key-source", "tag"}};

TEST_F(SmartFoldersTest, ASampleIsInEachFolderThatItBelongsTo) {
  put("Drums/break.wav", kLoop);
  EXPECT_EQ(list("by-bpm"), Names{"090-099"});
  EXPECT_EQ(list("by-key"), Names{"8A Am"});
  EXPECT_EQ(list("by-kind"), Names{"loop"});
  for (const char* folder : {"by-bpm/090-099", "by-key/8A Am", "by-kind/loop", "recent", "search/break", "search/bpm:90-99"})
    EXPECT_EQ(list(folder), Names{"break.wav"}) << folder;
  EXPECT_EQ(target("by-bpm/090-099/break.wav"), "../../../Drums/break.wav");
  EXPECT_EQ(target("recent/break.wav"), "../../Drums/break.wav");
}

TEST_F(SmartFoldersTest, WhatIsUnsureIsApart) {
  put("a.wav", {{"bpm", "95"}, {"bpm-source", "heard"}, {"bpm-confidence", "0.2"}});
  EXPECT_EQ(list("by-bpm"), Names{"unsure"});
  EXPECT_EQ(list("by-bpm/unsure"), Names{"a.wav"});
  EXPECT_FALSE(smart_->find("by-key/unsure"));
}

TEST_F(SmartFoldersTest, EqualNamesShowTheirFoldersWhereverAPageEnds) {
  for (const char* folder : {"A", "B/C", "D (x)"}) put(std::string(folder) + "/kick.wav", kLoop);
  put("kick.wav", kLoop);
  put("other.wav", kLoop);
  const std::set<std::string> wanted{"kick (A).wav", "kick (B›C).wav", "kick (D (x)).wav", "kick (›).wav", "other.wav"};
  for (std::size_t page = 1; page < 6; ++page) {
    const Names names = list("by-kind/loop", page);
    EXPECT_EQ(names.size(), wanted.size());
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), wanted) << "pages of " << page;
  }
  EXPECT_EQ(target("by-kind/loop/kick (B›C).wav"), "../../../B/C/kick.wav");
}

TEST_F(SmartFoldersTest, ANameThatCannotShowItsFolderShowsItsNumber) {
  put("odd›folder/kick.wav", kLoop);
  put(std::string(250, 'x') + "/kick.wav", kLoop);
  const Names names = list("by-kind/loop");
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 2u);
  for (const std::string& name : names) EXPECT_LE(name.size(), 255u);
}

TEST_F(SmartFoldersTest, ContentThatIsThereTwiceIsADuplicate) {
  put("A/kick.wav", kLoop, "etag1");
  put("B/boom.wav", kLoop, "etag1");
  put("C/alone.wav", kLoop, "etag2");
  const Names groups = list("duplicates");
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(list("duplicates/" + groups[0]), (Names{"kick.wav", "boom.wav"}));
}

TEST_F(SmartFoldersTest, SearchesFindByWordsAndLabels) {
  put("Vinyl/Dusty Kick.wav", {{"kind", "one-shot"}, {"class", "kick"}, {"duration", "0.4"}});
  put("Clean/kick.wav", {{"kind", "one-shot"}, {"duration", "0.2"}});
  put("Clean/loop 95.wav", kLoop);
  EXPECT_EQ(list("search/kick").size(), 2u);
  EXPECT_EQ(list("search/kick -vinyl"), Names{"kick.wav"});
  EXPECT_EQ(list("search/clean"), (Names{"kick.wav", "loop 95.wav"}));
  EXPECT_EQ(list("search/kind:kick"), Names{"Dusty Kick.wav"});
  EXPECT_EQ(list("search/dur:<0.3"), Names{"kick.wav"});
  EXPECT_EQ(list("search/key:9A"), Names{"loop 95.wav"});
  EXPECT_EQ(list("search/nothing like that"), Names{});
  EXPECT_FALSE(smart_->find("search/kick -vinyl/Dusty Kick.wav"));
}

TEST_F(SmartFoldersTest, ASearchThatIsNotUnderstoodSaysSo) {
  ASSERT_TRUE(smart_->find("search/bpm:fast"));
  EXPECT_EQ(list("search/bpm:fast"), Names{"NOT UNDERSTOOD.txt"});
  EXPECT_NE(smart_->render("search/bpm:fast/NOT UNDERSTOOD.txt")->find("\"bpm:fast\" is not understood"), std::string::npos);
  EXPECT_NE(smart_->render("search/README.txt")->find("bpm:90-100"), std::string::npos);
}

TEST_F(SmartFoldersTest, NamesThatAreNoneAreNotFound) {
  put("a.wav", kLoop);
  for (const char* path : {"by-bpm/095-099", "by-bpm/200-209", "by-key/8A", "by-key/8A Bm", "by-kind/..", "by-kind/loop/b.wav",
                           "by-kind/loop/a (B).wav", "by-kind/loop/a ~ffff.wav", "by-kind/loop/a.wav/x", "search/.git",
                           "duplicates/x", "duplicates/x ~0000000000000000", "recent/b.wav", "recent/a.wav/x"})
    EXPECT_FALSE(smart_->find(path)) << path;
  EXPECT_FALSE(smart_->list("by-kind/loop/a.wav", "", 10));
}

TEST_F(SmartFoldersTest, AFolderThatMovesTakesItsLinksAlong) {
  put("Old/a.wav", kLoop);
  ASSERT_TRUE(meta_->write([](MetaStore::Writer& w) { return w.move(kRootInode, "Old", kRootInode, "New"); }));
  EXPECT_EQ(target("by-kind/loop/a.wav"), "../../../New/a.wav");
}

TEST_F(SmartFoldersTest, ManySamplesComeInPagesOfBoundedSize) {
  constexpr int kFiles = 50'000;
  ASSERT_TRUE(meta_->write([](MetaStore::Writer& w) -> Status {
    CD_TRY(const InodeId parent, w.make_folders("Many"));
    for (int i = 0; i < kFiles; ++i)
      CD_TRY_VOID(add(w, parent, "s" + std::to_string(i) + ".wav", {{"kind", i % 10'000 == 0 ? "loop" : "one-shot"}}));
    return {};
  }));
  const auto first = smart_->list("by-kind/one-shot", "", 1'000);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->nodes.size(), 1'000u);
  EXPECT_FALSE(first->last);
  EXPECT_EQ(list("search/kind:loop", 2).size(), 5u) << "a sparse search goes on over many rows";
  EXPECT_EQ(list("recent").size(), 500u);
}

}  // namespace
}  // namespace cd
