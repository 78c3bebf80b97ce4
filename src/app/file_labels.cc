#include "app/file_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace cd {

namespace {

constexpr std::string_view kSpace = "user.cratedrive.";
constexpr std::size_t kLabelNameMax = 200;  // the kernel takes 255 bytes, the name space included
constexpr std::chrono::seconds kUrlLifetime{3600};
constexpr std::chrono::seconds kUrlLifetimeMax{7 * 24 * 3600};
constexpr std::string_view kOwn[] = {"state", "etag", "version", "url"};

// A label of the object's metadata that can be an attribute's name, and is none of ours.
bool is_label(std::string_view name) {
  return !name.empty() && name.size() <= kLabelNameMax && std::ranges::find(kOwn, name) == std::end(kOwn) &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7F; });
}

Result<MetaRecord> file_at(const MetaStore& meta, std::string_view path) {
  CD_TRY(auto entry, meta.resolve(path));
  if (!entry || entry->record.is_directory()) return fail(Code::not_found, "no file of the library");
  return std::move(entry->record);
}

// "url.600" → 600 s; empty if it is none.
std::optional<std::chrono::seconds> lifetime_of(std::string_view name) {
  if (name == "url") return kUrlLifetime;
  if (!name.starts_with("url.")) return std::nullopt;
  name.remove_prefix(4);
  long seconds = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), seconds);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  if (seconds < 1 || seconds > kUrlLifetimeMax.count()) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace

std::string public_url(std::string base, std::string_view key) {
  while (base.ends_with('/')) base.pop_back();
  base += '/';
  for (const char c : key) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      base += c;
    } else {
      base += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return base;
}

std::function<std::string(const MetaRecord& record)> catalog_urls(const Config& config, const StoreUrl& url) {
  const bool is_public = !config.public_url.empty();
  const std::string base = is_public ? config.public_url : url.to_string();
  const std::string prefix = is_public ? url.prefix : "";  // the bucket's URL has it already
  return [base, prefix](const MetaRecord& record) { return record.remote ? public_url(base, prefix + record.remote->key) : std::string(); };
}

std::vector<std::string> FileLabels::names(std::string_view path) const {
  std::vector<std::string> out;
  const auto record = file_at(parts_.meta, path);
  if (!record) return out;
  out.push_back(std::string(kSpace) + "state");
  if (record->remote) {
    out.push_back(std::string(kSpace) + "etag");
    out.push_back(std::string(kSpace) + "version");
    if (url_of(*record, kUrlLifetime)) out.push_back(std::string(kSpace) + "url");
  }
  for (const auto& [name, value] : record->metadata) {
    if (is_label(name)) out.push_back(std::string(kSpace) + name);
  }
  return out;
}

Result<std::string> FileLabels::value(std::string_view path, std::string_view name) const {
  if (!name.starts_with(kSpace)) return fail(Code::not_found, "no such attribute");
  name.remove_prefix(kSpace.size());
  CD_TRY(const MetaRecord record, file_at(parts_.meta, path));
  if (name == "state") return parts_.journal.state_of(record);
  if (record.remote) {
    if (name == "etag") return record.remote->etag;
    if (name == "version") return record.remote->cache_id.hex();
    if (const auto lifetime = lifetime_of(name)) return url_of(record, *lifetime);
  }
  const auto label = record.metadata.find(std::string(name));
  if (label == record.metadata.end() || !is_label(name)) return fail(Code::not_found, "no such attribute");
  return label->second;
}

Result<std::string> FileLabels::url_of(const MetaRecord& record, std::chrono::seconds lifetime) const {
  const std::string& key = record.remote->key;
  if (!parts_.config.public_url.empty()) return public_url(parts_.config.public_url, parts_.url.prefix + key);
  return parts_.store.presign(key, lifetime);
}

}  // namespace cd
