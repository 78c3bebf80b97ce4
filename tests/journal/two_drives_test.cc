// Two drives and strangers on one bucket: random writes, removals and renames on both, foreign PUTs and DELETEs behind their
// backs, restarts, and a store that is away, refuses or loses answers. Whatever happens, no content that a close() acknowledged is
// lost from everywhere: at the end it is in the bucket, under its name or another, unless somebody who saw it has
// overwritten or removed it. Run against a store that keeps conditions and against one that ignores them; one that answers
// 501 to them is asked without them once it was probed, and so is the second kind.
// CRATEDRIVE_SEED chooses the run.
#include <gmock/gmock.h>

#include <random>
#include <set>

#include "remote/guarded_store.h"
#include "tests/journal/world.h"

namespace cd::testing {
namespace {

using Conditions = MemoryStore::Conditions;

struct Kind {
  Conditions conditions;
  unsigned seed;
};

JournalOptions options_of(const std::string& host) {
  JournalOptions options = quick_options();
  options.host = host;
  options.tries_max = 1'000;
  return options;
}

struct Side {  // a drive with its own way to the bucket
  Side(ObjectStore& bucket, const std::string& host) : flaky(bucket), world(flaky, folder.path(), options_of(host)) {}

  TempDirectory folder;
  FlakyStore flaky;
  World world;
};

class TwoDrivesTest : public ::testing::TestWithParam<Kind> {
 protected:
  TwoDrivesTest() : memory(small_parts()), guarded(memory) {
    StoreTraits traits = memory.traits();
    const bool kept = GetParam().conditions == Conditions::kept;
    traits.put_if_absent = traits.put_if_match = traits.finish_if_absent = traits.delete_if_match = kept;
    memory.set_traits(traits);
    memory.set_conditions(GetParam().conditions);
    const char* given = std::getenv("CRATEDRIVE_SEED");
    seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : GetParam().seed;
    random.seed(seed);
  }

  // GuardedStore asks before every copy, and two who ask in one moment do not see each other: where conditions are kept
  // this is about what the drives make of them.
  ObjectStore& bucket() { return GetParam().conditions == Conditions::kept ? static_cast<ObjectStore&>(memory) : guarded; }

  std::size_t pick(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); }
  std::string path() {
    static const char* const kNames[] = {"a.wav", "b", "folder/a", "folder/c"};
    return kNames[pick(4)];
  }

  // Every content begins with its number, so it can be told wherever it turns up.
  std::string content() {
    std::string bytes = "<" + std::to_string(++last_content) + ">";
    bytes.resize(bytes.size() + (pick(6) == 0 ? 70'000 : pick(200)), static_cast<char>('a' + last_content % 26));
    return bytes;
  }
  static std::string number_of(const std::string& bytes) { return bytes.substr(0, bytes.find('>') + 1); }

  void learn_bucket() {
    for (const std::string& key : memory.keys()) {
      if (const auto bytes = memory.bytes_of(key)) by_etag[memory.head_of(key).value_or(ObjectHead{}).info.etag] = number_of(*bytes);
    }
  }
  // What somebody at this drive sees under the name; "" = nothing.
  std::string seen(World& world, const std::string& at) {
    const auto entry = world.at(at);
    if (!entry || entry->record.is_directory()) return "";
    if (entry->record.staged) {
      const auto bytes = world.read(entry->record);
      return bytes ? number_of(*bytes) : "";
    }
    if (!entry->record.remote) return "";
    learn_bucket();
    const auto known = by_etag.find(entry->record.remote->etag);
    return known == by_etag.end() ? "" : known->second;
  }

  void step(World& world, const std::string& who) {
    const std::string at = path();
    const std::string before = seen(world, at);
    std::string text;
    Status done;
    switch (pick(8)) {
      case 0: {
        text = "unlink " + at;
        done = world.unlink(at);
        if (done) given_up.insert(before);
        break;
      }
      case 1: {
        const std::string to = path();
        const std::string replaced = seen(world, to);
        text = "rename " + at + " to " + to;
        done = world.rename(at, to);
        if (done && at != to) given_up.insert(replaced);
        break;
      }
      default: {
        const std::string bytes = content();
        text = "write " + at + " " + number_of(bytes) + " over " + before;
        done = world.write(at, bytes);
        if (done) acknowledged.insert(number_of(bytes)), given_up.insert(before);
        break;
      }
    }
    history += who + ": " + text + (done ? "\n" : ": " + done.error().message + "\n");
  }

  // A polite stranger: looks, and replaces or removes what it saw.
  void foreign_step() {
    const std::string at = path();
    const auto there = memory.bytes_of(at);
    const std::string etag = there ? memory.head_of(at).value_or(ObjectHead{}).info.etag : "";
    if (pick(4) == 0) {
      if (!there) return;
      const Status gone = blocking<void>([&](auto done) { guarded.remove(at, etag, {}, std::move(done)); });
      if (gone) given_up.insert(number_of(*there));
      history += "stranger: remove " + at + " " + number_of(*there) + (gone ? "\n" : ": refused\n");
      return;
    }
    PutRequest request;
    request.key = at;
    const std::string bytes = content();
    request.body = share(std::string(bytes));
    request.condition = there ? Condition::if_match(etag) : Condition::if_absent();
    const auto put = blocking<PutReply>([&](auto done) { guarded.put(request, {}, std::move(done)); });
    if (put) {
      acknowledged.insert(number_of(bytes));
      if (there) given_up.insert(number_of(*there));
    }
    history += "stranger: put " + at + " " + number_of(bytes) + (put ? "\n" : ": refused\n");
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

  // A drive is offline but for these moments. One at a time: what a user sees while requests are under way is not known
  // to the model, and where no condition is kept, two who write in one moment cannot know of each other.
  // A drain ends with the first failure, and the others go on behind it.
  static void settle(World& world) {
    while (true) {
      if (blocking<void>([&](auto done) { world.journal->when_stored("", std::move(done)); })) return;
      const UploadTotals totals = world.journal->totals();
      if (totals.pending_uploads <= totals.failed + waiting_removals(world)) return;
      std::this_thread::sleep_for(Millis(1));
    }
  }

  void meet_bucket(Side& side) {
    side.flaky.clear();
    disturb(side);
    side.flaky.set_down(false);
    side.world.journal->store_came_back();
    settle(side.world);
    side.flaky.clear();
    side.world.tree->expire_all();
    ASSERT_TRUE(side.world.load()) << history;
    learn_bucket();
    side.flaky.set_down(true);
  }

  void expect_nothing_lost(Side& a, Side& b) {
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
    EXPECT_TRUE(a.world.snapshot() == bucket_tree(memory)) << names(a.world.snapshot()) << names(bucket_tree(memory)) << history;
    EXPECT_TRUE(b.world.snapshot() == bucket_tree(memory)) << names(b.world.snapshot()) << names(bucket_tree(memory)) << history;
  }
  static std::size_t waiting_removals(World& world) {  // of the old name of what has failed
    std::size_t count = 0;
    for (const UploadView& line : world.journal->uploads(100)) count += line.verb == "remove" && line.state != "failed";
    return count;
  }
  static std::string names(const std::map<std::string, std::string>& tree) {
    std::string out;
    for (const auto& [path, bytes] : tree) out += path + " " + number_of(bytes.substr(0, 100)) + "\n";
    return out + "--\n";
  }

  MemoryStore memory;
  GuardedStore guarded;
  unsigned seed = 0;
  std::mt19937 random;
  int last_content = 0;
  std::map<std::string, std::string> by_etag;
  std::set<std::string> acknowledged;
  std::set<std::string> given_up;  // overwritten or removed by somebody who saw it
  std::string history;
};

TEST_P(TwoDrivesTest, NothingAcknowledgedIsLostFromEverywhere) {
  history = "seed " + std::to_string(seed) + "\n";
  memory.put_object("folder/", "");
  Side left(bucket(), "left");
  Side right(bucket(), "right");
  for (Side* side : {&left, &right}) {
    side->world.open();
    meet_bucket(*side);
  }
  for (int i = 0; i < 120; ++i) {
    Side& side = pick(2) == 0 ? left : right;
    const std::string who = &side == &left ? "left" : "right";
    if (pick(5) == 0) {
      foreign_step();
    } else {
      step(side.world, who);
    }
    if (pick(10) == 0) {
      history += who + ": meets the bucket\n";
      meet_bucket(side);
    }
    if (pick(30) == 0) {
      const bool without_cache = pick(3) == 0;
      history += who + (without_cache ? ": restart without cache\n" : ": restart\n");
      side.world.reopen(without_cache);
      meet_bucket(side);
    }
  }
  // Twice: the one who comes first has not seen the conflict copies of the other.
  for (int round = 0; round < 2; ++round) {
    for (Side* side : {&left, &right}) meet_bucket(*side);
  }
  for (Side* side : {&left, &right}) {
    meet_bucket(*side);
    side->flaky.set_down(false);
  }
  expect_nothing_lost(left, right);
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (unsigned seed = 1; seed <= 8; ++seed) {
    for (const Conditions conditions : {Conditions::kept, Conditions::ignored}) all.push_back({conditions, seed});
  }
  return all;
}

std::string name_of_kind(const ::testing::TestParamInfo<Kind>& kind) {
  static const char* const kNames[] = {"Kept", "Ignored"};
  return kNames[kind.param.conditions == Conditions::kept ? 0 : 1] + std::to_string(kind.param.seed);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TwoDrivesTest, ::testing::ValuesIn(kinds()), name_of_kind);

}  // namespace
}  // namespace cd::testing
