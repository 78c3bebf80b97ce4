// DoneCommand: the thread `done`, which runs the user's command for batches that came to their end, one after another.
// Fields {id} {name} {state} {report} in its arguments are filled in; the environment has the same as
// CRATEDRIVE_BATCH_ID, _NAME, _STATE and _REPORT (path of the report on this machine). No shell.
// How it went is told to `sink`, on this thread. The destructor kills what runs and drops what waits.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/queue.h"
#include "base/result.h"
#include "base/thread.h"

namespace cd {

struct FinishedBatch {
  std::string id;
  std::string name;
  std::string state;
  std::string report;
};

class DoneCommand {
 public:
  using Sink = std::function<void(const FinishedBatch& batch, const Status& outcome)>;
  DoneCommand(std::vector<std::string> argv, Millis timeout, Sink sink);
  ~DoneCommand();
  // False: a thousand wait already.
  bool try_submit(FinishedBatch batch) { return waiting_.try_push(std::move(batch)); }

 private:
  void work(const std::stop_token& stop);

  const std::vector<std::string> argv_;
  const Millis timeout_;
  const Sink sink_;
  BoundedQueue<FinishedBatch> waiting_{1'000};
  Thread thread_;  // last: joined first
};

// "{name}" in each word becomes fields["name"]; what is no field stays as it is.
[[nodiscard]] std::vector<std::string> fill_in_words(const std::vector<std::string>& words,
                                                     const std::map<std::string, std::string>& fields);

}  // namespace cd
