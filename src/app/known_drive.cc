#include "app/known_drive.h"

#include <nlohmann/json.hpp>

namespace cd {

std::optional<KnownDrive> recall_drive(Disk& disk, const std::string& state_dir) {
  const auto text = read_file(disk, state_dir + "/drive.json");
  if (!text) return std::nullopt;
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("url") || !json["url"].is_string()) return std::nullopt;
  KnownDrive drive;
  drive.url = json["url"].get<std::string>();
  drive.traits = StoreTraits::from_json(json.contains("traits") ? json["traits"].dump() : "{}");
  return drive;
}

Status remember_drive(Disk& disk, const std::string& state_dir, const KnownDrive& drive) {
  nlohmann::ordered_json json{{"url", drive.url}};
  json["traits"] = nlohmann::ordered_json::parse(drive.traits.to_json(), nullptr, false);
  const std::string text = json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return write_file_atomically(disk, state_dir + "/drive.json", text);
}

}  // namespace cd
