// Power loss and the memory of a batch: what was synced is there with its results, what was not is a prefix, and
// a result that was torn says so.
#include <gtest/gtest.h>

#include <random>

#include "batch/item_log.h"
#include "tests/support/lossy_disk.h"

namespace cd {
namespace {

constexpr const char* kId = "2024-batch";

Item item_of(int number, ResultExtent result) {
  Item item;
  item.path = "kick " + std::to_string(number) + ".wav";
  item.result = result;
  item.step = Step::ready;
  return item;
}

ItemResult result_of(int number) {
  ItemResult result;
  result.etag_single = std::to_string(number);
  result.report_json = std::string(static_cast<std::size_t>(200 + number * 700 % 6'000), 'r');
  return result;
}

TEST(BatchPowerLossTest, WhatWasSyncedIsThereWithItsResultsAndTheRestIsAPrefix) {
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    testing::LossyDisk disk(seed);
    std::mt19937_64 random(seed);
    ASSERT_TRUE(make_dirs_durably(disk, "/tmp/cratedrive-power"));
    std::uint32_t synced = 0;
    for (int life = 0; life < 4; ++life) {
      ItemLog::Contents contents;
      auto log = ItemLog::open(disk, "/tmp/cratedrive-power", kId, contents);
      ASSERT_TRUE(log) << log.error().message << ", seed " << seed;
      std::vector<Item> items = contents.items;
      ASSERT_GE(items.size(), synced) << "seed " << seed;
      if (synced > 0) {
        ASSERT_EQ(contents.head.id, kId) << "seed " << seed;
      }
      for (std::uint32_t n = 0; n < items.size(); ++n) {
        ASSERT_EQ(items[n].path, item_of(static_cast<int>(n), {}).path);
        const auto result = (*log)->read_result(items[n].result);
        if (n < synced) {
          ASSERT_TRUE(result) << "seed " << seed;
        }
        if (result) {
          ASSERT_EQ(result->report_json, result_of(static_cast<int>(n)).report_json);
        } else {
          ASSERT_EQ(result.error().code, Code::corrupt);
        }
      }
      synced = 0;
      BatchHead head;
      head.id = kId;
      ASSERT_TRUE((*log)->append_head(head));
      for (auto steps = random() % 10; steps > 0; --steps) {
        if (random() % 5 == 0) {
          ASSERT_TRUE((*log)->sync());
          synced = static_cast<std::uint32_t>(items.size());
          continue;
        }
        const auto number = static_cast<std::uint32_t>(items.size());
        const auto extent = (*log)->append_result(result_of(static_cast<int>(number)));
        ASSERT_TRUE(extent);
        items.push_back(item_of(static_cast<int>(number), *extent));
        ASSERT_TRUE((*log)->append_item(number, items.back()));
      }
      // An older life's results may have been torn; only what this life wrote and synced has to be whole.
      if (synced > 0) {
        for (std::uint32_t n = 0; n < synced; ++n) {
          if (!(*log)->read_result(items[n].result)) synced = std::min(synced, n);
        }
      }
      log->reset();
      disk.cut_power();
    }
    lost += disk.bytes_lost() + disk.names_lost();
  }
  EXPECT_GT(lost, 0u);
}

}  // namespace
}  // namespace cd
