// The documents that a store answers with.
#include "remote/s3_xml.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  (void)parse_error_document(input);
  (void)parse_upload_id(input);
  if (const auto etag = parse_etag(input)) (void)unquoted(*etag);
  if (const auto list = parse_list(input)) {
    for (const ObjectInfo& object : list->objects) must(object.key.size() <= input.size());
  }
}
