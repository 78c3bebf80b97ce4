// ItemLog: the memory of one batch on disk, two files beside each other:
//   <id>.log      a Log of small records: the batch's head and state, its items and their steps; the newest wins
//   <id>.results  what was found out about each content (ItemResult), appended; items point into it
// The results are written before the item that points to them is logged. Each has a checksum: one that was lost
// with the power reads as corrupt, and its item is analysed again.
// append* by one thread at a time; read_result from any thread. The Disk must outlive it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "batch/enrich_book.h"
#include "batch/item.h"
#include "journal/log.h"

namespace cd {

struct BatchHead {  // everything about a batch but its items
  std::string id;
  std::string name;
  std::string folder;  // its name in the inbox; "" = loose files
  BatchState state = BatchState::receiving;
  bool paused = false;
  std::int64_t created_at_ns = 0;
  std::int64_t started_at_ns = 0;
  std::int64_t finished_at_ns = 0;
  std::string note;
  int priority = 0;    // -9 to 9
  bool told = true;    // false: it ended, and its event and command are due
};

struct NumberedItem {
  std::uint32_t number = 0;
  Item item;
};

class ItemLog {
 public:
  struct Contents {
    BatchHead head;
    std::vector<Item> items;  // by number
    EnrichBook enriched;
  };

  // Reads what is there into `contents` (an empty id if nothing is).
  [[nodiscard]] static Result<std::unique_ptr<ItemLog>> open(Disk& disk, const std::string& directory,
                                                             const std::string& id, Contents& contents);
  static void remove(Disk& disk, const std::string& directory, const std::string& id);

  [[nodiscard]] Status append_head(const BatchHead& head);
  // One frame: all or nothing. An item that is new must have the number after the last.
  [[nodiscard]] Status append_items(std::span<const std::uint32_t> numbers, const std::vector<Item>& items);
  [[nodiscard]] Status append_item(std::uint32_t number, const Item& item);
  [[nodiscard]] Result<ResultExtent> append_result(const ItemResult& result);
  [[nodiscard]] Result<ItemResult> read_result(ResultExtent extent) const;

  // The words of an enricher go into the results, before the record that points to them.
  [[nodiscard]] Result<ResultExtent> append_enriched_result(const EnrichResult& result);
  [[nodiscard]] Status append_enriched(const EnrichRecord& record);
  [[nodiscard]] Result<EnrichResult> read_enriched(ResultExtent extent) const;

  // Compacts when most of it is history.
  [[nodiscard]] Status tidy(const BatchHead& head, const std::vector<Item>& items, const EnrichBook& enriched);
  [[nodiscard]] Status sync();

 private:
  [[nodiscard]] Result<ResultExtent> append_bytes(const std::string& body);
  [[nodiscard]] Result<std::string> read_bytes(ResultExtent extent) const;
  ItemLog(std::unique_ptr<Log> log, std::unique_ptr<DiskFile> results, std::uint64_t results_end)
      : log_(std::move(log)), results_(std::move(results)), results_end_(results_end) {}

  const std::unique_ptr<Log> log_;
  const std::unique_ptr<DiskFile> results_;
  std::uint64_t results_end_;
};

}  // namespace cd
