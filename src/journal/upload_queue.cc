#include "journal/upload_queue.h"

#include <utility>

namespace cd {

void UploadQueue::set(const std::string& slot, Goal goal) {
  auto [it, fresh] = entries_.try_emplace(slot);
  Entry& entry = it->second;
  if (!fresh) {
    leave(slot, entry);
    const Goal before = std::exchange(entry.goal, std::move(goal));
    if (std::exchange(entry.failed, false)) --failed_;
    remove_reader(slot, before);
  } else {
    entry.goal = std::move(goal);
  }
  add_reader(slot, entry.goal);
  place(slot, entry);
}

void UploadQueue::erase(const std::string& slot) {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  leave(slot, it->second);
  if (it->second.failed) --failed_;
  if (it->second.taken) --taken_;
  const Goal goal = std::move(it->second.goal);
  entries_.erase(it);
  remove_reader(slot, goal);
}

void UploadQueue::add_reader(const std::string& slot, const Goal& goal) {
  if (!goal.reads.empty()) readers_[goal.reads].insert(slot);
}

void UploadQueue::remove_reader(const std::string& slot, const Goal& goal) {
  if (goal.reads.empty()) return;
  const auto it = readers_.find(goal.reads);
  if (it == readers_.end()) return;
  it->second.erase(slot);
  if (it->second.empty()) readers_.erase(it);
  wake(goal.reads);
}

void UploadQueue::wake(const std::string& key) {
  const auto it = blocked_.find(key);
  if (it == blocked_.end()) return;
  const std::set<std::string> slots = it->second;
  for (const std::string& slot : slots) {
    Entry& entry = entries_.at(slot);
    leave(slot, entry);
    place(slot, entry);
  }
}

bool UploadQueue::has_other_reader(const std::string& key, const std::string& slot) const {
  const auto it = readers_.find(key);
  if (it == readers_.end()) return false;
  return it->second.size() > 1 || *it->second.begin() != slot;
}

void UploadQueue::leave(const std::string& slot, Entry& entry) {
  switch (entry.place) {
    case State::waiting: ready_.erase({entry.goal.age, slot}); break;
    case State::delayed: delayed_.erase({entry.goal.not_before_ns, slot}); break;
    case State::blocked: {
      const auto it = blocked_.find(entry.goal.key);
      if (it == blocked_.end()) break;
      it->second.erase(slot);
      if (it->second.empty()) blocked_.erase(it);
      break;
    }
    case State::paused: --paused_; break;
    case State::taken:
    case State::failed: break;
  }
}

void UploadQueue::place(const std::string& slot, Entry& entry) {
  if (entry.taken) {
    entry.place = State::taken;
  } else if (entry.failed) {
    entry.place = State::failed;
  } else if (entry.goal.paused) {
    entry.place = State::paused;
    ++paused_;
  } else if (entry.goal.not_before_ns > 0) {
    entry.place = State::delayed;
    delayed_.insert({entry.goal.not_before_ns, slot});
  } else {
    entry.place = State::waiting;
    ready_.insert({entry.goal.age, slot});
  }
}

std::optional<UploadQueue::Next> UploadQueue::take(std::int64_t now_ns) {
  while (!delayed_.empty() && delayed_.begin()->first <= now_ns) {
    const std::string slot = delayed_.begin()->second;
    Entry& entry = entries_.at(slot);
    leave(slot, entry);
    entry.goal.not_before_ns = 0;
    place(slot, entry);
  }
  while (!ready_.empty()) {
    const std::string slot = ready_.begin()->second;
    Entry& entry = entries_.at(slot);
    leave(slot, entry);
    const bool blocked = has_other_reader(entry.goal.key, slot);
    const bool ring = blocked && in_a_ring(slot);
    if (blocked && !ring) {
      entry.place = State::blocked;
      blocked_[entry.goal.key].insert(slot);
      continue;
    }
    entry.taken = true;
    entry.place = State::taken;
    ++taken_;
    return Next{slot, ring};
  }
  return std::nullopt;
}

// Follows "waits for" from `slot`. A slot waits for every other reader of the key that it changes.
bool UploadQueue::in_a_ring(const std::string& slot) const {
  std::set<std::string> seen;
  std::vector<std::string> todo{slot};
  while (!todo.empty()) {
    const std::string at = std::move(todo.back());
    todo.pop_back();
    const auto entry = entries_.find(at);
    if (entry == entries_.end()) continue;
    const auto readers = readers_.find(entry->second.goal.key);
    if (readers == readers_.end()) continue;
    for (const std::string& reader : readers->second) {
      if (reader == at) continue;
      if (reader == slot) return true;
      if (seen.insert(reader).second) todo.push_back(reader);
    }
  }
  return false;
}

std::optional<std::int64_t> UploadQueue::next_time() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

void UploadQueue::put_back(const std::string& slot, std::int64_t not_before_ns) {
  const auto it = entries_.find(slot);
  if (it == entries_.end() || !it->second.taken) return;
  Entry& entry = it->second;
  leave(slot, entry);
  entry.taken = false;
  --taken_;
  entry.goal.not_before_ns = not_before_ns;
  place(slot, entry);
}

void UploadQueue::postpone(const std::string& slot, std::int64_t not_before_ns) {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  leave(slot, it->second);
  it->second.goal.not_before_ns = not_before_ns;
  place(slot, it->second);
}

void UploadQueue::set_paused(const std::string& slot, bool paused) {
  const auto it = entries_.find(slot);
  if (it == entries_.end() || it->second.goal.paused == paused) return;
  leave(slot, it->second);
  it->second.goal.paused = paused;
  place(slot, it->second);
}

void UploadQueue::set_failed(const std::string& slot) {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  Entry& entry = it->second;
  leave(slot, entry);
  if (std::exchange(entry.taken, false)) --taken_;
  if (!std::exchange(entry.failed, true)) ++failed_;
  place(slot, entry);
}

void UploadQueue::stop_reading(const std::string& slot) {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return;
  leave(slot, it->second);
  const Goal before = it->second.goal;
  it->second.goal.reads.clear();
  place(slot, it->second);
  remove_reader(slot, before);
}

bool UploadQueue::retry(const std::string& slot) {
  const auto it = entries_.find(slot);
  if (it == entries_.end() || !it->second.failed) return false;
  leave(slot, it->second);
  it->second.failed = false;
  --failed_;
  it->second.goal.not_before_ns = 0;
  place(slot, it->second);
  return true;
}

void UploadQueue::hasten(const std::string& slot) {
  const auto it = entries_.find(slot);
  if (it == entries_.end() || it->second.place != State::delayed) return;
  leave(slot, it->second);
  it->second.goal.not_before_ns = 0;
  place(slot, it->second);
}

void UploadQueue::hasten_all() {
  const auto delayed = delayed_;
  for (const auto& [when, slot] : delayed) hasten(slot);
}

std::optional<UploadQueue::State> UploadQueue::state(const std::string& slot) const {
  const auto it = entries_.find(slot);
  if (it == entries_.end()) return std::nullopt;
  return it->second.place;
}

std::int64_t UploadQueue::not_before(const std::string& slot) const {
  const auto it = entries_.find(slot);
  return it == entries_.end() ? 0 : it->second.goal.not_before_ns;
}

}  // namespace cd
