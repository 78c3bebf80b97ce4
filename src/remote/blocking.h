// blocking(): calls an asynchronous verb and waits for its answer. For threads that may wait (upload,
// commands, tests); never for fuse-N, net or batch threads.
//
//   CD_TRY(auto head, blocking<ObjectHead>([&](auto done) { store.head(key, options, std::move(done)); }));
#pragma once

#include <memory>
#include <optional>

#include "base/mutex.h"
#include "remote/object_store.h"

namespace cd {

template <class T, class Start>
[[nodiscard]] Result<T> blocking(Start&& start) {
  struct Box {
    Mutex mutex;
    CondVar ready;
    std::optional<Result<T>> answer;
  };
  auto box = std::make_shared<Box>();
  start(Done<T>([box](Result<T> answer) {
    MutexLock lock(box->mutex);
    box->answer.emplace(std::move(answer));
    box->ready.notify_one();
  }));
  MutexLock lock(box->mutex);
  while (!box->answer) box->ready.wait(box->mutex);
  return std::move(*box->answer);
}

}  // namespace cd
