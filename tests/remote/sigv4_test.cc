// Against the values that AWS publishes: the examples of "Signature Calculations for the Authorization Header"
// and "Authenticating Requests: Using Query Parameters" (Amazon S3 API reference), and the aws4_testsuite.
#include "remote/sigv4.h"

#include <gtest/gtest.h>

namespace cd {

namespace {

constexpr std::int64_t kS3DocTime = 1'369'353'600'000'000'000;  // 2013-05-24T00:00:00Z
constexpr const char* kEmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kHost = "examplebucket.s3.amazonaws.com";
const SigningKeys kKeys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
const SigningScope kScope{"us-east-1", "s3", kS3DocTime};

std::string signature_of(const std::string& authorization) {
  return authorization.substr(authorization.rfind('=') + 1);
}

}  // namespace

TEST(SigV4Test, TheS3ExamplesComeOutAsPublished) {
  struct {
    const char* name;
    RequestToSign request;
    const char* signature;
  } cases[] = {
      {"get object",
       {"GET", "/test.txt", {},
        {{"Host", kHost}, {"Range", "bytes=0-9"}, {"x-amz-content-sha256", kEmptyHash}}, kEmptyHash},
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
      {"put object",
       {"PUT", "/test%24file.text", {},
        {{"Host", kHost},
         {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
         {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
         {"x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"}},
        "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
       "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
      {"get bucket lifecycle",
       {"GET", "/", {{"lifecycle", ""}}, {{"Host", kHost}, {"x-amz-content-sha256", kEmptyHash}}, kEmptyHash},
       "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
      {"list objects",
       {"GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {{"Host", kHost}, {"x-amz-content-sha256", kEmptyHash}},
        kEmptyHash},
       "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
  };
  for (auto& c : cases) {
    EXPECT_EQ(signature_of(sign_headers(c.request, kKeys, kScope)), c.signature) << c.name;
  }
}

TEST(SigV4Test, TheAuthorizationHeaderNamesKeyScopeAndHeaders) {
  RequestToSign request{"GET", "/test.txt", {}, {{"Host", kHost}, {"Range", "bytes=0-9"},
                        {"x-amz-content-sha256", kEmptyHash}}, kEmptyHash};
  EXPECT_EQ(sign_headers(request, kKeys, kScope),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4Test, ThePresignedExampleComesOutAsPublished) {
  const RequestToSign request{"GET", "/test.txt", {}, {{"host", kHost}}, kUnsignedPayload};
  EXPECT_EQ(sign_query(request, kKeys, kScope, std::chrono::seconds(86400)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(SigV4Test, TheGenericSuiteComesOutAsPublished) {
  const SigningKeys keys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  const SigningScope scope{"us-east-1", "service", 1'440'938'160'000'000'000};  // 2015-08-30T12:36:00Z
  struct {
    const char* name;
    RequestToSign request;
    const char* signature;
  } cases[] = {
      {"get-vanilla", {"GET", "/", {}, {{"Host", "example.amazonaws.com"}}, kEmptyHash},
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key-case",
       {"GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}, {{"Host", "example.amazonaws.com"}}, kEmptyHash},
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"post-vanilla", {"POST", "/", {}, {{"Host", "example.amazonaws.com"}}, kEmptyHash},
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
  };
  for (auto& c : cases) {
    EXPECT_EQ(signature_of(sign_headers(c.request, keys, scope)), c.signature) << c.name;
  }
}

TEST(SigV4Test, TheQueryIsSortedByItsEncodedForm) {
  EXPECT_EQ(canonical_query({{"b", "2"}, {"a", "x y/z"}, {"a", "!"}, {"B", ""}}), "B=&a=%21&a=x%20y%2Fz&b=2");
}

TEST(SigV4Test, ASessionTokenIsSigned) {
  RequestToSign request{"GET", "/", {}, {{"Host", kHost}}, kEmptyHash};
  const SigningKeys keys{"AKIA", "secret", "token/with+signs="};
  EXPECT_NE(sign_headers(request, keys, kScope).find("x-amz-security-token"), std::string::npos);
  EXPECT_EQ(request.headers.back().second, "token/with+signs=");
}

}  // namespace cd
