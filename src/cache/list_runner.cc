#include "cache/list_runner.h"

#include <algorithm>
#include <iterator>

namespace cd {
namespace {

constexpr int kMovesMax = 20;  // of a folder while one waits for its listing
constexpr Millis kTtlMin{1'000};  // what is known for a shorter time is too old when it is asked for

bool holds_files_only(const ListReply& page, const std::string& prefix) {
  return std::none_of(page.objects.begin(), page.objects.end(), [&](const ObjectInfo& object) {
    return object.key.starts_with(prefix) && object.key.find('/', prefix.size()) != std::string::npos;
  });
}

// Of a flat page that began at `prefix`: the keys that follow those of the prefix.
ListReply following(const ListReply& page, const std::string& prefix) {
  ListReply rest;
  std::copy_if(page.objects.begin(), page.objects.end(), std::back_inserter(rest.objects),
               [&](const ObjectInfo& object) { return object.key > prefix && !object.key.starts_with(prefix); });
  return rest;
}

}  // namespace

// ---- who asks

void ListRunner::run(InodeId folder, bool deep, std::int64_t wall_ns, Done<void> done) {
  std::string prefix;  // "" = never in a walk
  if (may_go_ahead(folder, deep)) {
    const auto path = meta_.path_of(folder);
    if (path) prefix = key_of_path(*path, true);
  }
  RunPtr run;
  {
    MutexLock lock(mutex_);
    if (join(folder, deep, wall_ns, prefix, done)) return;
    run = std::make_shared<Run>();
    run->folder = folder;
    run->wall_ns = wall_ns;
    run->deep = deep;
    run->waiters.push_back(std::move(done));
    if (!prefix.empty()) run->plan = ahead_.plan(prefix, clock_.steady_ns());
    if (run->plan.ahead) walking_ = run;
    runs_[{folder, deep}] = run;
  }
  start(run);
}

bool ListRunner::may_go_ahead(InodeId folder, bool deep) const {
  return !deep && folder != kRootInode && options_.flat_pages_max > 0 && options_.metadata_ttl > kTtlMin;
}

bool ListRunner::join(InodeId folder, bool deep, std::int64_t wall_ns, const std::string& prefix, Done<void>& done) {
  auto under_way = runs_.find({folder, deep});
  if (under_way == runs_.end() && !deep) under_way = runs_.find({folder, true});
  if (under_way != runs_.end()) {
    under_way->second->waiters.push_back(std::move(done));
    return true;
  }
  if (!walking_ || !ahead_pays_ || prefix <= walking_->plan.prefix) return false;
  walking_->followers.push_back({folder, wall_ns, std::move(done)});
  return true;
}

void ListRunner::forget_ahead() {
  MutexLock lock(mutex_);
  ahead_.forget();
}

// ---- a run

void ListRunner::start(const RunPtr& run) {
  ListMerge::Scope scope;
  scope.folder = run->folder;
  scope.begun = {meta_.sequence(), run->wall_ns};  // before the request leaves
  const auto path = meta_.path_of(run->folder);
  if (!path) return end(run, fail(path.error()));
  scope.prefix = run->folder == kRootInode ? "" : key_of_path(*path, true);
  const bool ahead = run->plan.ahead && run->plan.prefix == scope.prefix;
  if (ahead && run->plan.begun) scope.begun = *run->plan.begun;
  run->delimited = !run->deep && options_.flat_pages_max <= 0;
  run->over = false;
  run->pages = 0;
  run->token.clear();
  run->after = ahead ? run->plan.after : "";
  run->merge = std::make_unique<ListMerge>(meta_, options_, std::move(scope));
  run->ahead.reset();
  if (ahead) begin_ahead(*run);
  ask(run);
}

// Before each request: what follows the folder was not listed before.
void ListRunner::begin_ahead(Run& run) {
  ListMerge::Scope scope;
  scope.folder = kRootInode;
  scope.from = run.merge->scope().prefix;
  scope.begun = {meta_.sequence(), run.wall_ns};
  run.ahead = std::make_unique<ListMerge>(meta_, options_, std::move(scope));
}

void ListRunner::ask(const RunPtr& run) {
  if (!calls_.begin()) return end(run, fail(Code::cancelled, "the drive is going away"));
  ++asked_;
  lists_.add();
  ListRequest request;
  request.prefix = run->ahead ? "" : run->merge->scope().prefix;
  request.delimited = run->delimited;
  request.after = run->after;
  request.token = run->token;
  request.max_keys = options_.list_keys_max;
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
  tell_observer(*run);
  if (!merged) return not_merged(run, merged);
  if (!run->over) {
    choose_next(*run, std::move(*page));
    if (run->plan.ahead) let_followers_go(run, {});
    return ask(run);
  }
  const Status finished = run->merge->finish(!run->delimited);
  tell_observer(*run);
  if (!finished) return not_merged(run, finished);
  end(run, finished);
}

Status ListRunner::merge_page(Run& run, const ListReply& page) {
  run.over = page.next_token.empty();
  if (run.deep || run.delimited) return run.merge->apply(page, !run.delimited);
  return merge_flat(run, page);
}

// Of a run for one folder: what the page shows whole is known, whether or not the folder itself is.
Status ListRunner::merge_flat(Run& run, const ListReply& page) {
  const bool ordered = is_ascending(page.objects);
  if (run.ahead && !ordered) return fail(Code::stale, "the store lists keys in no order");
  const std::string last = run.over || page.objects.empty() ? "" : page.objects.back().key;
  const std::string& prefix = run.merge->scope().prefix;
  CD_TRY_VOID(run.merge->apply(page, true));
  ListBegin begun = run.merge->scope().begun;
  bool pays = false;
  if (run.ahead) {
    const ListReply rest = following(page, prefix);
    pays = !rest.objects.empty();
    CD_TRY_VOID(run.ahead->apply(rest, true));
    CD_TRY_VOID(run.ahead->finish_whole(rest, last));
    if (pays) begun = run.ahead->scope().begun;
  }
  run.over = run.over || pays;
  if (last.empty() || !ordered) return {};
  if (!run.over) CD_TRY_VOID(run.merge->finish_whole(page, last));
  MutexLock lock(mutex_);
  ahead_.note_page({prefix, last, begun}, clock_.steady_ns());
  if (run.ahead) ahead_pays_ = pays;
  return {};
}

void ListRunner::choose_next(Run& run, ListReply page) {
  ++run.pages;
  run.token = std::move(page.next_token);
  if (run.deep || run.delimited || page.objects.empty()) return;
  const bool goes_on_ahead = run.ahead && holds_files_only(page, run.merge->scope().prefix);
  if (!run.ahead && run.pages < options_.flat_pages_max) return;
  run.token.clear();
  run.after = page.objects.back().key;
  run.ahead.reset();
  run.delimited = !goes_on_ahead;
  if (goes_on_ahead) begin_ahead(run);
}

// Renamed while it was listed: its keys have another prefix now.
void ListRunner::not_merged(const RunPtr& run, const Status& why) {
  if (why.error().code != Code::stale || ++run->moves > kMovesMax) return end(run, why);
  run->plan.ahead = false;
  start(run);
}

void ListRunner::end(const RunPtr& run, const Status& status) {
  std::vector<Done<void>> waiters;
  {
    MutexLock lock(mutex_);
    runs_.erase({run->folder, run->deep});
    if (walking_ == run) walking_.reset();
    waiters.swap(run->waiters);
    if (status && run->merge) {
      OddKeys odd = run->merge->odd_keys();
      if (run->ahead) odd += run->ahead->odd_keys();
      if (odd.shown + odd.hidden > 0)
        odd_keys_[run->folder] = odd;
      else
        odd_keys_.erase(run->folder);
      if (!odd.last.empty()) last_odd_key_ = odd.last;
    }
  }
  run->merge.reset();  // now: the run itself lives as long as the store's callback, which may outlast MetaStore
  run->ahead.reset();
  for (const Done<void>& done : waiters) done(status);
  let_followers_go(run, status);
}

void ListRunner::let_followers_go(const RunPtr& run, const Status& status) {
  std::vector<Follower> followers;
  {
    MutexLock lock(mutex_);
    followers.swap(run->followers);
  }
  for (Follower& follower : followers) {
    const FolderState state = meta_.folder_state(follower.folder);
    if (state.complete && state.listed_wall_ns >= run->wall_ns)
      follower.done({});
    else if (!status && is_transient(status.error().code))
      follower.done(status);
    else
      this->run(follower.folder, false, follower.wall_ns, std::move(follower.done));
  }
}

void ListRunner::tell_observer(Run& run) {
  for (ListMerge* merge : {run.merge.get(), run.ahead.get()}) {
    if (merge == nullptr) continue;
    const std::vector<NameChange> changes = merge->take_changes();
    if (observer_ == nullptr) continue;
    for (const NameChange& change : changes) observer_->name_changed(change.parent, change.name, change.gone);
  }
}

std::uint64_t ListRunner::pages(InodeId folder) const {
  MutexLock lock(mutex_);
  for (const bool deep : {false, true}) {
    const auto run = runs_.find({folder, deep});
    if (run != runs_.end()) return static_cast<std::uint64_t>(run->second->pages.load());
  }
  return 0;
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
