#include "journal/intent_table.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace cd {
namespace {

Intent intent(IntentKind kind) {
  Intent it;
  it.kind = kind;
  return it;
}

TEST(IntentTableTest, ANameThatChangesItsKindWaitsForTheRemovalOfWhatHadIt) {
  IntentTable table;
  table.set("was file", intent(IntentKind::remove));
  table.set("was folder/", intent(IntentKind::remove));
  table.set("was folder/inside", intent(IntentKind::remove));
  table.set("stays/inside", intent(IntentKind::put));
  EXPECT_TRUE(table.waits_for_removal("was file/"));
  EXPECT_TRUE(table.waits_for_removal("was file/in/side"));
  EXPECT_TRUE(table.waits_for_removal("was folder"));
  EXPECT_FALSE(table.waits_for_removal("was folder/"));
  EXPECT_FALSE(table.waits_for_removal("was folder/other"));
  EXPECT_FALSE(table.waits_for_removal("was file"));
  EXPECT_FALSE(table.waits_for_removal("stays"));
  EXPECT_FALSE(table.waits_for_removal("stays/inside"));
}

TEST(IntentTest, ADeviceComesBackAsItWas) {
  Intent device = intent(IntentKind::put);
  device.attr.type = NodeType::block_device;
  device.attr.device = 0x123456789a;
  const auto back = decode_intent(encode(device));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, device);
}

TEST(IntentTest, TypesAndModeBitsAreOneAndTheSame) {
  for (const NodeType type : {NodeType::file, NodeType::directory, NodeType::symlink, NodeType::fifo, NodeType::socket,
                              NodeType::char_device, NodeType::block_device})
    EXPECT_EQ(type_of_mode(type_bits(type)), type);
  EXPECT_EQ(type_bits(NodeType::socket), static_cast<std::uint32_t>(S_IFSOCK));
}

}  // namespace
}  // namespace cd
