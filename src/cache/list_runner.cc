#include "cache/list_runner.h"

namespace cd {
namespace {

constexpr int kMovesMax = 20;  // of a folder while one waits for its listing

}  // namespace

void ListRunner::run(InodeId folder, bool deep, std::int64_t wall_ns, Done<void> done) {
  RunPtr run;
  {
    MutexLock lock(mutex_);
    auto under_way = runs_.find({folder, deep});
    if (under_way == runs_.end() && !deep) under_way = runs_.find({folder, true});
    if (under_way != runs_.end()) {
      under_way->second->waiters.push_back(std::move(done));
      return;
    }
    run = std::make_shared<Run>();
    run->folder = folder;
    run->deep = deep;
    run->waiters.push_back(std::move(done));
    runs_[{folder, deep}] = run;
  }
  start(run, wall_ns);
}

void ListRunner::start(const RunPtr& run, std::int64_t wall_ns) {
  run->delimited = !run->deep && options_.flat_pages_max <= 0;
  run->pages = 0;
  run->token.clear();
  run->after.clear();
  ListMerge::Scope scope;
  scope.folder = run->folder;
  scope.begun_sequence = meta_.sequence();  // before the request leaves
  scope.begun_wall_ns = wall_ns;
  const auto path = meta_.path_of(run->folder);
  if (!path) return end(run, fail(path.error()));
  scope.prefix = run->folder == kRootInode ? "" : key_of_path(*path, true);
  run->merge = std::make_unique<ListMerge>(meta_, options_, std::move(scope));
  ask(run);
}

void ListRunner::ask(const RunPtr& run) {
  if (!calls_.begin()) return end(run, fail(Code::cancelled, "the drive is going away"));
  ++asked_;
  lists_.add();
  ListRequest request;
  request.prefix = run->merge->scope().prefix;
  request.delimited = run->delimited;
  request.after = run->after;
  request.token = run->token;
  CallOptions options;
  options.deadline = options_.list_deadline;
  options.cancel = calls_.token();
  store_.list(std::move(request), std::move(options), [this, run](Result<ListReply> page) {
    take_page(run, std::move(page));
    calls_.end();
  });
}

void ListRunner::take_page(const RunPtr& run, Result<ListReply> page) {
  if (!page) return end(run, fail(std::move(page).error()));
  const Status merged = merge_page(*run, *page);
  if (!merged) return not_merged(run, merged);
  if (!page->next_token.empty()) {
    ++run->pages;
    if (!run->deep && !run->delimited && run->pages >= options_.flat_pages_max) {
      run->delimited = true;
      run->token.clear();
      if (!page->objects.empty()) run->after = page->objects.back().key;
    } else {
      run->token = std::move(page->next_token);
    }
    return ask(run);
  }
  const Status finished = run->merge->finish(!run->delimited);
  tell_observer(*run->merge);
  if (!finished) return not_merged(run, finished);
  end(run, finished);
}

// Renamed while it was listed: its keys have another prefix now.
void ListRunner::not_merged(const RunPtr& run, const Status& why) {
  if (why.error().code != Code::stale || ++run->moves > kMovesMax) return end(run, why);
  start(run, run->merge->scope().begun_wall_ns);
}

Status ListRunner::merge_page(Run& run, const ListReply& page) {
  const Status status = run.merge->apply(page, !run.delimited);
  tell_observer(*run.merge);
  return status;
}

void ListRunner::end(const RunPtr& run, const Status& status) {
  std::vector<Done<void>> waiters;
  {
    MutexLock lock(mutex_);
    runs_.erase({run->folder, run->deep});
    waiters.swap(run->waiters);
    if (status && run->merge) {
      const OddKeys& odd = run->merge->odd_keys();
      if (odd.shown + odd.hidden > 0)
        odd_keys_[run->folder] = odd;
      else
        odd_keys_.erase(run->folder);
      if (!odd.last.empty()) last_odd_key_ = odd.last;
    }
  }
  run->merge.reset();  // now: the run itself lives as long as the store's callback, which may outlast MetaStore
  for (const Done<void>& done : waiters) done(status);
}

void ListRunner::tell_observer(ListMerge& merge) {
  const std::vector<NameChange> changes = merge.take_changes();
  if (observer_ == nullptr) return;
  for (const NameChange& change : changes) observer_->name_changed(change.parent, change.name, change.gone);
}

void ListRunner::add_stats(TreeCache::Stats& stats) const {
  stats.lists = asked_.load();
  MutexLock lock(mutex_);
  for (const auto& [folder, odd] : odd_keys_) {
    stats.odd_keys += odd.shown;
    stats.hidden_keys += odd.hidden;
  }
  stats.last_odd_key = last_odd_key_;
}

}  // namespace cd
