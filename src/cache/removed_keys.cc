#include "cache/removed_keys.h"

namespace cd {

void RemovedKeys::note(const std::string& key) {
  MutexLock lock(mutex_);
  if (lists_.empty()) return;
  const auto [it, fresh] = removed_.try_emplace(key, 0);
  if (!fresh) by_time_.erase(it->second);
  it->second = ++last_;
  by_time_.emplace(it->second, key);
}

std::size_t RemovedKeys::size() const {
  MutexLock lock(mutex_);
  return removed_.size();
}

std::uint64_t RemovedKeys::begin() {
  MutexLock lock(mutex_);
  lists_.insert(last_);
  return last_;
}

void RemovedKeys::end(std::uint64_t begun) {
  MutexLock lock(mutex_);
  lists_.erase(lists_.find(begun));
  const std::uint64_t oldest = lists_.empty() ? last_ : *lists_.begin();
  while (!by_time_.empty() && by_time_.begin()->first <= oldest) {
    removed_.erase(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
  }
}

bool RemovedKeys::removed_since(std::uint64_t begun, std::string_view key, bool below) const {
  MutexLock lock(mutex_);
  for (auto it = removed_.lower_bound(key); it != removed_.end(); ++it) {
    if (below ? !it->first.starts_with(key) : it->first != key) return false;
    if (it->second > begun) return true;
  }
  return false;
}

}  // namespace cd
