// Small JSON files of the state folder.
#include "remote/object_store.h"
#include "tests/fuzz/target.h"

void cd::fuzz::one(std::string_view input) {
  const StoreTraits traits = StoreTraits::from_json(input);
  must(StoreTraits::from_json(traits.to_json()).to_json() == traits.to_json());
}
