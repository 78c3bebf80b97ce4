// RemovedKeys: keys that were removed from the bucket while LISTs were under way. Such a LIST may still show them; what it
// says of them is not to be believed. A LIST that begins later is right, so nothing is kept once all of them have ended.
// Thread-safe; its lock is a leaf.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace cd {

class RemovedKeys {
 public:
  // One LIST: from before its request leaves until its last page is merged.
  class List {
   public:
    explicit List(RemovedKeys& keys) : keys_(keys), begun_(keys.begin()) {}
    ~List() { keys_.end(begun_); }
    List(const List&) = delete;
    List& operator=(const List&) = delete;
    [[nodiscard]] bool hides(std::string_view key) const { return keys_.removed_since(begun_, key, false); }
    // For a common prefix: something below it went meanwhile, and nobody can tell whether anything is left.
    [[nodiscard]] bool hides_below(std::string_view prefix) const { return keys_.removed_since(begun_, prefix, true); }

   private:
    RemovedKeys& keys_;
    const std::uint64_t begun_;
  };

  // The bucket has no such key any more. Called before the tree forgets what it hid there.
  void note(const std::string& key) CD_EXCLUDES(mutex_);
  [[nodiscard]] std::size_t size() const CD_EXCLUDES(mutex_);

 private:
  std::uint64_t begin() CD_EXCLUDES(mutex_);
  void end(std::uint64_t begun) CD_EXCLUDES(mutex_);
  [[nodiscard]] bool removed_since(std::uint64_t begun, std::string_view key, bool below) const CD_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::uint64_t last_ CD_GUARDED_BY(mutex_) = 0;
  std::multiset<std::uint64_t> lists_ CD_GUARDED_BY(mutex_);                          // when each began
  std::map<std::string, std::uint64_t, std::less<>> removed_ CD_GUARDED_BY(mutex_);   // key → when
  std::map<std::uint64_t, std::string> by_time_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd
