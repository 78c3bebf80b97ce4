#include "batch/analysis_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "analyze/analyze_file.h"
#include "base/digest.h"
#include "batch/heard.h"

namespace cd {
namespace {

// Listening goes on while somebody still copies: whoever waits for the drive comes first. Zero is this thread, on Linux.
constexpr int kNice = 5;
constexpr std::size_t kReadBytes = 256u << 10;

Result<std::size_t> read_at(int fd, std::uint64_t offset, char* out, std::size_t length) {
  for (;;) {
    const ssize_t got = ::pread(fd, out, length, static_cast<off_t>(offset));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return fail(error_from_errno(errno, "read staged bytes"));
  }
}

Report empty_report() {
  Report report;
  report.type = "application/x-empty";
  report.warnings = {"empty file"};
  return report;
}

}  // namespace

AnalysisPool::AnalysisPool(const AnalysisOptions& options, const Library& library, ContentIndex& index, Sink sink)
    : options_(options),
      capacity_(static_cast<std::size_t>(options.threads) * 4),
      library_(library),
      index_(index),
      sink_(std::move(sink)),
      jobs_(capacity_) {
  for (int n = 0; n < options.threads; ++n) {
    threads_.emplace_back("analyze-" + std::to_string(n), [this](std::stop_token) { work(); });
  }
}

AnalysisPool::~AnalysisPool() { jobs_.close(); }

bool AnalysisPool::try_submit(AnalysisJob job) { return jobs_.try_push(std::move(job)); }

std::size_t AnalysisPool::room() const { return capacity_ - std::min(capacity_, jobs_.size()); }

void AnalysisPool::work() {
  (void)::setpriority(PRIO_PROCESS, 0, kNice);
  while (auto job = jobs_.pop()) {
    AnalysisDone done{job->item, job->job, {}, false, {}, {}, fail(Code::cancelled, "cancelled"), job->early, 0};
    if (!job->cancel.stop_requested()) {
      done.generation = job->file->generation();
      run(*job, done);
      done.changed = job->file->generation() != done.generation;
    }
    job->file.reset();  // before the answer: its file may be dropped by what the answer leads to
    sink_(std::move(done));
  }
}

void AnalysisPool::run(const AnalysisJob& job, AnalysisDone& done) const {
  if (job.heard) done.result = *job.heard;
  else done.result = hash(job);
  if (!done.result) return;
  if (!job.early.empty()) {
    if (const Status heard = listen(job, *done.result); !heard) done.result = fail(heard.error());
    return;
  }
  done.content = done.result->content;
  // Empty files are all alike and nobody's duplicates.
  if (options_.skip_duplicates && done.result->bytes > 0) {
    if (job.library_known) done.in_library = library_.find(*done.result);
    if (done.in_library) return;
    const ItemRef owner = index_.claim(done.result->content, job.item);
    if (!(owner == job.item)) {
      done.twin = owner;
      return;
    }
  }
  if (job.heard) return;
  if (const Status heard = listen(job, *done.result); !heard) done.result = fail(heard.error());
}

Result<ItemResult> AnalysisPool::hash(const AnalysisJob& job) const {
  Hasher128 content;
  EtagHasher etags(options_.part_bytes);
  std::string buffer(kReadBytes, '\0');
  std::uint64_t offset = 0;
  for (;;) {
    if (job.cancel.stop_requested()) return fail(Code::cancelled, "cancelled");
    CD_TRY(const std::size_t got, read_at(job.file->fd(), offset, buffer.data(), buffer.size()));
    if (got == 0) break;
    const std::string_view bytes = std::string_view(buffer).substr(0, got);
    content.update(bytes);
    etags.update(bytes);
    offset += got;
  }
  ItemResult out;
  out.content = content.digest();
  EtagHasher::Etags both = etags.finish();
  out.etag_single = std::move(both.single);
  out.etag_multipart = std::move(both.multipart);
  out.bytes = offset;
  return out;
}

Status AnalysisPool::listen(const AnalysisJob& job, ItemResult& result) const {
  if (result.bytes == 0) {
    take_over(empty_report(), result);
    return {};
  }
  if (!options_.analyze) {
    std::string first(kSniffBytes, '\0');
    CD_TRY(const std::size_t got, read_at(job.file->fd(), 0, first.data(), first.size()));
    Report report;
    report.type = sniff_type(std::string_view(first).substr(0, got), job.name);
    take_over(report, result);
    return {};
  }
  FdSource source(job.file->fd());
  AnalyzeOptions options;
  options.stop = job.cancel;
  CD_TRY(const Report report, analyze(source, job.name, options));
  take_over(report, result);
  return {};
}

}  // namespace cd
