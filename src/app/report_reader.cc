#include "app/report_reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/wait_for_tree.h"
#include "base/text.h"
#include "cache/sample_facts.h"
#include "remote/blocking.h"

namespace cd {

namespace {

constexpr std::uint64_t kPiece = 1u << 20;
constexpr std::size_t kLineMax = 1u << 20;   // no item of ours is as long
constexpr std::size_t kItemsAWrite = 500;
constexpr std::int64_t kPatienceNs = 2'000'000'000;  // who looks later is shown what there is by then
constexpr std::string_view kSuffix = ".json";
constexpr Millis kDeadline{60'000};
constexpr std::size_t kLabelMax = 512;

using Json = nlohmann::json;

std::string word(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

struct ReportReader::Item {
  std::string path;
  std::uint64_t bytes = 0;
  std::vector<std::string> etags;
  Metadata labels;
};

ReportReader::ReportReader(MetaStore& meta, TreeCache& tree, ObjectStore& store, const Clock& clock, Options options)
    : meta_(meta), tree_(tree), store_(store), clock_(clock), options_(std::move(options)) {
  thread_ = Thread("reports", [this](const std::stop_token& stop) { run(stop); });
}

ReportReader::~ReportReader() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.request_stop();
  thread_.join();
}

bool ReportReader::is_current() const {
  if (options_.prefix.empty()) return true;
  const std::int64_t now = clock_.steady_ns();
  MutexLock lock(mutex_);
  return now < current_until_ns_ || (asking_since_ns_ != 0 && now - asking_since_ns_ > kPatienceNs);
}

void ReportReader::expire() {
  MutexLock lock(mutex_);
  current_until_ns_ = 0;
}

void ReportReader::bring_up_to_date(std::function<void(Status)> done) {
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      waiting_.push_back(std::move(done));
      wake_.notify_all();
      return;
    }
  }
  done(fail(Code::cancelled, "the drive is being unmounted"));
}

void ReportReader::run(const std::stop_token& stop) {
  while (true) {
    std::vector<std::function<void(Status)>> asked;
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !stopping_) wake_.wait(mutex_);
      asked.swap(waiting_);
      if (!stopping_) asking_since_ns_ = clock_.steady_ns();
      if (stopping_ && asked.empty()) return;
    }
    Status read = stop.stop_requested() ? fail(Code::cancelled, "the drive is being unmounted") : read_all(stop);
    if (!read) spdlog::info("batch reports: {}", printable(read.error().message));
    {
      MutexLock lock(mutex_);
      asking_since_ns_ = 0;
      // After an error too: whoever looks next is not to wait as long again.
      current_until_ns_ = clock_.steady_ns() + options_.ttl.count() * 1'000'000;
      for (auto& late : waiting_) asked.push_back(std::move(late));
      waiting_.clear();
    }
    for (const auto& done : asked) done(read);
  }
}

CallOptions ReportReader::call(const std::stop_token& stop) const {
  CallOptions options;
  options.deadline = kDeadline;
  options.cancel = stop;
  options.priority = Priority::background;
  return options;
}

Status ReportReader::read_all(const std::stop_token& stop) {
  ListRequest request;
  request.prefix = options_.prefix;
  request.delimited = false;
  bool tree_known = false;
  while (true) {
    CD_TRY(const ListReply page, blocking<ListReply>([&](Done<ListReply> done) {
             store_.list(request, call(stop), std::move(done));
           }));
    for (const ObjectInfo& report : page.objects) {
      if (!report.key.ends_with(kSuffix)) continue;
      const std::string note = "report:" + report.key;
      CD_TRY(const auto known, meta_.note(note));
      if (known && *known == report.etag) continue;
      if (!tree_known) {
        CD_TRY_VOID(wait_for_tree(tree_, stop));
        tree_known = true;
      }
      const Status read = read_report(report, stop);
      if (!read && read.error().code != Code::corrupt && read.error().code != Code::precondition_failed &&
          read.error().code != Code::not_found)
        return read;
      if (!read) spdlog::warn("batch report {}: {}", printable(report.key), printable(read.error().message));
      CD_TRY_VOID(meta_.set_note(note, report.etag));
      meta_.release_memory();
    }
    if (page.next_token.empty()) return {};
    request.token = page.next_token;
  }
}

// An item a line, as ReportWriter puts them; what is no item (the first and the last line) is none to parse() either.
Status ReportReader::read_report(const ObjectInfo& report, const std::stop_token& stop) {
  std::string batch = report.key.substr(options_.prefix.size());
  batch.resize(batch.size() - std::min(batch.size(), kSuffix.size()));
  std::vector<Item> items;
  std::string rest;
  for (std::uint64_t at = 0; at < report.size; at += kPiece) {
    GetRequest request{report.key, at, std::min(kPiece, report.size - at), report.etag};
    CD_TRY(const GetReply got, blocking<GetReply>([&](Done<GetReply> done) {
             store_.get(request, call(stop), std::move(done));
           }));
    rest += *got.body;
    std::size_t from = 0;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', from)) {
      Item item;
      if (parse(rest.substr(from, end - from), item)) items.push_back(std::move(item));
      from = end + 1;
      if (items.size() < kItemsAWrite) continue;
      CD_TRY_VOID(apply(items, batch));
      items.clear();
    }
    rest.erase(0, from);
    if (rest.size() > kLineMax) return fail(Code::corrupt, "it is no report of a batch");
  }
  return apply(items, batch);
}

bool ReportReader::parse(const std::string& line, Item& item) {
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
  const auto labels = json.find("labels");
  if (labels == json.end() || !labels->is_object()) return false;
  for (const auto& [name, value] : labels->items())
    if (value.is_string() && name.size() + value.get_ref<const std::string&>().size() <= kLabelMax)
      item.labels[name] = value.get<std::string>();
  if (const std::string hash = word(json, "xxh128"); !hash.empty()) item.labels["xxh128"] = hash;
  return !item.labels.empty();
}

Status ReportReader::apply(const std::vector<Item>& items, const std::string& batch) {
  if (items.empty()) return {};
  const auto is_it = [](const Item& item, const MetaRecord& r) {
    if (r.is_directory() || r.pending || r.local_only || r.whiteout || !r.remote || r.remote->size != item.bytes) return false;
    return item.etags.empty() || std::ranges::find(item.etags, r.remote->etag) != item.etags.end();
  };
  std::vector<std::pair<std::string, const Item*>> places;  // where the content is now
  for (const Item& item : items) {
    CD_TRY(const auto there, meta_.resolve(item.path));
    if (there && is_it(item, there->record)) {
      places.emplace_back(item.path, &item);
      continue;
    }
    for (const std::string& etag : item.etags) {
      CD_TRY(auto moved, meta_.find_content(etag, item.bytes));
      if (moved) places.emplace_back(std::move(*moved), &item);
    }
  }
  return meta_.write([&](MetaStore::Writer& w) -> Status {
    for (const auto& [path, item] : places) {
      CD_TRY(auto entry, w.resolve_raw(path));
      // What the object itself says is newer; so is what is there already.
      if (!entry || entry->record.exact || has_facts(entry->record) || !is_it(*item, entry->record)) continue;
      entry->record.metadata = item->labels;
      entry->record.metadata["batch"] = batch;
      CD_TRY_VOID(w.put(entry->parent, entry->name, std::move(entry->record)));
    }
    return {};
  });
}

}  // namespace cd
