#include "app/sync_memory.h"

#include <nlohmann/json.hpp>

namespace cd {

namespace {

using Json = nlohmann::json;
constexpr const char* kFirstLine = "{\"cratedrive-sync\":1}";

}  // namespace

void SyncMemory::load() {
  records.clear();
  const auto text = read_file(disk_, file_);
  if (!text || !text->starts_with(kFirstLine)) return;
  for (std::size_t at = text->find('\n'); at != std::string::npos && at + 1 < text->size();) {
    const std::size_t end = std::min(text->find('\n', at + 1), text->size());
    const Json line = Json::parse(std::string_view(*text).substr(at + 1, end - at - 1), nullptr, false);
    if (line.is_array() && line.size() == 4 && line[0].is_string() && line[1].is_number_unsigned() &&
        line[2].is_number_integer() && line[3].is_string())
      records[line[0].get<std::string>()] = {{line[1].get<std::uint64_t>(), line[2].get<std::int64_t>()}, line[3].get<std::string>()};
    at = end == text->size() ? std::string::npos : end;
  }
}

Status SyncMemory::save() const {
  std::string text = kFirstLine;
  text += '\n';
  for (const auto& [path, record] : records)
    text += Json::array({path, record.local.size, record.local.mtime_ns, record.etag}).dump() + '\n';
  CD_TRY_VOID(make_dirs_durably(disk_, folder_of_path(file_)));
  return write_file_atomically(disk_, file_, text);
}

}  // namespace cd
