#include "app/umount_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"
#include "batch/progress.h"

namespace cd {

namespace {

constexpr std::size_t kColumns = 79;
constexpr int kBarColumns = 26;

using Json = nlohmann::json;

std::uint64_t number(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::string word(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

bool flag(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

const Json& object(const Json& json, const char* name) {
  static const Json empty = Json::object();
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? *found : empty;
}

std::string obstacle_of(const Json& store) {
  const std::string state = word(store, "state");
  if (state == "offline") return "offline on purpose";
  if (state != "unreachable" && state != "denied") return "";
  return fmt::format("store {}: {}", state, printable(word(store, "last_error")));
}

}  // namespace

Status DrainProgress::update(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Code::corrupt, "the drive's status.json cannot be read");
  const Json& uploads = object(json, "uploads");
  const std::uint64_t pending = number(json, "pending_uploads");
  failed_ = std::min(pending, number(uploads, "failed"));
  const bool paused = flag(uploads, "paused");
  paused_uploads_ = paused ? pending - failed_ : 0;
  uploads_to_go_ = pending - failed_ - paused_uploads_;
  bytes_per_second_ = uploads.value("bytes_per_second", 0.0);
  batch_files_to_go_ = 0;
  paused_batches_ = 0;
  const auto batches = json.find("batches");
  for (const Json& batch : batches != json.end() && batches->is_array() ? *batches : Json::array()) {
    if (is_final_name(word(batch, "state"))) continue;
    if (paused || flag(batch, "paused")) {
      ++paused_batches_;
      continue;
    }
    const std::uint64_t over = number(batch, "files_done") + number(batch, "files_skipped") + number(batch, "files_failed");
    const std::uint64_t total = number(batch, "files_total");
    batch_files_to_go_ += std::max<std::uint64_t>(1, total - std::min(total, over));
  }
  obstacle_ = obstacle_of(object(json, "store"));
  most_ = std::max(most_, to_go());
  return {};
}

bool DrainProgress::over() const { return to_go() == 0; }

double DrainProgress::fraction() const {
  return most_ == 0 ? 1.0 : 1.0 - static_cast<double>(to_go()) / static_cast<double>(most_);
}

std::string DrainProgress::left_behind() const {
  std::vector<std::string> parts;
  if (failed_ > 0) parts.push_back("failed uploads: " + human_count(failed_));
  if (paused_uploads_ > 0) parts.push_back("paused uploads: " + human_count(paused_uploads_));
  if (paused_batches_ > 0) parts.push_back("paused batches: " + human_count(paused_batches_));
  if (parts.empty()) return "";
  return fmt::format("what is left stays on this machine until the next mount ({})", fmt::join(parts, ", "));
}

std::string drain_line(const DrainProgress& p) {
  std::string text = fmt::format("{} {:>3} %  {} to go", progress_bar(p.fraction(), kBarColumns),
                                 static_cast<int>(p.fraction() * 100), human_count(p.to_go()));
  if (!p.obstacle().empty()) {
    text += "; " + p.obstacle();
  } else if (p.bytes_per_second() >= 1) {
    text += fmt::format(", {}/s", human_bytes(static_cast<std::uint64_t>(p.bytes_per_second())));
  }
  return shorten(text, kColumns);
}

}  // namespace cd
