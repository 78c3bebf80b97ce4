#include "base/rare.h"

#include <gtest/gtest.h>

#include <string>

namespace cd {
namespace {

TEST(RareTest, IsAValueThatCostsAPointerWhereItIsEmpty) {
  static_assert(sizeof(Rare<std::string>) == sizeof(void*));
  Rare<std::string> rare;
  EXPECT_FALSE(rare);
  EXPECT_EQ(rare, Rare<std::string>(std::nullopt));
  rare = std::string("one");
  Rare<std::string> copy = rare;
  *copy += " more";
  EXPECT_EQ(*rare, "one");
  EXPECT_EQ(copy->size(), 8u);
  EXPECT_FALSE(copy == rare);
  rare = copy;
  EXPECT_EQ(rare, copy);
  const Rare<std::string>& same = rare;
  rare = same;
  EXPECT_EQ(*rare, "one more");
  rare.reset();
  EXPECT_FALSE(rare.has_value());
  rare.emplace() = "two";
  EXPECT_EQ(*rare, "two");
}

TEST(RareTest, GoesForAnOptionalAndBack) {
  const std::optional<std::string> optional = Rare<std::string>(std::optional<std::string>("x"));
  EXPECT_EQ(optional, "x");
  const std::optional<std::string> none = Rare<std::string>();
  EXPECT_FALSE(none);
  EXPECT_FALSE(Rare<std::string>(none));
}

}  // namespace
}  // namespace cd
