#include "cache/key_path.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/text.h"
#include "cache/tree_cache.h"

namespace cd {
namespace {

TEST(KeyPathTest, PartsThatAreNamesStayAsTheyAre) {
  for (const std::string part : {"kick.wav", "100%", "a b", "…", "%2f", "Grüße", "~", "a\nb"}) {
    EXPECT_EQ(name_of_part(part), part);
    EXPECT_EQ(part_of_name(part), part);
  }
}

TEST(KeyPathTest, PartsThatCannotBeNamesAreEscaped) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "%2F"},          {".", "%2F."},           {"..", "%2F.."},
      {"%2Fx", "%2F%252Fx"}, {"\xff", "%2F%FF"},      {"\xff%", "%2F%FF%25"},
      {std::string("a\0b", 3), "%2Fa%00b"},
  };
  for (const auto& [part, name] : table) {
    EXPECT_EQ(name_of_part(part), name);
    EXPECT_EQ(part_of_name(name), part);
  }
}

TEST(KeyPathTest, ATwinStandsForTheSamePartUnderAnotherName) {
  EXPECT_EQ(twin_name("a"), "%2Fa");
  EXPECT_EQ(part_of_name("%2Fa"), "a");
  EXPECT_EQ(part_of_name(*twin_name("50%")), "50%");
}

TEST(KeyPathTest, PartsThatAreTooLongCannotBeShown) {
  EXPECT_TRUE(name_of_part(std::string(255, 'a')));
  EXPECT_FALSE(name_of_part(std::string(256, 'a')));
  EXPECT_FALSE(name_of_part(std::string(100, '\xff')));
}

TEST(KeyPathTest, PathsBecomeKeys) {
  EXPECT_EQ(key_of_path("Drums/kick.wav", false), "Drums/kick.wav");
  EXPECT_EQ(key_of_path("Drums", true), "Drums/");
  EXPECT_EQ(key_of_path("", true), "");
  EXPECT_EQ(key_of_path("a/%2F/b", false), "a//b");
  EXPECT_EQ(key_of_path("%2F", true), "/");
  EXPECT_EQ(key_of_path("a/%2F", false), "a/");
}

TEST(KeyPathTest, EveryPartComesBackAndNoTwoPartsShareAName) {
  EXPECT_TRUE(rc::check([] {
    const auto alphabet = rc::gen::element('a', '%', '2', 'F', '.', '\xff', '\0', '\xc3', '\xa4', ' ');
    const auto one = *rc::gen::container<std::string>(alphabet);
    const auto two = *rc::gen::container<std::string>(alphabet);
    const auto name = name_of_part(one);
    if (!name) return;
    RC_ASSERT(part_of_name(*name) == one);
    RC_ASSERT(name->find('/') == std::string::npos && name->find('\0') == std::string::npos);
    RC_ASSERT(!name->empty() && *name != "." && *name != ".." && is_valid_utf8(*name));
    const auto other = name_of_part(two);
    if (other && one != two) RC_ASSERT(*name != *other);
  }));
}

}  // namespace
}  // namespace cd
