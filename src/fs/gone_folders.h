// GoneFolders: what the last folders were that were removed. A program that still has one open, or stands in it,
// may ask for its attributes. Bounded: the oldest are forgotten. Thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "cache/meta_record.h"

namespace cd {

class GoneFolders {
 public:
  void add(InodeId ino, const Attributes& attr) {
    MutexLock lock(mutex_);
    if (gone_.size() >= kMost) gone_.pop_front();
    gone_.emplace_back(ino, attr);
  }

  [[nodiscard]] std::optional<Attributes> find(InodeId ino) const {
    MutexLock lock(mutex_);
    for (const auto& [number, attr] : gone_)
      if (number == ino) return attr;
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kMost = 256;
  mutable Mutex mutex_;
  std::deque<std::pair<InodeId, Attributes>> gone_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
