// OpenedStore: what open_store really returns: a store with all its layers, that can be probed and can
// adopt what a probe found. Inner to this room; probe_store and adopt_traits look for it.
#pragma once

#include "base/clock.h"
#include "remote/object_store.h"

namespace cd {

class OpenedStore : public ObjectStore {
 public:
  // Blocking; see probe_store.
  [[nodiscard]] virtual Result<StoreTraits> probe(Millis deadline) = 0;
  virtual void adopt(const StoreTraits& traits) = 0;
};

}  // namespace cd
