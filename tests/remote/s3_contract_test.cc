// The contract on a real S3 server: the one named by S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY, or one
// that scripts/s3-server starts for this program and stops at its end. Never skipped.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "remote/curl_loop.h"
#include "remote/open_store.h"
#include "remote/s3_request.h"
#include "tests/remote/store_contract.h"
#include "tests/remote/temp_folder.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/source_root.h"

namespace cd::testing {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Started by the first test that wants it, so that other tests of the program do not wait for it.
class S3Server : public ::testing::Environment {
 public:
  static S3Server& get() {
    static auto* server = new S3Server;  // owned by gtest
    return *server;
  }
  void TearDown() override {
    if (folder_) CD_CHECK(std::system(script("stop", " --wipe").c_str()) == 0);
    folder_.reset();
  }

  void start() {
    if (!endpoint_.empty()) return;
    if (variable("S3_ENDPOINT").empty()) start_own();
    endpoint_ = variable("S3_ENDPOINT");
    ::setenv("AWS_ACCESS_KEY_ID", variable("S3_ACCESS_KEY").c_str(), 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", variable("S3_SECRET_KEY").c_str(), 1);
  }
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

  void make_bucket(const std::string& name) {
    Throttle throttle(1);
    CurlLoop loop({}, throttle);
    const S3Place place{*Endpoint::parse(endpoint_), name, "", "us-east-1", true};
    const SigningKeys keys{variable("S3_ACCESS_KEY"), variable("S3_SECRET_KEY"), ""};
    const auto answer = blocking<HttpResponse>([&](auto done) {
      loop.send(signed_request(place, {.method = "PUT"}, keys, system_clock().wall_ns()),
                {std::chrono::steady_clock::now() + Millis(30'000), {}}, std::move(done));
    });
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_TRUE(answer->ok()) << answer->body;
  }

 private:
  [[nodiscard]] std::string script(const std::string& verb, const std::string& more) const {
    return fmt::format("{}/scripts/s3-server {} {}{}", source_root(), verb, folder_->path(), more);
  }
  void start_own() {
    folder_ = std::make_unique<TempFolder>();
    ASSERT_EQ(std::system((script("start", "") + " > /dev/null").c_str()), 0) << "scripts/s3-server did not start";
    std::ifstream lines(folder_->path() + "/env");
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find('=');
      if (equals != std::string::npos) ::setenv(line.substr(0, equals).c_str(), line.substr(equals + 1).c_str(), 1);
    }
  }

  std::string endpoint_;
  std::unique_ptr<TempFolder> folder_;
};

const ::testing::Environment* const kServer = ::testing::AddGlobalTestEnvironment(&S3Server::get());

class S3UnderTest final : public StoreUnderTest {
 public:
  explicit S3UnderTest(bool probed) : health_(system_clock()) {
    S3Server::get().start();
    static int count = 0;
    const std::string bucket = fmt::format("contract-{}-{}", ::getpid(), ++count);
    S3Server::get().make_bucket(bucket);
    StoreOptions options;
    options.endpoint = S3Server::get().endpoint();
    const StoreUrl url = StoreUrl::parse("s3://" + bucket + "/library").value();
    store_ = open_store(url, options, health_, metrics_).value();
    if (probed) {
      const auto traits = probe_store(*store_, url, Millis(30'000));
      EXPECT_TRUE(traits) << traits.error().message;
      EXPECT_TRUE(traits && traits->probed);
    }
  }
  ObjectStore& store() override { return *store_; }

 private:
  StoreHealth health_;
  MetricRegistry metrics_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(
    RealServer, StoreContract,
    ::testing::Values(StoreCase{"Probed", [] { return std::make_unique<S3UnderTest>(true); }, false},
                      // Mounted while the store was away: every condition is asked by HEAD.
                      StoreCase{"NotProbed", [] { return std::make_unique<S3UnderTest>(false); }, false}),
    [](const auto& of) { return of.param.name; });

class RealServer : public ::testing::Test {
 protected:
  void SetUp() override { S3Server::get().start(); }
  Result<StoreTraits> probe(const std::string& bucket) {
    StoreOptions options;
    options.endpoint = S3Server::get().endpoint();
    const StoreUrl url = StoreUrl::parse("s3://" + bucket).value();
    const auto store = open_store(url, options, health_, metrics_);
    if (!store) return fail(store.error());
    return probe_store(**store, url, Millis(30'000));
  }
  StoreHealth health_{system_clock()};
  MetricRegistry metrics_;
};

TEST_F(RealServer, AMissingBucketIsNamedWithItsCure) {
  const auto answer = probe("there-is-no-such-bucket");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::invalid);
  EXPECT_NE(answer.error().message.find("there-is-no-such-bucket does not exist"), std::string::npos)
      << answer.error().message;
}

TEST_F(RealServer, WrongKeysAreNamedAndNeverShown) {
  const std::string right = variable("AWS_SECRET_ACCESS_KEY");
  ::setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret-key", 1);
  const auto answer = probe("any");
  ::setenv("AWS_SECRET_ACCESS_KEY", right.c_str(), 1);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::credentials);
  EXPECT_NE(answer.error().message.find("secret key is wrong"), std::string::npos) << answer.error().message;
  EXPECT_EQ(answer.error().message.find("not-the-secret-key"), std::string::npos);
}

TEST_F(RealServer, AProbeLeavesNothingBehind) {
  const std::string bucket = fmt::format("probe-{}", ::getpid());
  S3Server::get().make_bucket(bucket);
  ASSERT_TRUE(probe(bucket));
  StoreOptions options;
  options.endpoint = S3Server::get().endpoint();
  const auto store = open_store(StoreUrl::parse("s3://" + bucket).value(), options, health_, metrics_);
  const auto page = blocking<ListReply>([&](auto done) { (*store)->list({}, {}, std::move(done)); });
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_TRUE(page->objects.empty());
  EXPECT_TRUE(page->folders.empty());
}

// The same server behind a proxy that misbehaves on order.
class BehindFaults : public RealServer {
 protected:
  void SetUp() override {
    RealServer::SetUp();
    FaultProxyOptions options;
    const std::string endpoint = S3Server::get().endpoint();
    options.target_port = static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
    proxy_ = FaultProxy::start(options).value();
    static int count = 0;
    const std::string bucket = fmt::format("faults-{}-{}", ::getpid(), ++count);
    S3Server::get().make_bucket(bucket);
    StoreOptions store_options;
    store_options.endpoint = proxy_->endpoint();
    store_options.stall_timeout = Millis(300);
    const StoreUrl url = StoreUrl::parse("s3://" + bucket).value();
    store_ = open_store(url, store_options, health_, metrics_).value();
    ASSERT_TRUE(probe_store(*store_, url, Millis(30'000)));
  }
  void rules(const std::string& text) { ASSERT_TRUE(proxy_->set_rules(text)) << text; }
  Result<PutReply> put(const std::string& key, const std::string& bytes, Condition condition = Condition::none()) {
    PutRequest request;
    request.key = key;
    request.body = share(bytes);
    request.condition = std::move(condition);
    return blocking<PutReply>([&](auto done) { store_->put(request, {}, std::move(done)); });
  }
  Result<GetReply> get(const std::string& key, CallOptions options = {}) {
    return blocking<GetReply>(
        [&](auto done) { store_->get(GetRequest{key, 0, UINT64_MAX, ""}, std::move(options), std::move(done)); });
  }

  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(BehindFaults, ABodyThatBreaksOffIsFetchedAgainAndWhole) {
  const std::string bytes(300'000, 'x');
  ASSERT_TRUE(put("k", bytes));
  for (const char* fault : {"truncate", "reset", "stall_body", "stall_header"}) {
    rules(std::string(fault) + " method=GET times=1");
    const auto back = get("k");
    ASSERT_TRUE(back) << fault << ": " << back.error().message;
    EXPECT_EQ(*back->body, bytes) << fault;
  }
}

TEST_F(BehindFaults, ServerErrorsAndThrottlingPass) {
  ASSERT_TRUE(put("k", "bytes"));
  for (const char* fault : {"status code=500", "status code=503", "status code=429"}) {
    rules(std::string(fault) + " method=GET times=2");
    const auto back = get("k");
    ASSERT_TRUE(back) << fault << ": " << back.error().message;
  }
}

TEST_F(BehindFaults, APutThatWasAppliedWithoutAnAnswerIsASuccess) {
  rules("lost method=PUT times=1");
  const auto stored = put("k", "ours", Condition::if_absent());
  ASSERT_TRUE(stored) << stored.error().message;
  const auto replaced = put("k", "newer", Condition::if_match(stored->etag));
  ASSERT_TRUE(replaced) << replaced.error().message;
  rules("lost method=PUT times=1");
  ASSERT_TRUE(put("k", "newest", Condition::if_match(replaced->etag)));
  EXPECT_EQ(*get("k")->body, "newest");
}

TEST_F(BehindFaults, AWrongReceiptIsNoSuccess) {
  rules("wrong_etag method=PUT");
  const auto stored = put("k", "bytes");
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Code::corrupt);
}

TEST_F(BehindFaults, ACopyThatFailsInside200IsTriedAgain) {
  ASSERT_TRUE(put("from", "bytes"));
  rules("error200 method=PUT times=1");
  CopyRequest request;
  request.source_key = "from";
  request.key = "to";
  const auto copied = blocking<PutReply>([&](auto done) { store_->copy(request, {}, std::move(done)); });
  ASSERT_TRUE(copied) << copied.error().message;
  EXPECT_EQ(*get("to")->body, "bytes");
}

TEST_F(BehindFaults, TheDeadlineEndsASilentRequest) {
  ASSERT_TRUE(put("k", "bytes"));
  rules("stall_header method=GET");
  const auto answer = get("k", CallOptions{.deadline = Millis(200), .cancel = {}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timeout);
}

TEST_F(BehindFaults, CancellingEndsASilentRequest) {
  ASSERT_TRUE(put("k", "bytes"));
  rules("stall_header method=GET");
  std::stop_source stop;
  std::optional<Thread> canceller;
  const auto answer = blocking<GetReply>([&](auto done) {
    store_->get(GetRequest{"k", 0, UINT64_MAX, ""}, CallOptions{.deadline = Millis(60'000), .cancel = stop.get_token()},
                std::move(done));
    canceller.emplace("canceller", [&](std::stop_token) { stop.request_stop(); });
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::cancelled);
}

TEST_F(BehindFaults, AStoreThatEndsCancelsWhatIsUnderWay) {
  ASSERT_TRUE(put("k", "bytes"));
  rules("stall_header method=GET");
  std::optional<Result<GetReply>> answer;
  store_->get(GetRequest{"k", 0, UINT64_MAX, ""}, {}, [&](Result<GetReply> reply) { answer.emplace(std::move(reply)); });
  store_.reset();
  ASSERT_TRUE(answer) << "the destructor waits for its requests";
  EXPECT_EQ(answer->error().code, Code::cancelled);
}

}  // namespace cd::testing
