// What the models of two drives on one bucket share: the drives, a bucket that knows what every version held, random steps
// on a drive and by a stranger behind their backs, and what was acknowledged and what somebody gave up who had seen it.
// CRATEDRIVE_SEED chooses the run.
//
// Three kinds of store: one that keeps conditions; one that keeps If-None-Match on PUT alone; one that keeps none. (What
// answers 501 to a condition is asked without it once it was probed, and so is what overlooks it: no condition arrives.)
#pragma once

#include <gmock/gmock.h>

#include <deque>
#include <random>
#include <set>
#include <thread>

#include "remote/guarded_store.h"
#include "tests/journal/world.h"
#include "tests/support/mortal_disk.h"

namespace cd::testing {

enum class Keeps : std::uint8_t { all, if_absent, none };

struct Kind {
  Keeps conditions;
  unsigned seed;
};

inline std::vector<Kind> kinds(unsigned seeds) {
  std::vector<Kind> all;
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    for (const Keeps conditions : {Keeps::all, Keeps::if_absent, Keeps::none}) all.push_back({conditions, seed});
  }
  return all;
}

inline std::string name_of_kind(const ::testing::TestParamInfo<Kind>& kind) {
  static const char* const kNames[] = {"Kept", "IfAbsent", "Ignored"};
  return kNames[static_cast<int>(kind.param.conditions)] + std::to_string(kind.param.seed);
}

// Every content begins with its number, so it can be told wherever it turns up.
inline std::string number_of(const std::string& bytes) { return bytes.substr(0, bytes.find('>') + 1); }

// Knows what every version held that was ever stored: ask it of an ETag of the bucket, with no other lock held. The store below has one thread, so that what has just been
// stored is there still when its answer passes here.
class Scribe final : public ForwardingStore {
 public:
  explicit Scribe(MemoryStore& inner) : inner_(inner) {}

  void put(PutRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.key;
    inner_.put(std::move(request), std::move(options), noting(key, std::move(done)));
  }
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.key;
    inner_.copy(std::move(request), std::move(options), noting(key, std::move(done)));
  }
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.upload.key;
    inner_.multipart_finish(std::move(request), std::move(options), noting(key, std::move(done)));
  }

  // Whoever looks into the bucket may be there before its answer has passed.
  [[nodiscard]] std::string content_of(const std::string& etag) const {
    if (etag.empty()) return "";
    MutexLock lock(mutex_);
    while (!by_etag_.contains(etag)) noted_.wait(mutex_);
    return by_etag_.at(etag);
  }
  [[nodiscard]] std::set<std::string> ever_at(const std::string& key) const {
    MutexLock lock(mutex_);
    const auto known = by_key_.find(key);
    return known == by_key_.end() ? std::set<std::string>{} : known->second;
  }
  [[nodiscard]] std::string story() const {
    MutexLock lock(mutex_);
    return story_;
  }

 private:
  [[nodiscard]] ObjectStore& below() const override { return inner_; }
  Done<PutReply> noting(std::string key, Done<PutReply> done) {
    return [this, key = std::move(key), done = std::move(done)](Result<PutReply> reply) {
      if (reply) {
        const std::string number = number_of(inner_.bytes_of(key).value_or(""));
        MutexLock lock(mutex_);
        by_etag_[reply->etag] = number;
        by_key_[key].insert(number);
        story_ += key + " holds " + number + "\n";
        noted_.notify_all();
      }
      done(std::move(reply));
    };
  }

  MemoryStore& inner_;
  mutable Mutex mutex_;
  mutable CondVar noted_;
  std::map<std::string, std::string> by_etag_ CD_GUARDED_BY(mutex_);
  std::map<std::string, std::set<std::string>> by_key_ CD_GUARDED_BY(mutex_);
  std::string story_ CD_GUARDED_BY(mutex_);
};

// One change of a key at a time, whoever asks. Where the store keeps no conditions, GuardedStore looks and then writes;
// two who look in one moment cannot know of each other. That moment no client can close (S10): so it is closed here, and
// all else that two live drives do to each other stays.
class OneAtATime final : public ForwardingStore {
 public:
  explicit OneAtATime(ObjectStore& inner) : inner_(inner) {}

  void put(PutRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.key;
    in_turn<PutReply>(key, std::move(done), [this, request = std::move(request), options](auto reply) {
      inner_.put(request, options, std::move(reply));
    });
  }
  void copy(CopyRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.key;
    in_turn<PutReply>(key, std::move(done), [this, request = std::move(request), options](auto reply) {
      inner_.copy(request, options, std::move(reply));
    });
  }
  void remove(std::string key, std::string etag, CallOptions options, Done<void> done) override {
    in_turn<void>(key, std::move(done), [this, key, etag = std::move(etag), options](auto reply) {
      inner_.remove(key, etag, options, std::move(reply));
    });
  }
  void multipart_finish(FinishRequest request, CallOptions options, Done<PutReply> done) override {
    const std::string key = request.upload.key;
    in_turn<PutReply>(key, std::move(done), [this, request = std::move(request), options](auto reply) {
      inner_.multipart_finish(request, options, std::move(reply));
    });
  }

 private:
  [[nodiscard]] ObjectStore& below() const override { return inner_; }

  template <class T>
  void in_turn(const std::string& key, Done<T> done, std::function<void(Done<T>)> deed) {
    std::function<void()> begin = [this, key, done = std::move(done), deed = std::move(deed)] {
      deed([this, key, done](Result<T> reply) {
        next(key);
        done(std::move(reply));
      });
    };
    {
      MutexLock lock(mutex_);
      auto [at, free] = waiting_.try_emplace(key);
      if (!free) return at->second.push_back(std::move(begin));
    }
    begin();
  }
  void next(const std::string& key) {
    std::function<void()> begin;
    {
      MutexLock lock(mutex_);
      const auto at = waiting_.find(key);
      if (at->second.empty()) {
        waiting_.erase(at);
        return;
      }
      begin = std::move(at->second.front());
      at->second.pop_front();
    }
    begin();
  }

  ObjectStore& inner_;
  Mutex mutex_;
  std::map<std::string, std::deque<std::function<void()>>> waiting_ CD_GUARDED_BY(mutex_);  // of keys that are at it
};

inline JournalOptions options_of(const std::string& host) {
  JournalOptions options = quick_options();
  options.host = host;
  options.tries_max = 1'000;
  return options;
}

struct Side {  // a drive with its own way to the bucket
  Side(ObjectStore& bucket, std::string host)
      : name(std::move(host)), flaky(bucket), world(flaky, folder.path(), options_of(name), disk) {}

  // As kill -9: what is under way may still arrive, and nobody hears of it.
  void crash() {
    flaky.set_down(true);
    disk.die();
    world.abandon();
    disk.revive();
  }

  const std::string name;
  TempDirectory folder;
  MortalDisk disk;
  FlakyStore flaky;
  World world;
};

class TwoDrives : public ::testing::TestWithParam<Kind> {
 protected:
  TwoDrives() : memory(one_thread()), scribe(memory), guarded(scribe), in_turn(guarded) {
    const Keeps keeps = GetParam().conditions;
    StoreTraits traits = memory.traits();
    traits.put_if_match = traits.finish_if_absent = traits.delete_if_match = keeps == Keeps::all;
    traits.put_if_absent = keeps != Keeps::none;
    memory.set_traits(traits);
    memory.set_conditions(keeps == Keeps::all         ? MemoryStore::Conditions::kept
                          : keeps == Keeps::if_absent ? MemoryStore::Conditions::if_absent
                                                      : MemoryStore::Conditions::ignored);
    const char* given = std::getenv("CRATEDRIVE_SEED");
    seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : GetParam().seed;
    random.seed(seed);
    history = "seed " + std::to_string(seed) + "\n";
    memory.put_object("folder/", "");
  }
  static MemoryStoreOptions one_thread() {
    MemoryStoreOptions options = small_parts();
    options.threads = 1;
    return options;
  }

  // GuardedStore asks before every copy: where conditions are kept this is about what the drives make of them.
  ObjectStore& bucket() { return GetParam().conditions == Keeps::all ? static_cast<ObjectStore&>(scribe) : in_turn; }

  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); }
  std::string path() {
    static const char* const kNames[] = {"a.wav", "b", "folder/a", "folder/c"};
    return kNames[pick(4)];
  }
  std::string content() {
    std::string bytes = "<" + std::to_string(++last_content) + ">";
    bytes.resize(bytes.size() + (pick(6) == 0 ? 70'000 : pick(200)), static_cast<char>('a' + last_content % 26));
    return bytes;
  }

  // ---- who sees what. The bytes of an inode change only by writes on its own drive, and those are made here.
  static InodeId at(World& world, const std::string& path) {
    const auto entry = world.at(path);
    return entry && !entry->record.is_directory() ? entry->record.ino : InodeId{};
  }
  std::string content_of(World& world, InodeId file) const {
    for (int look = 0; look < 100 && file; ++look) {
      const auto entry = world.meta->entry(file);
      if (!entry || !*entry || (*entry)->record.whiteout) return "";
      const MetaRecord& record = (*entry)->record;
      if (!record.staged) return record.remote ? scribe.content_of(record.remote->etag) : "";
      if (const auto bytes = world.read(record)) return number_of(*bytes);  // else it was stored just now
    }
    return "";
  }
  static bool is_there(World& world, InodeId file) {
    const auto entry = world.meta->entry(file);
    return entry && *entry && !(*entry)->record.whiteout;
  }
  // `file` was seen under this name, and the name was taken from it. If it still is somewhere, somebody else's version had
  // come under the name in that very moment, and it may be any that was ever there.
  void gave_up(World& world, InodeId file, const std::string& what, const std::string& name) {
    if (!file || !is_there(world, file)) {
      given_up.insert(what);
    } else {
      given_up.merge(scribe.ever_at(name));
    }
  }

  // ---- steps
  void step(Side& side) {
    World& world = side.world;
    const std::string name = path();
    switch (pick(8)) {
      case 0: return unlink(side, name);
      case 1: {
        const std::string to = path();
        const InodeId replaced = name == to ? InodeId{} : at(world, to);
        const std::string before = content_of(world, replaced);
        // What turns up there in this very moment was seen by nobody.
        const Status done = world.rename(name, to, replaced ? RenameMode::replace : RenameMode::no_replace);
        if (done && replaced) gave_up(world, replaced, before, to);
        return tell(side.name + ": rename " + name + " to " + to + " over " + before, done);
      }
      default: return write(side, name);
    }
  }
  void unlink(Side& side, const std::string& name) {
    const InodeId file = at(side.world, name);
    if (!file) return tell(side.name + ": unlink " + name, fail(Code::not_found, "not there"));  // nobody saw a thing
    const std::string before = content_of(side.world, file);
    const Status done = side.world.unlink(name);
    if (done) gave_up(side.world, file, before, name);
    tell(side.name + ": unlink " + name + " " + before, done);
  }
  void write(Side& side, const std::string& name) {
    const InodeId file = at(side.world, name);
    const std::string before = content_of(side.world, file);
    const std::string bytes = content();
    const Status done = file ? side.world.overwrite(file, bytes) : side.world.write_new(name, bytes);
    if (done) {
      acknowledged.insert(number_of(bytes));
      given_up.insert(before);
    }
    tell(side.name + ": write " + name + " " + number_of(bytes) + " over " + before, done);
  }

  // A polite stranger: looks, and replaces or removes what it saw.
  void foreign_step() {
    const std::string name = path();
    const auto there = memory.head_of(name);
    const std::string etag = there ? there->info.etag : "";
    const std::string before = there ? scribe.content_of(etag) : "";
    Status done;
    std::string text;
    if (pick(4) == 0) {
      if (!there) return;
      text = "remove " + name;
      done = blocking<void>([&](auto reply) { in_turn.remove(name, etag, {}, std::move(reply)); });
    } else {
      PutRequest request;
      request.key = name;
      const std::string bytes = content();
      text = "put " + name + " " + number_of(bytes);
      request.body = share(std::string(bytes));
      request.condition = there ? Condition::if_match(etag) : Condition::if_absent();
      const auto put = blocking<PutReply>([&](auto reply) { in_turn.put(request, {}, std::move(reply)); });
      if (put) acknowledged.insert(number_of(bytes));
      done = put ? Status{} : fail(put.error());
    }
    if (done) given_up.insert(before);
    tell("stranger: " + text + " over " + before, done);
  }
  void tell(const std::string& what, const Status& done) {
    history += what + (done ? "\n" : ": " + done.error().message + "\n");
  }

  // The next requests meet faults; each is met once, so that the drive gets through.
  void disturb(Side& side) {
    static const Verb kVerbs[] = {Verb::put, Verb::copy, Verb::remove, Verb::part, Verb::finish, Verb::head};
    for (std::size_t n = pick(4); n > 0; --n) {
      Fault fault;
      fault.on = {kVerbs[pick(6)], ""};
      fault.kind = pick(2) == 0 ? FaultKind::answer_lost : FaultKind::error;
      fault.nth = static_cast<int>(1 + pick(3));
      fault.times = 1;
      side.flaky.add(fault);
    }
  }

  // Until nothing can move any more. A drain ends with the first failure, and the others go on behind it.
  static void settle(World& world) {
    while (true) {
      if (blocking<void>([&](auto done) { world.journal->when_stored("", std::move(done)); })) return;
      const UploadTotals totals = world.journal->totals();
      if (totals.pending_uploads <= totals.failed + waiting_removals(world)) return;
      std::this_thread::sleep_for(Millis(1));
    }
  }
  static std::size_t waiting_removals(World& world) {  // of the old name of what has failed
    std::size_t count = 0;
    for (const UploadView& line : world.journal->uploads(100)) count += line.verb == "remove" && line.state != "failed";
    return count;
  }

  // ---- at the end
  void expect_nothing_lost(Side& a, Side& b) {
    history += "-- the bucket\n" + scribe.story();
    std::set<std::string> there;
    for (const std::string& key : memory.keys()) {
      if (const auto bytes = memory.bytes_of(key); bytes && !bytes->empty()) there.insert(number_of(*bytes));
    }
    for (const std::string& one : acknowledged) {
      EXPECT_TRUE(there.contains(one) || given_up.contains(one)) << one << " is lost\n" << history;
    }
    bool whole = true;
    for (Side* side : {&a, &b}) {
      // The only thing that can stay undone: a new name for a version that somebody else has replaced meanwhile.
      const UploadTotals totals = side->world.journal->totals();
      EXPECT_EQ(totals.pending_uploads, totals.failed + waiting_removals(side->world)) << history;
      for (const UploadView& line : side->world.journal->uploads(100)) {
        if (line.state != "failed") continue;
        EXPECT_THAT(line.last_error, ::testing::HasSubstr("replaced")) << history;
      }
      whole = whole && totals.pending_uploads == 0;
    }
    if (!whole) return;
    for (Side* side : {&a, &b}) {
      const auto seen = side->world.snapshot();
      EXPECT_TRUE(seen == bucket_tree(memory)) << side->name << ":\n" << names(seen) << names(bucket_tree(memory)) << history;
    }
  }
  static std::string names(const std::map<std::string, std::string>& tree) {
    std::string out;
    for (const auto& [path, bytes] : tree) out += path + " " + number_of(bytes.substr(0, 100)) + "\n";
    return out + "--\n";
  }

  MemoryStore memory;
  Scribe scribe;
  GuardedStore guarded;
  OneAtATime in_turn;
  unsigned seed = 0;
  std::mt19937 random;
  int last_content = 0;
  std::set<std::string> acknowledged;
  std::set<std::string> given_up;  // overwritten or removed by somebody who saw it
  std::string history;
};

}  // namespace cd::testing
