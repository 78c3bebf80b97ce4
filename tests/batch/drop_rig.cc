#include "tests/batch/drop_rig.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/codec.h"

namespace cd::testing {

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "cratedrive-batch-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}
TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string make_wav(double seconds, unsigned seed) {
  constexpr std::uint32_t kRate = 22'050;
  const auto frames = static_cast<std::uint32_t>(seconds * kRate);
  Encoder out;
  out.bytes("RIFF");
  out.u32(36 + frames * 2);
  out.bytes("WAVEfmt ");
  out.u32(16);
  out.u32(1u | (1u << 16));  // PCM, mono
  out.u32(kRate);
  out.u32(kRate * 2);
  out.u32(2u | (16u << 16));
  out.bytes("data");
  out.u32(frames * 2);
  for (std::uint32_t i = 0; i < frames; ++i) {
    const double t = static_cast<double>(i) / kRate;
    const double value = 12'000 * std::exp(-3 * t) * std::sin(6.2831853 * (110 + 7.0 * seed) * t);
    const auto sample = static_cast<std::int16_t>(value);
    out.bytes({reinterpret_cast<const char*>(&sample), 2});
  }
  return std::move(out).str();
}

DropRig::DropRig(ObjectStore& store, RigOptions options) : store_(store), options_(std::move(options)) { start(); }
DropRig::~DropRig() { stop(); }

void DropRig::stop() {
  if (conductor_) conductor_->stop();
  if (journal_) journal_->stop(Millis{1'000});
  conductor_.reset();
  journal_.reset();
  blocks_.reset();
  tree_.reset();
  meta_.reset();
}

void DropRig::start() {
  const auto fine = [](const auto& result, const char* what) {
    if (result) return;
    ADD_FAILURE() << what << ": " << result.error().message;
    std::abort();
  };
  Disk& disk = system_disk();
  const Clock& clock = system_clock();
  const std::string& dir = options_.directory;
  health_ = std::make_unique<StoreHealth>(clock);
  auto meta = MetaStore::open({dir + "/cache", "boot"}, disk, clock);
  fine(meta, "meta store");
  meta_ = std::move(*meta);
  tree_ = std::make_unique<TreeCache>(*meta_, store_, *health_, clock, metrics_, TreeCacheOptions{});
  BlockCacheOptions blocks;
  blocks.directory = dir + "/cache/blocks";
  blocks_ = std::make_unique<BlockCache>(*meta_, store_, disk, clock, metrics_, blocks);
  JournalOptions journal;
  journal.directory = dir + "/state";
  journal.host = "studio";
  journal.upload_delay = Millis{0};
  journal.retry_first = journal.retry_max = Millis{5};
  journal.tries_max = options_.tries_max;
  auto opened = Journal::open(journal, *meta_, *tree_, *blocks_, store_, *health_, disk, clock, metrics_);
  fine(opened, "journal");
  journal_ = std::move(*opened);
  BatchOptions batch;
  batch.directory = dir + "/state/batches";
  batch.settle = options_.settle;
  if (options_.change) options_.change(batch);
  auto conductor = Conductor::open(batch, *meta_, *tree_, *journal_, system_disk(), clock, metrics_,
                                   [this](std::string json) {
                                     MutexLock lock(mutex_);
                                     events_.push_back(std::move(json));
                                     changed_.notify_all();
                                   });
  fine(conductor, "conductor");
  conductor_ = std::move(*conductor);
  journal_->start();
  conductor_->start();
}

InodeId DropRig::make_folders(const std::string& path) {
  InodeId at = journal_->tree().inbox();
  for (std::size_t from = 0, slash; (slash = path.find('/', from)) != std::string::npos; from = slash + 1) {
    const std::string name = path.substr(from, slash - from);
    auto made = journal_->tree().make_directory(at, name, {.mode = 0755});
    if (made) at = made->ino;
    else at = (**meta_->lookup(at, name)).ino;
  }
  return at;
}

InodeId DropRig::write(const std::string& path, const std::string& bytes) {
  const std::string name = path.substr(path.rfind('/') + 1);
  Namespace& tree = journal_->tree();
  // A folder that empties at the same moment may vanish between the two: made again, as cp would.
  for (;;) {
    const InodeId parent = make_folders(path);
    const auto there = meta_->lookup(parent, name);
    InodeId ino;
    if (there && *there) {
      ino = (*there)->ino;
    } else {
      const auto made = tree.create(parent, name, {});
      if (!made && made.error().code == Code::not_found) continue;
      EXPECT_TRUE(made.has_value()) << made.error().message;
      ino = made->ino;
    }
    const auto opened = tree.open_for_write(ino, true);
    EXPECT_TRUE(opened.has_value());
    if (!there || !*there) tree.close_for_write(ino);  // create() counts as a writer of its own
    EXPECT_TRUE((*opened)->write(0, bytes).has_value());
    return ino;
  }
}

void DropRig::drop(const std::string& path, const std::string& bytes) {
  const InodeId ino = write(path, bytes);
  EXPECT_TRUE(journal_->tree().commit(ino).has_value());
  journal_->tree().close_for_write(ino);
}

void DropRig::drop_open(const std::string& path, const std::string& bytes) {
  open_.push_back(write(path, bytes));
}

void DropRig::close_writers() {
  for (const InodeId ino : open_) {
    EXPECT_TRUE(journal_->tree().commit(ino).has_value());
    journal_->tree().close_for_write(ino);
  }
  open_.clear();
}

BatchProgress DropRig::wait_final(const std::string& id) {
  return wait_for([](const BatchProgress& batch) { return is_final(batch.state); }, id);
}

BatchProgress DropRig::wait_for(const std::function<bool(const BatchProgress&)>& wanted, const std::string& id) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (;;) {
    const std::vector<BatchProgress> all = conductor_->batches();
    for (const BatchProgress& batch : all) {
      EXPECT_LE(batch.files_done + batch.files_failed + batch.files_skipped, batch.files_total);
      if ((id.empty() || batch.id == id) && wanted(batch)) return batch;
    }
    if (std::chrono::steady_clock::now() > until) {
      ADD_FAILURE() << "it never came; the last: "
                    << (all.empty() ? "no batch" : std::string(name_of(all[0].state)) + " " + all[0].note);
      return all.empty() ? BatchProgress{} : all[0];
    }
    // Most changes are events; those that are not (a note, a preview) are looked for a little later.
    MutexLock lock(mutex_);
    changed_.wait_for(mutex_, Millis{10});
  }
}

std::vector<ItemRow> DropRig::rows(const std::string& id) const {
  std::vector<ItemRow> out;
  EXPECT_TRUE(conductor_->items(id, [&](const ItemRow& row) { out.push_back(row); }).has_value());
  return out;
}

std::set<std::string> DropRig::inbox() const {
  std::set<std::string> out;
  std::vector<std::pair<InodeId, std::string>> folders{{journal_->tree().inbox(), ""}};
  while (!folders.empty()) {
    const auto [ino, below] = folders.back();
    folders.pop_back();
    EXPECT_TRUE(meta_->list(ino, "", [&, &top = below](std::string_view name, const MetaRecord& record) {
      const std::string path = top + std::string(name);
      out.insert(record.is_directory() ? path + "/" : path);
      if (record.is_directory()) folders.emplace_back(record.ino, path + "/");
      return true;
    }).has_value());
  }
  return out;
}

bool DropRig::in_library(const std::string& path) const {
  const auto entry = meta_->resolve(path);
  return entry && entry->has_value();
}

void DropRig::wait_counter(const std::string& name, std::uint64_t value) const {
  while (metrics_.counter_sum(name) < value) std::this_thread::yield();
}

std::vector<std::string> DropRig::events() const {
  MutexLock lock(mutex_);
  return events_;
}

}  // namespace cd::testing
