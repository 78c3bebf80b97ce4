#include "batch/done_command.h"

#include "base/child_process.h"

namespace cd {

std::vector<std::string> fill_in_words(const std::vector<std::string>& words,
                                       const std::map<std::string, std::string>& fields) {
  std::vector<std::string> out;
  for (const std::string& word : words) {
    std::string filled;
    for (std::size_t at = 0; at < word.size();) {
      const std::size_t close = word[at] == '{' ? word.find('}', at) : std::string::npos;
      const auto field = close == std::string::npos ? fields.end() : fields.find(word.substr(at + 1, close - at - 1));
      if (field == fields.end()) {
        filled += word[at++];
      } else {
        filled += field->second;
        at = close + 1;
      }
    }
    out.push_back(std::move(filled));
  }
  return out;
}

DoneCommand::DoneCommand(std::vector<std::string> argv, Millis timeout, Sink sink)
    : argv_(std::move(argv)), timeout_(timeout), sink_(std::move(sink)),
      thread_("done", [this](const std::stop_token& stop) { work(stop); }) {}

DoneCommand::~DoneCommand() {
  thread_.request_stop();
  waiting_.close();
}

void DoneCommand::work(const std::stop_token& stop) {
  while (auto batch = waiting_.pop()) {
    if (stop.stop_requested()) return;
    ChildOptions child;
    child.argv = fill_in_words(argv_, {{"id", batch->id}, {"name", batch->name}, {"state", batch->state},
                                       {"report", batch->report}});
    child.environment = {{"CRATEDRIVE_BATCH_ID", batch->id}, {"CRATEDRIVE_BATCH_NAME", batch->name},
                         {"CRATEDRIVE_BATCH_STATE", batch->state}, {"CRATEDRIVE_BATCH_REPORT", batch->report}};
    child.timeout = timeout_;
    child.stop = stop;
    const auto ran = run_child(child);
    sink_(*batch, ran ? Status{} : Status(tl::make_unexpected(ran.error())));
  }
}

}  // namespace cd
