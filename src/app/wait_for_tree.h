// wait_for_tree: until the whole tree is known, an error came, or a stop was asked for. For threads that may wait;
// the answer that comes too late finds nobody and does no harm.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>

#include "base/mutex.h"
#include "cache/tree_cache.h"

namespace cd {

[[nodiscard]] inline Status wait_for_tree(TreeCache& tree, const std::stop_token& stop) {
  struct Box {
    Mutex mutex;
    CondVar ready;
    std::optional<Status> answer;
    void put(Status status) {
      MutexLock lock(mutex);
      if (!answer) answer.emplace(std::move(status));
      ready.notify_all();
    }
  };
  const auto box = std::make_shared<Box>();
  tree.load_tree(kRootInode, [box](Status known) { box->put(std::move(known)); });
  const std::stop_callback on_stop(stop, [box] { box->put(fail(Code::cancelled, "stopped")); });
  MutexLock lock(box->mutex);
  while (!box->answer) box->ready.wait(box->mutex);
  return std::move(*box->answer);
}

}  // namespace cd
