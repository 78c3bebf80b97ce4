// Daemon: one mounted drive. It builds the rooms in order, connects them, serves, and takes them down in reverse;
// the order of its members is that order.
//
// start() either gives a daemon whose drive is mounted, or the sentence for the user, and then nothing is left
// behind. run() serves until the drive is unmounted (by a command or from outside) or a signal comes; the
// destructor stops without draining: what is pending goes on at the next mount. Whatever hangs, the process is gone
// a few seconds after the end was asked for: after that only a kill -9 would be left, and the journal survives that.
// start() is called before the process has any thread.
#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "app/drive_place.h"
#include "app/exit_code.h"
#include "remote/open_store.h"

namespace cd {

struct MountPlan {  // all that can be known before the daemon begins
  StoreUrl url;
  Config config;
  DrivePlace place;
  std::string mount_point;  // absolute
  bool foreground = false;
};

class Daemon {
 public:
  [[nodiscard]] static tl::expected<std::unique_ptr<Daemon>, Outcome> start(const MountPlan& plan);
  ~Daemon();

  // What the user should know beside "mounted": "" or, say, "the store is away; …".
  [[nodiscard]] const std::string& note() const;
  [[nodiscard]] Outcome run();

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cd
