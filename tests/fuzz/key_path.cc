// Keys as names and back; names that would leave their place.
#include "batch/junk.h"
#include "batch/placement.h"
#include "cache/key_path.h"
#include "cache/tree_cache.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  for (const std::string& part : pieces(input, '/')) {
    const auto name = name_of_part(part);
    if (name) {
      must(!name->empty() && name->size() <= 255 && *name != "." && *name != "..");
      must(name->find('/') == std::string::npos && name->find('\0') == std::string::npos);
      must(part_of_name(*name) == part);
    }
    (void)part_of_name(part);
    (void)twin_name(part);
    (void)junk_kind(part);
    const std::string safe = safe_part(part);
    must(safe != "." && safe != ".." && safe.find('/') == std::string::npos);
  }
  (void)key_of_path(input, false);
  (void)is_reserved_name(input);
  if (validate_template(input)) {
    PlacementFields fields;
    fields.path = "a/../b.wav";
    const std::string at = place(input, fields, {"inbox"});
    must(!at.empty() && at.front() != '/');
  }
}
