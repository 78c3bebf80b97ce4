// The contract of ObjectStore as a suite: every implementation is a parameter (store_contract_test.cc for
// what needs no server, s3_contract_test.cc for a real one).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "remote/blocking.h"
#include "remote/object_store.h"

namespace cd::testing {

// A store over an empty bucket, and whatever it lives on.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual ObjectStore& store() = 0;
};

struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
  bool folders_are_files = false;  // "a" and "a/b" cannot both be objects
};

inline std::ostream& operator<<(std::ostream& out, const StoreCase& c) { return out << c.name; }

class StoreContract : public ::testing::TestWithParam<StoreCase> {
 protected:
  void SetUp() override { under_test_ = GetParam().make(); }
  ObjectStore& store() { return under_test_->store(); }

  Result<PutReply> put(PutRequest request) {
    return blocking<PutReply>([&](auto done) { store().put(std::move(request), {}, std::move(done)); });
  }
  Result<PutReply> put(const std::string& key, const std::string& bytes, Condition condition = Condition::none()) {
    PutRequest request;
    request.key = key;
    request.body = share(bytes);
    request.condition = std::move(condition);
    return put(std::move(request));
  }
  Result<GetReply> get(GetRequest request) {
    return blocking<GetReply>([&](auto done) { store().get(std::move(request), {}, std::move(done)); });
  }
  Result<GetReply> get(const std::string& key, std::uint64_t offset = 0, std::uint64_t length = UINT64_MAX) {
    return get(GetRequest{key, offset, length, ""});
  }
  Result<ObjectHead> head(const std::string& key) {
    return blocking<ObjectHead>([&](auto done) { store().head(key, {}, std::move(done)); });
  }
  Result<ListReply> list(ListRequest request) {
    return blocking<ListReply>([&](auto done) { store().list(std::move(request), {}, std::move(done)); });
  }
  Result<PutReply> copy(CopyRequest request) {
    return blocking<PutReply>([&](auto done) { store().copy(std::move(request), {}, std::move(done)); });
  }
  Status remove(const std::string& key, const std::string& etag = "") {
    return blocking<void>([&](auto done) { store().remove(key, etag, {}, std::move(done)); });
  }
  Result<UploadId> begin(PutRequest request) {
    return blocking<UploadId>([&](auto done) { store().multipart_begin(std::move(request), {}, std::move(done)); });
  }
  Result<Part> part(PartRequest request) {
    return blocking<Part>([&](auto done) { store().multipart_part(std::move(request), {}, std::move(done)); });
  }
  Result<PutReply> finish(FinishRequest request) {
    return blocking<PutReply>([&](auto done) { store().multipart_finish(std::move(request), {}, std::move(done)); });
  }
  Status abort(UploadId upload) {
    return blocking<void>([&](auto done) { store().multipart_abort(std::move(upload), {}, std::move(done)); });
  }
  // Every key of a listing, page by page.
  std::vector<std::string> all_keys(ListRequest request) {
    std::vector<std::string> keys;
    for (;;) {
      const auto page = list(request);
      if (!page) {
        ADD_FAILURE() << page.error().message;
        return keys;
      }
      for (const auto& info : page->objects) keys.push_back(info.key);
      if (page->next_token.empty()) return keys;
      request.token = page->next_token;
    }
  }
  static Code code_of(const auto& result) { return result ? Code{255} : result.error().code; }

 private:
  std::unique_ptr<StoreUnderTest> under_test_;
};

}  // namespace cd::testing
