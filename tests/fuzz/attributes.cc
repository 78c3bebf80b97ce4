// x-amz-meta headers of strangers: lines "name: value".
#include "cache/tree_cache.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  ObjectHead head;
  head.info.key = "a/b";
  for (const std::string& line : pieces(input)) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) head.metadata[line.substr(0, colon)] = line.substr(colon + 2);
  }
  MetaRecord record;
  apply_metadata(head, record);
  must((record.attr.mode & ~07777u) == 0);
  ObjectHead ours;
  ours.info = head.info;
  ours.metadata = metadata_of(record);
  MetaRecord again;
  apply_metadata(ours, again);
  must(again.xattrs == record.xattrs);
  must(again.attr.mtime_ns == record.attr.mtime_ns);
}
