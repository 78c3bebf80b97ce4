// The log of a batch with records of any bytes in good frames, and a result file of any bytes.
#include "batch/item_log.h"
#include "tests/fuzz/target.h"
#include "tests/support/lossy_disk.h"

void cd::fuzz::one(std::string_view input) {
  (void)decode_item_result(input);
  cd::testing::LossyDisk disk(1);
  must(disk.make_dirs("/tmp/batch").has_value());
  {
    auto log = Log::open(disk, "/tmp/batch/b.log", [](std::string_view) { return Status{}; });
    must(log.has_value());
    const std::vector<std::string> frame = pieces(input, '\xff');
    must((*log)->append(frame).has_value());
  }
  must(write_file_atomically(disk, "/tmp/batch/b.results", input).has_value());
  ItemLog::Contents contents;
  const auto log = ItemLog::open(disk, "/tmp/batch", "b", contents);
  if (!log) return;
  for (const Item& item : contents.items) {
    if (item.result.length < input.size()) (void)(*log)->read_result(item.result);
  }
}
