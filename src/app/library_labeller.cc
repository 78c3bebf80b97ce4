#include "app/library_labeller.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "analyze/analyze_file.h"
#include "app/report_items.h"
#include "base/crash_point.h"
#include "base/text.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "batch/heard.h"
#include "batch/junk.h"
#include "cache/tree_cache.h"
#include "remote/blocking.h"

namespace cd {

namespace {

constexpr std::uint64_t kPiece = 8u << 20;
constexpr std::size_t kFirstReport = 16;  // files; each next report has twice as many
constexpr std::size_t kLargestReport = 4096;
constexpr std::int64_t kReportEveryNs = 60'000'000'000;
constexpr Millis kDeadline{60'000};
constexpr std::array<std::string_view, 16> kAudio{"wav", "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga",
                                                  "opus", "mp3", "w64", "rf64", "caf", "au", "snd", "sd2"};

std::uint64_t content_hash(const std::string& etag, std::uint64_t bytes) { return xxh3_64(etag + '\n' + std::to_string(bytes)); }

bool was_listened_to(const ReportItem& item) { return item.warned || item.labels.contains("duration") || item.labels.contains("kind"); }

// Of one object nothing can be had; it says nothing about the others.
bool is_its_own(Code code) { return code == Code::not_found || code == Code::precondition_failed || code == Code::io || code == Code::permission; }

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& folder) : fd_(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {}
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] Status append(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(error_from_errno(errno, "keep an object to listen to"));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

 private:
  const UniqueFd fd_;
};

// Labels that the object carries itself; empty: none.
Metadata own_labels(const ObjectHead& head) {
  MetaRecord record;
  apply_metadata(head, record);
  for (const char* name : {"batch", "item", "xxh128"}) record.metadata.erase(name);
  return record.metadata.contains("duration") ? std::move(record.metadata) : Metadata{};
}

}  // namespace

bool is_audio_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || junk_kind(name) != Junk::none) return false;
  return std::ranges::find(kAudio, to_lower_ascii(name.substr(dot + 1))) != kAudio.end();
}

LibraryLabeller::LibraryLabeller(ObjectStore& store, const Clock& clock, Options options)
    : store_(store), clock_(clock), options_(std::move(options)), files_a_report_(kFirstReport) {}

CallOptions LibraryLabeller::call(const std::stop_token& stop) const {
  CallOptions out;
  out.deadline = kDeadline;
  out.cancel = stop;
  out.priority = Priority::background;
  return out;
}

Status LibraryLabeller::list(const std::string& prefix, const std::function<bool(const ObjectInfo&)>& visit, const std::stop_token& stop) {
  ListRequest request;
  request.prefix = prefix;
  request.delimited = false;
  do {
    CD_TRY(const ListReply page, blocking<ListReply>([&](auto done) { store_.list(request, call(stop), std::move(done)); }));
    for (const ObjectInfo& object : page.objects)
      if (!visit(object)) return {};
    request.token = page.next_token;
  } while (!request.token.empty());
  return {};
}

Status LibraryLabeller::read_reports(const std::stop_token& stop) {
  Status read;
  const auto one = [&](const ObjectInfo& report) {
    if (!report.key.ends_with(kReportSuffix)) return true;
    read = read_report_items(store_, report, call(stop), [this](std::span<const ReportItem> items) -> Status {
      for (const ReportItem& item : items) {
        if (!was_listened_to(item)) continue;
        for (const std::string& etag : item.etags) known_.insert(content_hash(etag, item.bytes));
      }
      return {};
    });
    if (!read && (read.error().code == Code::corrupt || is_its_own(read.error().code))) read = {};  // not to be read: as if it was not there
    return read.has_value();
  };
  CD_TRY_VOID(list(options_.report_prefix, one, stop));
  return read;
}

Status LibraryLabeller::each_to_do(const std::function<bool(const ObjectInfo&)>& visit, LabelProgress* counts, const std::stop_token& stop) {
  return list("", [&](const ObjectInfo& object) {
    const bool ours = std::ranges::any_of(options_.reserved, [&](const std::string& prefix) { return object.key.starts_with(prefix); });
    if (ours || object.key.ends_with('/')) return true;
    LabelProgress ignored;
    LabelProgress& to = counts != nullptr ? *counts : ignored;
    ++to.objects;
    if (object.size == 0 || !is_audio_name(object.key)) return ++to.others, true;
    if (known_.contains(content_hash(object.etag, object.size))) return ++to.known, true;
    ++to.to_do;
    to.bytes_to_do += object.size;
    return visit(object);
  }, stop);
}

Result<LabelProgress> LibraryLabeller::look(const VisitObject& visit, const std::stop_token& stop) {
  CD_TRY_VOID(read_reports(stop));
  progress_ = {};
  CD_TRY_VOID(each_to_do([&](const ObjectInfo& object) { return visit(object), true; }, &progress_, stop));
  return progress_;
}

Result<LabelProgress> LibraryLabeller::run(const Observer& observer, const std::stop_token& stop) {
  begun_ns_ = clock_.wall_ns();
  const auto workers = static_cast<std::size_t>(std::max(1, options_.threads));
  BoundedQueue<ObjectInfo> jobs(workers * 2);
  BoundedQueue<Heard> heard(workers * 2);
  std::stop_source all;  // of the workers: the caller stops, or the store is away
  const std::stop_callback on_stop(stop, [&all] { all.request_stop(); });
  Status listed;
  std::atomic<std::size_t> working{workers};
  Status kept;
  {
    std::vector<Thread> threads;
    for (std::size_t n = 0; n < workers; ++n) {
      threads.emplace_back("listen-" + std::to_string(n), [&](const std::stop_token&) {
        work(jobs, heard, all.get_token());
        if (--working == 0) heard.close();
      });
    }
    Thread lister("list", [&](const std::stop_token&) {
      listed = each_to_do([&](const ObjectInfo& object) { return jobs.push(object); }, nullptr, all.get_token());
      jobs.close();
    });
    std::int64_t stored_ns = clock_.steady_ns();
    while (auto one = heard.pop()) {
      if (!kept) continue;  // the rest is let go
      kept = take(std::move(*one));
      const bool due = files_.size() >= files_a_report_ || clock_.steady_ns() > stored_ns + kReportEveryNs;
      if (kept && due && !files_.empty()) {
        kept = store_report();
        stored_ns = clock_.steady_ns();
      }
      if (!kept) {
        all.request_stop();
        jobs.close();
      }
      observer(progress_);
    }
  }
  if (!files_.empty()) {
    const Status last = store_report();
    if (kept) kept = last;
  }
  if (stop.stop_requested()) return fail(Code::cancelled, "stopped");
  CD_TRY_VOID(kept);
  CD_TRY_VOID(listed);
  return progress_;
}

void LibraryLabeller::work(BoundedQueue<ObjectInfo>& jobs, BoundedQueue<Heard>& heard, const std::stop_token& stop) const {
  while (auto object = jobs.pop()) {
    if (stop.stop_requested()) continue;
    auto result = listen(*object, stop);
    if (!result && result.error().code == Code::cancelled) continue;
    if (!heard.push({std::move(*object), std::move(result)})) return;
  }
}

Result<ItemResult> LibraryLabeller::listen(const ObjectInfo& object, const std::stop_token& stop) const {
  const TemporaryFile file(options_.folder);
  if (file.fd() < 0) return fail(Code::no_space, "no file can be made in " + printable(options_.folder) + ", which is needed to listen to objects");
  Hasher128 content;
  ItemResult out;
  while (out.bytes < object.size) {
    const GetRequest request{object.key, out.bytes, std::min(kPiece, object.size - out.bytes), object.etag};
    CD_TRY(const GetReply got, blocking<GetReply>([&](auto done) { store_.get(request, call(stop), std::move(done)); }));
    if (out.bytes == 0) {
      if (Metadata labels = own_labels(got.head); !labels.empty()) {
        out.labels = std::move(labels);
        out.type = got.head.content_type;
        out.bytes = object.size;
        out.is_audio = true;
        return out;
      }
    }
    if (got.body->empty()) return fail(Code::io, "the store gave fewer bytes than it announced");
    content.update(*got.body);
    CD_TRY_VOID(file.append(*got.body));
    out.bytes += got.body->size();
  }
  FdSource source(file.fd());
  AnalyzeOptions options;
  options.stop = stop;
  CD_TRY(const Report report, analyze(source, object.key, options));
  take_over(report, out);
  out.content = content.digest();
  return out;
}

Status LibraryLabeller::take(Heard heard) {
  if (!heard.result) {
    ++progress_.failed;
    progress_.error = heard.object.key + ": " + heard.result.error().message;
    return is_its_own(heard.result.error().code) ? Status{} : fail(heard.result.error());
  }
  ++(heard.result->is_audio ? progress_.done : progress_.silent);
  progress_.bytes_done += heard.object.size;
  files_.push_back({std::move(heard.object.key), std::move(heard.object.etag), std::move(*heard.result)});
  files_.back().result.report_json.clear();
  return {};
}

Status LibraryLabeller::store_report() {
  BatchProgress head;
  std::string when;  // "20260131-120000"
  for (const char c : format_utc(begun_ns_)) {
    if (c >= '0' && c <= '9') when += c;
    if (c == 'T') when += '-';
  }
  head.id = fmt::format("{}-analyze-{}-{}", when, ::getpid(), ++reports_);
  head.name = "analyze --all";
  head.state = BatchState::done;
  head.created_at_ns = head.started_at_ns = begun_ns_;
  head.finished_at_ns = clock_.wall_ns();
  head.files_total = head.files_done = files_.size();
  for (const LibraryFile& file : files_) {
    head.bytes_total += file.result.bytes;
    head.files_warned += file.result.warnings.empty() ? 0 : 1;
  }
  head.bytes_done = head.bytes_total;
  const PutRequest request{options_.report_prefix + head.id + std::string(kReportSuffix), share(library_report(head, files_)),
                           "application/json", {}, Condition::if_absent()};
  CD_TRY_VOID(blocking<PutReply>([&](auto done) { store_.put(request, call({}), std::move(done)); }));
  crash_point("app.after_labels_report");
  files_.clear();
  files_a_report_ = std::min(files_a_report_ * 2, kLargestReport);
  return {};
}

}  // namespace cd
