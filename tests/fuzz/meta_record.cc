// Records of the cache, and its mark.
#include "cache/cache_format.h"
#include "cache/meta_record.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  if (const auto record = decode_meta_record(input)) {
    const std::string bytes = encode(*record);
    const auto again = decode_meta_record(bytes);
    must(again.has_value() && encode(*again) == bytes);
  }
  if (const auto mark = CacheMark::parse(input)) (void)is_trusted(mark, "boot", 4096);
}
