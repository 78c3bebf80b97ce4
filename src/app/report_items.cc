#include "app/report_items.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "remote/blocking.h"

namespace cd {

namespace {

constexpr std::uint64_t kPiece = 1u << 20;
constexpr std::size_t kLineMax = 1u << 20;  // no item of ours is as long
constexpr std::size_t kItemsAVisit = 500;
constexpr std::size_t kLabelMax = 512;

using Json = nlohmann::json;

std::string word(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool parse(const std::string& line, ReportItem& item) {
  const std::string text = line.ends_with(',') ? line.substr(0, line.size() - 1) : line;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("state") || json.contains("items")) return false;
  item.path = word(json, "destination");
  if (item.path.empty()) item.path = word(json, "twin");
  const auto bytes = json.find("bytes");
  if (item.path.empty() || bytes == json.end() || !bytes->is_number_unsigned()) return false;
  item.bytes = bytes->get<std::uint64_t>();
  if (const auto etags = json.find("etags"); etags != json.end() && etags->is_array())
    for (const Json& etag : *etags)
      if (etag.is_string()) item.etags.push_back(etag.get<std::string>());
  if (const auto labels = json.find("labels"); labels != json.end() && labels->is_object())
    for (const auto& [name, value] : labels->items())
      if (value.is_string() && name.size() + value.get_ref<const std::string&>().size() <= kLabelMax)
        item.labels[name] = value.get<std::string>();
  if (const std::string hash = word(json, "xxh128"); !hash.empty()) item.labels["xxh128"] = hash;
  item.warned = json.contains("warnings");
  return true;
}

}  // namespace

// An item a line, as ReportWriter puts them; what is no item (the first and the last line) is none to parse() either.
Status read_report_items(ObjectStore& store, const ObjectInfo& report, const CallOptions& call, const VisitItems& visit) {
  std::vector<ReportItem> items;
  std::string rest;
  for (std::uint64_t at = 0; at < report.size; at += kPiece) {
    GetRequest request{report.key, at, std::min(kPiece, report.size - at), report.etag};
    CD_TRY(const GetReply got, blocking<GetReply>([&](Done<GetReply> done) { store.get(request, call, std::move(done)); }));
    rest += *got.body;
    std::size_t from = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', from)) {
      ReportItem item;
      if (parse(rest.substr(from, end - from), item)) items.push_back(std::move(item));
      from = end + 1;
      if (items.size() < kItemsAVisit) continue;
      CD_TRY_VOID(visit(items));
      items.clear();
    }
    rest.erase(0, from);
    if (rest.size() > kLineMax) return fail(Code::corrupt, "it is no report of a batch");
  }
  return items.empty() ? Status{} : visit(items);
}

}  // namespace cd
