// The contract on the stores that need no server: a folder, and the tests' bucket in memory.
#include "tests/remote/store_contract.h"

#include "remote/directory_store.h"
#include "remote/long_key_store.h"
#include "tests/remote/temp_folder.h"
#include "tests/support/memory_store.h"

namespace cd::testing {

namespace {

class FolderUnderTest final : public StoreUnderTest {
 public:
  FolderUnderTest() : store_(DirectoryStore::open(folder_.path(), {.workers = 4, .sync = false}).value()) {}
  ObjectStore& store() override { return *store_; }

 private:
  TempFolder folder_;
  std::unique_ptr<DirectoryStore> store_;
};

class MemoryUnderTest final : public StoreUnderTest {
 public:
  ObjectStore& store() override { return store_; }

 private:
  MemoryStore store_;
};

class LongKeysUnderTest final : public StoreUnderTest {
 public:
  ObjectStore& store() override { return store_; }

 private:
  LongKeyStore store_{std::make_unique<MemoryStore>(), LongKeys{}};
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(
    WithoutServer, StoreContract,
    ::testing::Values(StoreCase{"Folder", [] { return std::make_unique<FolderUnderTest>(); }, true},
                      StoreCase{"Memory", [] { return std::make_unique<MemoryUnderTest>(); }, false},
                      StoreCase{"LongKeys", [] { return std::make_unique<LongKeysUnderTest>(); }, false}),
    [](const auto& of) { return of.param.name; });

}  // namespace cd::testing
