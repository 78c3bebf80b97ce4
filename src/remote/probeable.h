// Probeable: a store that can find out what its server honours, and adopt what was found. Inner to this
// room; probe_store and adopt_traits look for it in what open_store returned.
#pragma once

#include "base/clock.h"
#include "remote/object_store.h"

namespace cd {

class Probeable {
 public:
  virtual ~Probeable() = default;

  // Blocking; see probe_store.
  [[nodiscard]] virtual Result<StoreTraits> probe(Millis deadline) = 0;
  virtual void adopt(const StoreTraits& traits) = 0;
};

// Of any store: one that cannot be probed (a test's) is what it says of itself.
[[nodiscard]] inline Result<StoreTraits> probe_any(ObjectStore& store, Millis deadline) {
  auto* probeable = dynamic_cast<Probeable*>(&store);
  return probeable == nullptr ? store.traits() : probeable->probe(deadline);
}
inline void adopt_any(ObjectStore& store, const StoreTraits& traits) {
  if (auto* probeable = dynamic_cast<Probeable*>(&store)) probeable->adopt(traits);
}

}  // namespace cd
