// Records and intents of the journal.
#include "journal/record.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  (void)decode_intent(input);
  const auto record = decode_record(input);
  if (!record) return;
  const std::string bytes = encode(*record);
  const auto again = decode_record(bytes);
  must(again.has_value() && encode(*again) == bytes);
}
