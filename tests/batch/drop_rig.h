// DropRig: a whole drive below the kernel: a bucket in memory with faults on order, the real cache and journal, and
// a Conductor, over a folder of its own. Tests drop files, wait for events (never for a time), and look.
// stop() and start() are a clean restart over the same folder and bucket.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "batch/conductor.h"
#include "tests/support/flaky_store.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A WAV of `seconds` with a decaying tone; `seed` makes contents differ.
[[nodiscard]] std::string make_wav(double seconds, unsigned seed);

struct RigOptions {
  std::string directory;  // outlives the rig
  Millis settle{20};
  int tries_max = 2;
  std::function<void(BatchOptions&)> change;
};

class DropRig {
 public:
  DropRig(ObjectStore& store, RigOptions options);
  ~DropRig();
  void stop();
  void start();

  // As a copy into the inbox does: folders, create, write, commit, close.
  void drop(const std::string& path_below_inbox, const std::string& bytes);
  void drop_open(const std::string& path_below_inbox, const std::string& bytes);  // the writer stays open
  void close_writers();

  // The newest batch, once it is final (or `wanted` holds of it).
  BatchProgress wait_final(const std::string& id = "");
  BatchProgress wait_for(const std::function<bool(const BatchProgress&)>& wanted, const std::string& id = "");
  [[nodiscard]] std::vector<ItemRow> rows(const std::string& id) const;
  [[nodiscard]] std::set<std::string> inbox() const;  // every path below it, folders with '/' behind
  [[nodiscard]] bool in_library(const std::string& path) const;
  [[nodiscard]] std::vector<std::string> events() const;

  Conductor& conductor() { return *conductor_; }
  void wait_counter(const std::string& name, std::uint64_t value) const;  // until it is so high
  Journal& journal() { return *journal_; }
  MetaStore& meta() { return *meta_; }

 private:
  InodeId make_folders(const std::string& path);
  InodeId write(const std::string& path, const std::string& bytes);

  ObjectStore& store_;
  const RigOptions options_;
  MetricRegistry metrics_;
  std::unique_ptr<StoreHealth> health_;
  std::unique_ptr<MetaStore> meta_;
  std::unique_ptr<TreeCache> tree_;
  std::unique_ptr<BlockCache> blocks_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Conductor> conductor_;
  std::vector<InodeId> open_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> events_ CD_GUARDED_BY(mutex_);
};

}  // namespace cd::testing
