#include "cache/block_fetcher.h"

#include <algorithm>

namespace cd {
namespace {

constexpr std::uint64_t kRunBytes = 8u << 20;       // of one request for a reader
constexpr std::uint64_t kAheadRunBytes = 2u << 20;  // ahead: several requests side by side

Error end_of(const Error& error) {
  if (error.code != Code::precondition_failed) return error;
  return {Code::stale, "the file was replaced in the bucket while it was open"};
}

}  // namespace

BlockFetcher::BlockFetcher(ObjectStore& store, LocalBlocks& local, const Clock& clock,
                           const BlockCacheOptions& options, Counter& fetches, std::function<void()> wake_evictor)
    : store_(store),
      local_(local),
      clock_(clock),
      options_(options),
      layout_{options.block_bytes, options.small_bytes},
      fetches_(fetches),
      wake_evictor_(std::move(wake_evictor)) {}

// ---- reads

void BlockFetcher::read(const RemoteVersion& version, std::uint64_t offset, std::size_t length,
                        const ReadOptions& options, Done<SharedBytes> done) {
  auto read = std::make_shared<Read>();
  read->version = version;
  read->priority = options.priority;
  read->done = std::move(done);
  const Millis deadline = options.deadline.count() > 0 ? options.deadline : options_.fetch_deadline;
  read->deadline_ns = clock_.steady_ns() + std::chrono::nanoseconds(deadline).count();
  read->first = offset / layout_.block_bytes;
  std::uint64_t at = offset;
  while (at < offset + length) {
    Piece piece;
    piece.skip = at % layout_.block_bytes;
    piece.length = std::min<std::uint64_t>(layout_.block_bytes - piece.skip, offset + length - at);
    at += piece.length;
    read->pieces.push_back(std::move(piece));
  }
  take_local(*read);
  After after;
  {
    MutexLock lock(mutex_);
    read->at = by_deadline_.emplace(read->deadline_ns, read);
    if (stopped_)
      finish(read, fail(Code::cancelled, "the drive is going away"), after);
    else
      proceed(read, false, after);
    after.wake = after.wake || by_deadline_.size() == 1;  // somebody must watch the deadline
  }
  perform(std::move(after));
  if (options.cancel.stop_possible()) {
    read->on_cancel.emplace(options.cancel, [this, calls = calls_, weak = std::weak_ptr<Read>(read)] {
      // The read may die in here, and this closure with it: nothing captured is touched after that.
      const std::shared_ptr<PendingCalls> still = calls;
      if (!still->begin()) return;  // stop() ends every read
      if (const ReadPtr alive = weak.lock()) give_up(alive, {Code::cancelled, "the reader gave up"});
      still->end();
    });
  }
}

// Blocks that lie on the disk. Without the lock, for it reads files.
void BlockFetcher::take_local(Read& read) {
  for (std::size_t i = 0; i < read.pieces.size(); ++i) {
    Piece& piece = read.pieces[i];
    if (piece.bytes || piece.joined) continue;
    const BlockRange range{layout_.length(read.version, read.first + i), static_cast<std::uint32_t>(piece.skip),
                           static_cast<std::uint32_t>(piece.length)};
    std::string bytes(piece.length, '\0');
    if (!local_.read(key_of(read, i), range, bytes.data())) continue;
    piece.bytes = share(std::move(bytes));
    piece.skip = 0;
  }
}

bool BlockFetcher::complete(const Read& read) {
  return std::all_of(read.pieces.begin(), read.pieces.end(), [](const Piece& p) { return p.bytes != nullptr; });
}

void BlockFetcher::join(const ReadPtr& read, std::size_t index, Block& block) {
  Piece& piece = read->pieces[index];
  piece.pinned = true;
  ++block.pins;
  if (block.idle) idle_.erase(block.idle_at);
  block.idle = false;
  if (block.bytes) {
    piece.bytes = block.bytes;
    return;
  }
  piece.joined = true;
  block.joined.push_back(read);
  no_longer_ahead(block);
}

// Takes what memory has, joins what is under way, and starts the rest, or parks the read.
void BlockFetcher::proceed(const ReadPtr& read, bool from_queue, After& after) {
  std::vector<std::uint64_t> missing;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < read->pieces.size(); ++i) {
    if (read->pieces[i].bytes || read->pieces[i].joined) continue;
    const auto at = blocks_.find(key_of(*read, i));
    if (at != blocks_.end()) {
      join(read, i, at->second);
    } else {
      missing.push_back(read->first + i);
      bytes += layout_.length(read->version, missing.back());
    }
  }
  if (complete(*read)) return finish(read, assemble(*read), after);
  if (missing.empty()) return;
  if ((!from_queue && !queue_.empty()) || !(make_room(bytes) || fetching_ == 0)) {
    read->parked = true;
    if (from_queue)
      queue_.push_front(read);
    else
      queue_.push_back(read);
    return;
  }
  start(read->version, missing, kRunBytes, read->priority == Priority::background, after);
  for (const std::uint64_t number : missing)
    join(read, number - read->first, blocks_.at({read->version.cache_id, number}));
}

// Puts blocks that are not in the table there, as on their way: neighbours in one request.
void BlockFetcher::start(const RemoteVersion& version, const std::vector<std::uint64_t>& numbers,
                         std::uint64_t run_bytes, bool background, After& after) {
  const std::uint64_t run_blocks = std::max<std::uint64_t>(1, run_bytes / layout_.block_bytes);
  FetchPtr fetch;
  for (const std::uint64_t number : numbers) {
    if (!fetch || number != fetch->first + fetch->count || fetch->count == run_blocks) {
      fetch = std::make_shared<Fetch>();
      fetch->version = version;
      fetch->first = number;
      fetch->background = background;
      after.launch.push_back(fetch);
    }
    ++fetch->count;
    Block block;
    block.length = layout_.length(version, number);
    block.small = layout_.is_small(version);
    block.fetch = fetch;
    used_ += block.length;
    fetching_ += block.length;
    block.ahead = background;
    if (background) ahead_ += block.length;
    blocks_.emplace(BlockKey{version.cache_id, number}, std::move(block));
  }
}

// True: so many bytes more fit, now that idle blocks have left.
bool BlockFetcher::make_room(std::uint64_t bytes) {
  while (used_ + bytes > options_.memory_bytes && !idle_.empty()) take_out(BlockKey(idle_.front()));
  return used_ + bytes <= options_.memory_bytes;
}

void BlockFetcher::take_out(const BlockKey& key) {
  const auto at = blocks_.find(key);
  Block& block = at->second;
  if (block.idle) idle_.erase(block.idle_at);
  used_ -= block.length;
  if (block.fetch) {
    fetching_ -= block.length;
    no_longer_ahead(block);
  }
  if (block.keeping) keeping_ -= block.length;
  blocks_.erase(at);
}

void BlockFetcher::no_longer_ahead(Block& block) {
  if (block.ahead) ahead_ -= block.length;
  block.ahead = false;
}

// Idle is what nobody waits for, reads or writes to disk.
void BlockFetcher::settle(const BlockKey& key, Block& block) {
  const bool idle = block.bytes && block.pins == 0 && !block.keeping;
  if (block.idle) idle_.erase(block.idle_at);
  block.idle = idle;
  if (idle) block.idle_at = idle_.insert(idle_.end(), key);
}

// Ends a read: its blocks are free of it, its answer goes out when the lock is gone.
void BlockFetcher::finish(const ReadPtr& read, Result<SharedBytes> answer, After& after) {
  if (read->over) return;
  read->over = true;
  by_deadline_.erase(read->at);
  if (read->parked) queue_.erase(std::find(queue_.begin(), queue_.end(), read));
  read->parked = false;
  leave_fetches(read, after);
  after.answer.emplace_back(read, std::move(answer));
  after.admit = !queue_.empty();
}

void BlockFetcher::leave_fetches(const ReadPtr& read, After& after) {
  for (std::size_t i = 0; i < read->pieces.size(); ++i) {
    if (!read->pieces[i].pinned) continue;
    read->pieces[i].pinned = false;
    const auto at = blocks_.find(key_of(*read, i));
    if (at == blocks_.end()) continue;  // its fetch failed
    --at->second.pins;
    std::erase(at->second.joined, read);
    settle(at->first, at->second);
    const FetchPtr fetch = at->second.fetch;
    if (!fetch || fetch->background) continue;
    // Nobody wants it any more? Then it need not come.
    bool wanted = false;
    for (std::uint64_t n = fetch->first; n < fetch->first + fetch->count; ++n) {
      const auto other = blocks_.find({fetch->version.cache_id, n});
      wanted = wanted || (other != blocks_.end() && other->second.pins > 0);
    }
    if (wanted) continue;
    for (std::uint64_t n = fetch->first; n < fetch->first + fetch->count; ++n)
      if (blocks_.contains({fetch->version.cache_id, n})) take_out({fetch->version.cache_id, n});
    after.cancel.push_back(fetch);
  }
}

Result<SharedBytes> BlockFetcher::assemble(const Read& read) {
  const Piece& first = read.pieces.front();
  if (read.pieces.size() == 1 && first.skip == 0 && first.length == first.bytes->size()) return first.bytes;
  std::string bytes;
  for (const Piece& piece : read.pieces) bytes.append(*piece.bytes, piece.skip, piece.length);
  return share(std::move(bytes));
}

void BlockFetcher::give_up(const ReadPtr& read, Error error) {
  After after;
  {
    MutexLock lock(mutex_);
    finish(read, fail(std::move(error)), after);
  }
  perform(std::move(after));
}

// ---- fetches

void BlockFetcher::launch(const FetchPtr& fetch) {
  if (!calls_->begin()) return take_reply(fetch, fail(Code::cancelled, "the drive is going away"));
  fetches_.add();
  const std::uint64_t last = fetch->first + fetch->count - 1;
  GetRequest request;
  request.key = fetch->version.key;
  request.if_match = fetch->version.etag;
  request.offset = fetch->first * layout_.block_bytes;
  request.length = last * layout_.block_bytes + layout_.length(fetch->version, last) - request.offset;
  CallOptions options;
  options.deadline = options_.fetch_deadline;
  options.cancel = fetch->cancel.get_token();
  options.priority = fetch->background ? Priority::background : Priority::interactive;
  store_.get(std::move(request), std::move(options), [this, fetch](Result<GetReply> reply) {
    take_reply(fetch, std::move(reply));
    calls_->end();
  });
}

void BlockFetcher::take_reply(const FetchPtr& fetch, Result<GetReply> reply) {
  const RemoteVersion& v = fetch->version;
  const std::uint64_t from = fetch->first * layout_.block_bytes;
  const std::uint64_t length = std::min<std::uint64_t>(fetch->count * layout_.block_bytes, v.size - from);
  std::optional<Error> error;
  if (!reply)
    error = end_of(reply.error());
  else if (reply->head.info.size != v.size || (!v.etag.empty() && reply->head.info.etag != v.etag))
    error = Error{Code::stale, "the file was replaced in the bucket while it was open"};
  else if (!reply->body || reply->body->size() != length)
    error = Error{Code::io, "the store sent fewer bytes of " + v.key + " than it has"};

  if (!error && head_observer_) head_observer_(v, reply->head);
  std::vector<SharedBytes> bodies;  // cut before the lock is taken
  for (std::uint64_t i = 0; i < fetch->count && !error; ++i) {
    if (fetch->count == 1)
      bodies.push_back(reply->body);
    else
      bodies.push_back(share(reply->body->substr(i * layout_.block_bytes, layout_.block_bytes)));
  }
  After after;
  {
    MutexLock lock(mutex_);
    for (std::uint64_t i = 0; i < fetch->count; ++i) {
      const BlockKey key{v.cache_id, fetch->first + i};
      const auto at = blocks_.find(key);
      if (at == blocks_.end() || at->second.fetch != fetch) continue;  // cancelled, perhaps asked for anew
      if (!error) {
        arrive(fetch, fetch->first + i, std::move(bodies[i]), after);
        continue;
      }
      const std::vector<ReadPtr> joined = std::move(at->second.joined);
      take_out(key);
      for (const ReadPtr& read : joined) finish(read, fail(*error), after);
      after.drop.insert(after.drop.end(), joined.begin(), joined.end());
    }
    after.admit = !queue_.empty();
  }
  perform(std::move(after));
}

void BlockFetcher::arrive(const FetchPtr& fetch, std::uint64_t number, SharedBytes bytes, After& after) {
  const BlockKey key{fetch->version.cache_id, number};
  Block& block = blocks_.at(key);
  fetching_ -= block.length;
  no_longer_ahead(block);
  block.fetch.reset();
  block.bytes = std::move(bytes);
  after.wake = want_kept(key, block) || after.wake;
  const std::vector<ReadPtr> joined = std::move(block.joined);
  block.joined.clear();
  for (const ReadPtr& read : joined) {
    Piece& piece = read->pieces[number - read->first];
    piece.joined = false;
    piece.bytes = block.bytes;
    if (complete(*read) && !read->parked) finish(read, assemble(*read), after);
  }
  after.drop.insert(after.drop.end(), joined.begin(), joined.end());
  settle(key, block);
}

std::uint64_t BlockFetcher::fetch_ahead(const RemoteVersion& version, std::uint64_t from, std::uint64_t to) {
  to = std::min(to, version.size);
  if (from >= to) return to;
  std::vector<std::uint64_t> missing;
  std::uint64_t bytes = 0;
  const std::uint64_t ahead_max = options_.memory_bytes / 2;
  std::uint64_t number = from / layout_.block_bytes;
  for (; number * layout_.block_bytes < to && bytes < ahead_max; ++number) {
    const std::uint32_t length = layout_.length(version, number);
    if (local_.has({version.cache_id, number}, length)) continue;
    missing.push_back(number);
    bytes += length;
  }
  After after;
  {
    MutexLock lock(mutex_);
    std::erase_if(missing, [&](std::uint64_t n) CD_NO_TSA { return blocks_.contains({version.cache_id, n}); });
    bytes = 0;
    for (const std::uint64_t n : missing) bytes += layout_.length(version, n);
    // Never at the expense of somebody who waits, nor of more than half of the memory.
    if (stopped_ || !queue_.empty() || ahead_ + bytes > ahead_max || !make_room(bytes + options_.memory_bytes / 4))
      return from;
    start(version, missing, kAheadRunBytes, true, after);
  }
  perform(std::move(after));
  return std::min(to, number * layout_.block_bytes);
}

// ---- after the lock

void BlockFetcher::perform(After after) {
  if (after.wake) wake_evictor_();
  for (const FetchPtr& fetch : after.cancel) fetch->cancel.request_stop();
  for (const FetchPtr& fetch : after.launch) launch(fetch);
  for (auto& [read, answer] : after.answer) read->done(std::move(answer));
  if (after.admit) admit();
}

// Lets parked reads go on, the first first, as far as memory allows.
void BlockFetcher::admit() {
  while (true) {
    ReadPtr read;  // dies outside the lock
    After after;
    {
      MutexLock lock(mutex_);
      if (queue_.empty()) return;
      read = queue_.front();
      queue_.pop_front();
      read->parked = false;
      proceed(read, true, after);
      if (read->parked) return;
    }
    after.admit = false;
    perform(std::move(after));
  }
}

// ---- memory and disk

SharedBytes BlockFetcher::resident(const BlockKey& key) {
  MutexLock lock(mutex_);
  const auto at = blocks_.find(key);
  if (at == blocks_.end() || !at->second.bytes) return nullptr;
  settle(key, at->second);  // used just now
  return at->second.bytes;
}

// Hands it to thread `evict`, unless that is far behind.
bool BlockFetcher::want_kept(const BlockKey& key, Block& block) {
  if (block.keeping || keeping_ + block.length > options_.memory_bytes / 2) return false;
  block.keeping = true;
  keeping_ += block.length;
  to_keep_.push_back(key);
  return true;
}

void BlockFetcher::offer(const BlockKey& key, SharedBytes bytes, bool small) {
  {
    MutexLock lock(mutex_);
    const std::uint64_t length = bytes->size();
    if (stopped_ || blocks_.contains(key) || keeping_ + length > options_.memory_bytes / 2 || !make_room(length))
      return;
    Block block;
    block.length = static_cast<std::uint32_t>(length);
    block.small = small;
    block.offered = true;
    block.bytes = std::move(bytes);
    used_ += length;
    Block& placed = blocks_.emplace(key, std::move(block)).first->second;
    want_kept(key, placed);
  }
  wake_evictor_();
}

std::optional<BlockFetcher::ToKeep> BlockFetcher::next_to_keep() {
  MutexLock lock(mutex_);
  while (!to_keep_.empty()) {
    const BlockKey key = to_keep_.front();
    to_keep_.pop_front();
    const auto at = blocks_.find(key);
    if (at != blocks_.end() && at->second.keeping && at->second.bytes)
      return ToKeep{key, at->second.bytes, at->second.small};
  }
  return std::nullopt;
}

void BlockFetcher::kept(const BlockKey& key) {
  {
    MutexLock lock(mutex_);
    const auto at = blocks_.find(key);
    if (at != blocks_.end() && at->second.keeping) {
      at->second.keeping = false;
      keeping_ -= at->second.length;
      if (at->second.offered && at->second.pins == 0) take_out(key);
      else settle(key, at->second);
    }
  }
  admit();
}

void BlockFetcher::forget(const Hash128& id) {
  MutexLock lock(mutex_);
  std::vector<BlockKey> gone;
  for (const auto& [key, block] : blocks_)
    if ((id.empty() || key.id == id) && block.bytes && block.pins == 0) gone.push_back(key);
  for (const BlockKey& key : gone) take_out(key);
}

std::uint64_t BlockFetcher::waiting() const {
  MutexLock lock(mutex_);
  return by_deadline_.size();
}

std::uint64_t BlockFetcher::unkept_bytes(const Hash128& id) const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& [key, block] : blocks_)
    if (key.id == id && block.keeping) bytes += block.length;
  return bytes;
}

std::uint64_t BlockFetcher::memory_used() const {
  MutexLock lock(mutex_);
  return used_;
}

// ---- ends

void BlockFetcher::end_late_reads() {
  const std::int64_t now = clock_.steady_ns();
  After after;
  {
    MutexLock lock(mutex_);
    while (!by_deadline_.empty() && by_deadline_.begin()->first <= now) {
      const ReadPtr read = by_deadline_.begin()->second;
      finish(read, fail(Code::timeout, "the store did not send the bytes of " + read->version.key + " in time"), after);
    }
  }
  perform(std::move(after));
}

void BlockFetcher::stop() {
  std::vector<FetchPtr> fetches;
  After after;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    for (const auto& [key, block] : blocks_)
      if (block.fetch) fetches.push_back(block.fetch);
    while (!by_deadline_.empty()) {
      const ReadPtr read = by_deadline_.begin()->second;
      finish(read, fail(Code::cancelled, "the drive is going away"), after);
    }
  }
  perform(std::move(after));
  for (const FetchPtr& fetch : fetches) fetch->cancel.request_stop();
  calls_->stop();
}

}  // namespace cd
