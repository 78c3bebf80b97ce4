#include "cache/list_ahead.h"

#include <algorithm>

namespace cd {
namespace {

constexpr std::int64_t kSoonNs = 10'000'000'000;
constexpr int kSteps = 2;

// As a walk comes by: a folder before what is in it, and names in their order.
bool is_behind(std::string_view folder, std::string_view before) {
  return std::lexicographical_compare(before.begin(), before.end(), folder.begin(), folder.end(), [](char a, char b) {
    const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
    return rank(a) < rank(b);
  });
}

// A key before all of a folder's, its marker included, and behind nearly all that come before them ("Kit.wav").
std::string just_before(const std::string& prefix) { return prefix.substr(0, prefix.size() - 1) + ".~"; }

}  // namespace

ListAhead::Plan ListAhead::plan(const std::string& prefix, std::int64_t now_ns) {
  const bool soon = !prefix_.empty() && now_ns - asked_ns_ < kSoonNs;
  steps_ = !soon ? 0 : is_behind(prefix, prefix_) ? steps_ + 1 : steps_;
  prefix_ = prefix;
  asked_ns_ = now_ns;
  const bool known_until = until_ && now_ns - listed_ns_ < kSoonNs;
  const bool ended_inside = known_until && prefix >= until_->from && until_->last.starts_with(prefix);
  if (ended_inside) return {true, prefix, until_->last, until_->begun};
  if (steps_ < kSteps) return {};
  return {true, prefix, just_before(prefix), std::nullopt};
}

void ListAhead::note_page(ListedUntil until, std::int64_t now_ns) {
  until_ = std::move(until);
  listed_ns_ = now_ns;
}

void ListAhead::forget() {
  until_.reset();
  steps_ = 0;
}

bool is_ascending(std::span<const ObjectInfo> page) {
  return std::is_sorted(page.begin(), page.end(), [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
}

std::vector<std::string> folders_shown_whole(std::span<const ObjectInfo> page, std::string_view prefix, std::string_view from,
                                             std::string_view last) {
  std::vector<std::string> whole;
  for (const ObjectInfo& object : page) {
    const std::string_view key = object.key;
    if (!key.starts_with(prefix)) continue;
    for (auto slash = key.find('/', prefix.size()); slash != std::string_view::npos; slash = key.find('/', slash + 1)) {
      const std::string_view folder = key.substr(0, slash + 1);
      if (folder < from || (!last.empty() && last.starts_with(folder))) continue;
      if (whole.empty() || whole.back() != folder) whole.emplace_back(folder);
      break;
    }
  }
  return whole;
}

}  // namespace cd
