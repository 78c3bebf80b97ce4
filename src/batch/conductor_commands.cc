#include <algorithm>
#include <array>
#include <charconv>

#include "base/crash_point.h"
#include "batch/conductor_core.h"

namespace cd {
namespace {

constexpr const char* kByHand = "paused by hand";

struct NamedVerb {
  std::string_view name;
  BatchCommand::Verb verb;
};
constexpr std::array<NamedVerb, 7> kVerbs{{{"start", BatchCommand::Verb::start},
                                           {"pause", BatchCommand::Verb::pause},
                                           {"resume", BatchCommand::Verb::resume},
                                           {"cancel", BatchCommand::Verb::cancel},
                                           {"retry", BatchCommand::Verb::retry},
                                           {"priority", BatchCommand::Verb::priority},
                                           {"enrich", BatchCommand::Verb::enrich}}};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

bool take_priority(BatchCommand& command) {
  const char* end = command.path.data() + command.path.size();
  const auto parsed = std::from_chars(command.path.data(), end, command.priority);
  const bool fine = parsed.ec == std::errc{} && parsed.ptr == end && command.priority >= -9 && command.priority <= 9;
  command.path.clear();
  return fine;
}

bool may_be_retried(const Item& item) {
  return item.step == Step::failed || item.step == Step::held || item.step == Step::cancelled ||
         (item.step == Step::skipped && item.stays);
}

}  // namespace

Status ConductorCore::command(std::string_view id, std::string_view text) {
  const std::string_view line = trimmed(text);
  const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
  BatchCommand command;
  command.id = id;
  command.path = trimmed(line.substr(space));
  bool known = false;
  for (const NamedVerb& verb : kVerbs) {
    if (line.substr(0, space) != verb.name) continue;
    command.verb = verb.verb;
    known = verb.verb == BatchCommand::Verb::priority ? take_priority(command)
                                                       : command.path.empty() || verb.verb != BatchCommand::Verb::start;
  }
  if (!known) {
    return fail(Code::invalid, "a batch takes start, pause, resume, cancel, retry and enrich, all but the first also with the "
                               "path of an item behind them, and priority with a number from -9 to 9");
  }
  {
    MutexLock lock(mutex_);
    const DropPtr drop = find(id);
    if (!drop) return fail(Code::not_found, "there is no batch " + std::string(id));
    const bool sets_aside = command.verb == BatchCommand::Verb::pause || command.verb == BatchCommand::Verb::cancel;
    if (!command.path.empty() && sets_aside && is_final(drop->batch->head.state)) {
      return fail(Code::invalid, "the batch has ended; retry and enrich can take up its files again");
    }
    if (!command.path.empty() && drop->batch->remembers_items() && !drop->batch->find(command.path)) {
      return fail(Code::not_found, "the batch has no item \"" + command.path + "\"");
    }
  }
  mailbox_->command(std::move(command));
  return {};
}

void ConductorCore::carry_out(const BatchCommand& command) {
  const DropPtr drop = find(command.id);
  if (!drop) return;  // forgotten meanwhile
  const bool ended = is_final(drop->batch->head.state);
  using Verb = BatchCommand::Verb;
  if (command.verb == Verb::enrich) return enrich_again(drop, command.path);
  if (!command.path.empty()) {
    if (command.verb == Verb::retry || command.verb == Verb::resume) return retry(drop, command.path);
    if (ended || drop->batch->head.state == BatchState::receiving) return;
    return set_aside(*drop, command.path, command.verb == Verb::pause ? Step::held : Step::cancelled);
  }
  switch (command.verb) {
    case Verb::enrich: return;  // above
    case Verb::priority: {
      if (ended) return;
      {
        MutexLock lock(mutex_);
        drop->batch->head.priority = command.priority;
      }
      return log_head(*drop);
    }
    case BatchCommand::Verb::start:
      drop->start_asked = true;
      scan_wanted_ = true;
      scan_ended_ns_ = 0;
      return;
    case BatchCommand::Verb::pause:
    case BatchCommand::Verb::resume: {
      if (ended) return;
      {
        MutexLock lock(mutex_);
        drop->batch->head.paused = command.verb == BatchCommand::Verb::pause;
        drop->batch->head.note.clear();
      }
      forget_failures(*drop);
      log_head(*drop);
      return tell(*drop, command.verb == BatchCommand::Verb::pause ? "batch-paused" : "batch-resumed", nullptr);
    }
    case BatchCommand::Verb::cancel:
      if (!ended) cancel(*drop);
      return;
    case BatchCommand::Verb::retry:
      return retry(drop, command.path);
  }
}

void ConductorCore::cancel(Drop& drop) {
  drop.cancel.request_stop();
  if (drop.batch->head.state == BatchState::receiving) {
    auto view = inbox_.look(drop.batch->head.folder);
    if (view) {
      std::erase_if(view->files, [&](const InboxFile& file) { return is_owned(drop.batch->head.folder, file); });
      for (InboxFile& file : view->files) file.has_writer = false;  // all of it is cancelled
      drop.view = std::move(*view);
      settle(drop);
    }
  }
  // First the decision, so that a crash in the middle goes on with it. People see it when it is carried out.
  {
    MutexLock lock(mutex_);
    drop.batch->head.note = "cancelled; the files that were not stored are still in the inbox";
  }
  BatchHead decided = drop.batch->head;
  decided.state = BatchState::cancelled;
  decided.told = false;
  const Status known = drop.log->append_head(decided);
  (void)known;  // without it a crash now forgets the command, and nothing else
  crash_point("batch.after_cancel");
  std::vector<std::uint32_t> changed;
  for (std::uint32_t n = 0; n < drop.batch->items().size(); ++n) {
    Step step = drop.batch->item(n).step;
    if (is_final(step)) continue;
    if (step == Step::filing) {
      take_back(drop, n, "");
      step = drop.batch->item(n).step;
    }
    if (!is_final(step)) {
      MutexLock lock(mutex_);
      drop.batch->move(n, Step::cancelled, clock_.steady_ns());
    }
    changed.push_back(n);
  }
  const Status logged = drop.log->append_items(changed, drop.batch->items());
  (void)logged;  // the head says cancelled: recovery comes to the same end
  std::vector<std::uint32_t> leaders;
  for (const auto& [number, waiting] : drop.followers) leaders.push_back(number);
  index_.release_batch(drop.serial);
  for (const std::uint32_t number : leaders) settle_followers(drop, number);
  finish(drop, BatchState::cancelled);
}

// One item is left out: its file stays in, or goes back to, the inbox.
void ConductorCore::set_aside(Drop& drop, const std::string& path, Step as) {
  const auto number = drop.batch->find(path);
  if (!number || is_final(drop.batch->item(*number).step)) return;
  if (drop.batch->item(*number).step == Step::filing) take_back(drop, *number, "");
  if (is_final(drop.batch->item(*number).step)) return;  // it was stored already
  fail_item(drop, *number, as == Step::held ? std::string(kByHand) + "; write resume and its path to control" : "cancelled by hand", as);
}

void ConductorCore::retry(const DropPtr& drop, const std::string& path) {
  const bool ended = is_final(drop->batch->head.state);
  if (drop->batch->head.state == BatchState::receiving) return;
  if (ended && !reopen(*drop)) return;
  std::vector<std::uint32_t> again;
  for (std::uint32_t n = 0; n < drop->batch->items().size(); ++n) {
    const Item& item = drop->batch->item(n);
    if (!may_be_retried(item) || (!path.empty() && item.path != path)) continue;
    const auto there = in_inbox(*drop, item);
    if (!there) continue;  // taken out of the inbox: it stays what it is
    MutexLock lock(mutex_);
    Item& retried = drop->batch->item(n);
    const bool by_hand = retried.reason.starts_with(kByHand);
    retried.as_it_is = retried.as_it_is || retried.interrupted || (retried.step == Step::held && !by_hand);
    retried.interrupted = retried.stays = false;
    retried.reason.clear();
    retried.destination.clear();
    drop->batch->move(n, Step::waiting, clock_.steady_ns());
    again.push_back(n);
  }
  if (again.empty()) {
    if (!ended) return;
    MutexLock lock(mutex_);
    drop->log.reset();
    drop->batch->forget_items();
    return;
  }
  for (const std::uint32_t n : again) leftovers_.erase(drop->batch->dropped_path(drop->batch->item(n)));
  const Status logged = drop->log->append_items(again, drop->batch->items());
  if (!logged) filing_pause_ns_ = clock_.steady_ns() + 5'000'000'000;
  if (ended) take_up(*drop, BatchState::queued);
}

// A final batch that got its items back goes on.
void ConductorCore::take_up(Drop& drop, BatchState state) {
  drop.cancel = std::stop_source();
  drop.enrich_next = 0;
  {
    MutexLock lock(mutex_);
    BatchHead& head = drop.batch->head;
    head.state = state;
    head.told = true;
    head.finished_at_ns = 0;
    head.note.clear();
    drop.batch->library_known = false;
    drop.batch->report_asked = drop.batch->report_stored = false;
  }
  log_head(drop);
  tell(drop, "batch-retried", nullptr);
}

// A final batch gets its items back. False: its log cannot be read.
bool ConductorCore::reopen(Drop& drop) {
  ItemLog::Contents contents;
  MutexLock files(drop.files);
  auto log = ItemLog::open(disk_, options_.directory, drop.batch->head.id, contents);
  MutexLock lock(mutex_);
  if (!log) {
    drop.batch->head.note = "cannot be taken up again: " + log.error().message;
    return false;
  }
  contents.head = drop.batch->head;
  drop.log = std::move(*log);
  drop.batch = std::make_unique<Batch>(std::move(contents));
  return true;
}

}  // namespace cd
