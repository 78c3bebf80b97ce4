// A log file as it may lie on a damaged disk: it opens or is refused, and what it gives does not change by being opened.
#include "journal/log_file.h"
#include "journal/record.h"
#include "tests/fuzz/target.h"
#include "tests/support/lossy_disk.h"

void cd::fuzz::one(std::string_view input) {
  cd::testing::LossyDisk disk(1);
  must(disk.make_dirs("/tmp").has_value());
  must(write_file_atomically(disk, "/tmp/log", input).has_value());
  std::vector<std::string> first;
  std::vector<std::string> second;
  const auto into = [](std::vector<std::string>& out) {
    return [&out](std::string_view record) -> Status {
      out.emplace_back(record);
      (void)decode_record(record);
      return {};
    };
  };
  const LogFile::Prove prove = [](const std::vector<LogFile::Frame>& unproven) -> Result<std::size_t> {
    return unproven.size() / 2;
  };
  if (!LogFile::open(disk, "/tmp/log", into(first), prove)) return;
  must(LogFile::open(disk, "/tmp/log", into(second)).has_value());
  must(first == second);
}
