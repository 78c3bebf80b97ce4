// Reconnector: looks whether a store that was away is back, and then lets the work go on. One thread
// (`reconnect`): asleep while the store answers; else it asks after 1, 2, 4, … 30 s, or at once when poked.
// A store that was never probed (mounted offline) is probed as soon as it answers.
// Whoever else's request gets through first also counts: the health tells.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "journal/journal.h"
#include "remote/open_store.h"

namespace cd {

class Reconnector {
 public:
  using Probed = std::function<void(const StoreTraits& traits)>;
  // `probed` is called on the thread when a late probe succeeded. All references outlive this.
  Reconnector(ObjectStore& store, const StoreUrl& url, StoreHealth& health, Journal& journal, Probed probed);
  ~Reconnector();

  void start(bool probe_needed);
  void stop();  // the thread has ended when it returns; poke() may still come
  // From an observer of the health, or a command: look now. Never blocks.
  void poke();

 private:
  void run(const std::stop_token& stop);
  bool wait(const std::stop_token& stop, Millis pause);
  bool ask(const std::stop_token& stop);

  ObjectStore& store_;
  const StoreUrl& url_;
  StoreHealth& health_;
  Journal& journal_;
  const Probed probed_;

  Mutex mutex_;
  CondVar wake_;
  bool poked_ CD_GUARDED_BY(mutex_) = false;
  bool stopping_ CD_GUARDED_BY(mutex_) = false;

  bool probe_needed_ = false;  // only on the thread, once started
  Thread thread_;
};

}  // namespace cd
