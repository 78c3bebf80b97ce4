#include "app/report_reader.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "app/wait_for_tree.h"
#include "base/text.h"
#include "cache/sample_facts.h"
#include "remote/blocking.h"

namespace cd {

namespace {

constexpr std::int64_t kPatienceNs = 2'000'000'000;  // who looks later is shown what there is by then
constexpr Millis kDeadline{60'000};

}  // namespace

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
      if (!report.key.ends_with(kReportSuffix)) continue;
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

Status ReportReader::read_report(const ObjectInfo& report, const std::stop_token& stop) {
  std::string batch = report.key.substr(options_.prefix.size());
  batch.resize(batch.size() - std::min(batch.size(), kReportSuffix.size()));
  return read_report_items(store_, report, call(stop), [&](std::span<const ReportItem> items) { return apply(items, batch); });
}

Status ReportReader::apply(std::span<const ReportItem> items, const std::string& batch) {
  if (items.empty()) return {};
  const auto is_it = [](const ReportItem& item, const MetaRecord& r) {
    if (r.is_directory() || r.pending || r.local_only || r.whiteout || !r.remote || r.remote->size != item.bytes) return false;
    return item.etags.empty() || std::ranges::find(item.etags, r.remote->etag) != item.etags.end();
  };
  std::vector<std::pair<std::string, const ReportItem*>> places;  // where the content is now
  for (const ReportItem& item : items) {
    if (item.labels.empty()) continue;
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
      if (!entry || has_facts(entry->record) || !is_it(*item, entry->record)) continue;
      entry->record.metadata.insert(item->labels.begin(), item->labels.end());  // what the object says itself stays
      entry->record.metadata.try_emplace("batch", batch);
      CD_TRY_VOID(w.put(entry->parent, entry->name, std::move(entry->record)));
    }
    return {};
  });
}

}  // namespace cd
