#include "batch/enrich_pool.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/child_process.h"
#include "batch/done_command.h"

namespace cd {
namespace {

constexpr std::size_t kThreadsMax = 64;
constexpr Millis kBackOffMax{60'000};

std::size_t threads_for(const std::vector<Enricher>& enrichers) {
  std::size_t sum = 0;
  for (const Enricher& enricher : enrichers) sum += static_cast<std::size_t>(enricher.concurrency);
  return std::clamp<std::size_t>(sum, 1, kThreadsMax);
}

std::int64_t steady_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

bool mentions(const std::vector<std::string>& argv, std::string_view field) {
  return std::any_of(argv.begin(), argv.end(), [&](const std::string& word) { return word.find(field) != std::string::npos; });
}

}  // namespace

EnrichPool::EnrichPool(const std::vector<Enricher>& enrichers, std::string directory, Sink sink)
    : enrichers_(enrichers),
      directory_(std::move(directory)),
      threads_wanted_(threads_for(enrichers)),
      capacity_(threads_wanted_ * 2),
      sink_(std::move(sink)),
      jobs_(capacity_) {
  for (std::size_t n = 0; n < enrichers_.size(); ++n) gates_.push_back(std::make_unique<Gate>());
  for (std::size_t n = 0; n < threads_wanted_; ++n) {
    threads_.emplace_back("enrich-" + std::to_string(n), [this](std::stop_token) { work(); });
  }
}

EnrichPool::~EnrichPool() {
  stop_.request_stop();
  jobs_.close();
}

void EnrichPool::work() {
  while (auto job = jobs_.pop()) run(*job);
}

void EnrichPool::run(const EnrichJob& job) {
  EnrichJob mine = job;  // later ones see the labels of those before
  auto known = nlohmann::ordered_json::parse(job.labels, nullptr, false);
  for (std::size_t at = 0; at < job.chain.size(); ++at) {
    EnrichDone done = run_one(mine, job.chain[at]);
    if (done.labels && known.is_object()) {
      known.update(nlohmann::ordered_json(*done.labels));
      mine.labels = known.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    }
    const bool cancelled = !done.labels && done.labels.error().code == Code::cancelled;
    done.last = cancelled || at + 1 == job.chain.size();
    const bool last = done.last;
    sink_(std::move(done));
    if (last) return;
  }
}

EnrichDone EnrichPool::run_one(const EnrichJob& job, std::size_t number) {
  const Enricher& enricher = enrichers_[number];
  EnrichDone done{job.item, job.job, number, 0, fail(Code::cancelled, "cancelled"), "", false};
  // One token for both reasons to stop: the batch is cancelled, or the daemon ends.
  std::stop_source both;
  const std::stop_callback on_cancel(job.cancel, [&both] { both.request_stop(); });
  const std::stop_callback on_end(stop_.get_token(), [&both] { both.request_stop(); });
  EnrichJob mine = job;
  mine.cancel = both.get_token();
  const std::string product = enricher.produces.empty() ? "" : directory_ + "/product-" + std::to_string(job.item.batch) + "-" +
                              std::to_string(job.item.number) + "-" + std::to_string(number) + "." + enricher.produces;
  Millis pause = enricher.retry_first;
  for (done.tries = 1;; ++done.tries) {
    if (!enter(number, mine.cancel)) return done;
    done.labels = try_once(mine, enricher, product);
    leave(number);
    if (done.labels || done.tries >= enricher.tries) break;
    const Code code = done.labels.error().code;
    if (code == Code::cancelled || code == Code::not_found) break;  // a program that is not there will not come by waiting
    if (!rest(pause, mine.cancel)) break;
    pause = std::min(pause * 2, kBackOffMax);
  }
  if (product.empty()) return done;
  if (done.labels && ::access(product.c_str(), R_OK) == 0) done.product = product;
  else ::unlink(product.c_str());
  return done;
}

Result<Metadata> EnrichPool::try_once(const EnrichJob& job, const Enricher& enricher, const std::string& product) {
  ChildOptions child;
  child.argv = fill_in_words(enricher.argv, {{"path", job.file}, {"output", product}, {"name", job.name}});
  if (!is_program(child.argv.front())) return fail(Code::not_found, "start " + child.argv.front() + ": there is no such program");
  // The file lies on our own mount. Whoever opens it must hold none of our descriptors: were we killed while one of our threads,
  // or a child before its exec, waits in open(2), nobody would be left to end the mount.
  if (!mentions(enricher.argv, "{path}")) {
    const std::vector<std::string> opener{"/bin/sh", "-c", "exec \"$@\" < \"$0\"", job.file};
    child.argv.insert(child.argv.begin(), opener.begin(), opener.end());
  }
  child.environment = {{"CRATEDRIVE_PATH", job.name}, {"CRATEDRIVE_LABELS", job.labels}};
  child.timeout = enricher.timeout;
  child.output_max = enricher.output_max;
  child.stop = job.cancel;
  CD_TRY(const std::string answer, run_child(child));
  return labels_of_answer(enricher, answer);
}

bool EnrichPool::enter(std::size_t number, const std::stop_token& cancel) {
  const Enricher& enricher = enrichers_[number];
  Gate& gate = *gates_[number];
  const std::stop_callback wake(cancel, [&gate] {
    MutexLock lock(gate.mutex);
    gate.changed.notify_all();
  });
  MutexLock lock(gate.mutex);
  while (!cancel.stop_requested()) {
    const std::int64_t now = steady_now();
    if (gate.running >= enricher.concurrency) {
      gate.changed.wait(gate.mutex);
    } else if (enricher.per_second > 0 && now < gate.next_ns) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(gate.next_ns - now);
      (void)gate.changed.wait_until(gate.mutex, until);
    } else {
      if (enricher.per_second > 0) gate.next_ns = now + static_cast<std::int64_t>(1e9 / enricher.per_second);
      ++gate.running;
      return true;
    }
  }
  return false;
}

void EnrichPool::leave(std::size_t number) {
  Gate& gate = *gates_[number];
  MutexLock lock(gate.mutex);
  --gate.running;
  gate.changed.notify_all();
}

bool EnrichPool::rest(Millis time, const std::stop_token& cancel) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, cancel, time, [] { return false; });
  return !cancel.stop_requested();
}

}  // namespace cd
