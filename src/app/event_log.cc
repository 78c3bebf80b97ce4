#include "app/event_log.h"

#include <nlohmann/json.hpp>

namespace cd {

namespace {

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Result<std::unique_ptr<EventLog>> EventLog::open(Disk& disk, std::string path, const Clock& clock,
                                                 std::uint64_t bytes_max) {
  CD_TRY(auto file, disk.open(path, OpenMode::create));
  CD_TRY(const std::uint64_t size, file->size());
  char last = '\n';
  if (size > 0) CD_TRY_VOID(file->read(size - 1, &last, 1));
  std::unique_ptr<EventLog> log(new EventLog(disk, std::move(path), clock, bytes_max));
  const bool torn = last != '\n';
  {
    MutexLock lock(log->mutex_);
    log->file_ = std::move(file);
    log->size_ = size;
  }
  if (torn) log->append("");
  return log;
}

void EventLog::add(std::string_view kind, const std::vector<Field>& fields) {
  nlohmann::ordered_json json{{"time", format_utc_ms(clock_.wall_ns())}, {"event", kind}};
  for (const auto& [name, value] : fields) json[std::string(name)] = value;
  append(dump(json));
}

void EventLog::add_json(const std::string& text) {
  const auto given = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!given.is_object()) return add("event", {{"text", text}});
  if (given.contains("time")) return append(dump(given));
  nlohmann::ordered_json json{{"time", format_utc_ms(clock_.wall_ns())}};
  json.update(given);
  append(dump(json));
}

std::uint64_t EventLog::size() const {
  MutexLock lock(mutex_);
  return size_;
}

Result<std::string> EventLog::read_at(std::uint64_t offset, std::size_t length) const {
  std::shared_ptr<DiskFile> file;
  {
    MutexLock lock(mutex_);
    if (offset >= size_) return std::string();
    length = std::min<std::uint64_t>(length, size_ - offset);
    file = file_;
  }
  std::string out(length, '\0');
  CD_TRY(const std::size_t n, file->read(offset, out.data(), length));
  out.resize(n);
  return out;
}

void EventLog::append(std::string line) {
  line.push_back('\n');
  MutexLock lock(mutex_);
  if (size_ + line.size() > bytes_max_ && size_ > 0) rotate();
  if (file_->write(size_, line)) size_ += line.size();
}

// If the disk refuses, the present file goes on growing: better than losing what happens now.
void EventLog::rotate() {
  if (!disk_.rename(path_, path_ + ".1")) return;
  auto file = disk_.open(path_, OpenMode::create);
  if (!file) return;
  file_ = std::move(*file);
  size_ = 0;
}

}  // namespace cd
