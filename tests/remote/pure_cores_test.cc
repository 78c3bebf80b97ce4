// Tables of the small deciding parts: URLs, text, paths, retry, throttle, answers, errors, labels, profiles.
#include <gtest/gtest.h>

#include "remote/credentials.h"
#include "remote/digest.h"
#include "remote/object_path.h"
#include "remote/open_store.h"
#include "remote/retry.h"
#include "remote/s3_answer.h"
#include "remote/s3_error.h"
#include "remote/s3_request.h"
#include "remote/store_health.h"
#include "remote/throttle.h"
#include "remote/url_text.h"

namespace cd {

namespace {

const S3Place kPlace{{"https", "s3.example.com"}, "crate", "lib/", "us-east-1", true};

HttpResponse answer(int status, std::map<std::string, std::string> headers, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return response;
}

std::string error_body(const std::string& code, const std::string& message = "") {
  return "<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>";
}

}  // namespace

TEST(StoreUrlTest, GoodUrlsHaveOneCanonicalForm) {
  const struct {
    const char *text, *canonical;
  } cases[] = {
      {"s3://bucket", "s3://bucket"},          {"s3://bucket/", "s3://bucket"},
      {"S3://bucket/a/b", "s3://bucket/a/b/"}, {"s3://bucket/a%20b/", "s3://bucket/a%20b/"},
      {"r2://crate/x", "r2://crate/x/"},       {"file:///srv//crate/./x/", "file:///srv/crate/x"},
      {"file:///a b", "file:///a%20b"},        {"file:///a%20b", "file:///a%20b"},
  };
  for (const auto& c : cases) {
    const auto url = StoreUrl::parse(c.text);
    ASSERT_TRUE(url) << c.text << ": " << url.error().message;
    EXPECT_EQ(url->to_string(), c.canonical);
    EXPECT_EQ(StoreUrl::parse(url->to_string())->to_string(), c.canonical);
  }
}

TEST(StoreUrlTest, BadUrlsSayWhatIsWrong) {
  const struct {
    const char *text, *says;
  } cases[] = {
      {"", "no URL"},
      {"/some/folder", "no URL"},
      {"file://relative", "absolute"},
      {"file:relative", "no URL"},
      {"s3://", "missing"},
      {"s3://key:secret@bucket", "credentials"},
      {"s3://host:9000/bucket", "endpoint"},
      {"s3://bu cket", "cannot be a bucket"},
      {"s3://b//x", "doubled"},
      {"s3://b/x?y", "%3F"},
      {"s3://b/%zz", "hexadecimal"},
      {"https://s3.amazonaws.com/b", "s3://bucket"},
      {"ftp://b", "not supported"},
  };
  for (const auto& c : cases) {
    const auto url = StoreUrl::parse(c.text);
    ASSERT_FALSE(url) << c.text;
    EXPECT_EQ(url.error().code, Code::invalid);
    EXPECT_NE(url.error().message.find(c.says), std::string::npos) << url.error().message;
  }
}

TEST(UrlTextTest, DatesOfHeadersAndDocuments) {
  EXPECT_EQ(parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT"), 1'445'412'480'000'000'000);
  EXPECT_EQ(parse_iso_date("2015-10-21T07:28:00.000Z"), 1'445'412'480'000'000'000);
  EXPECT_EQ(parse_iso_date("2015-10-21T07:28:00Z"), 1'445'412'480'000'000'000);
  for (const char* bad : {"", "yesterday", "2015-10-21", "2015-10-21T07:28:00+02:00", "2015-99-21T07:28:00Z",
                          "2824-01-01T00:00:00Z", "Wed, 21 Oct 2715 07:28:00 GMT"}) {
    EXPECT_FALSE(parse_iso_date(bad)) << bad;
    EXPECT_FALSE(parse_http_date(bad)) << bad;
  }
}

TEST(StoreUrlTest, NoMessageRepeatsASecretOfAUrl) {
  for (const char* url : {"s3://AKIA:hush@bucket", "s3://AKIA:hu/sh@bucket", "s3://hush@bucket/a@b", "https://u:hush@h/b"}) {
    const auto parsed = StoreUrl::parse(url);
    ASSERT_FALSE(parsed) << url;
    EXPECT_EQ(parsed.error().message.find("hu"), std::string::npos) << parsed.error().message;
  }
  StoreOptions options;
  options.endpoint = "https://u:hush@host";
  const Status refused = options.validate();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.find("hush"), std::string::npos);
}

TEST(UrlTextTest, EndpointsLoseTheirOwnPort) {
  EXPECT_EQ(Endpoint::parse("https://h:443/")->host, "h");
  EXPECT_EQ(Endpoint::parse("http://127.0.0.1:9000")->host, "127.0.0.1:9000");
  for (const char* bad : {"h:9000", "ftp://h", "http://", "http://h/path", "http://u:p@h", "http://h?x"}) {
    EXPECT_FALSE(Endpoint::parse(bad)) << bad;
  }
}

TEST(DigestTest, PublishedValues) {
  EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),  // RFC 4231, case 2
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  for (const char* text : {"", "f", "fo", "foo", "foob"}) EXPECT_EQ(from_base64(to_base64(text)), text);
  EXPECT_FALSE(from_base64("a=b="));
  EXPECT_FALSE(from_base64("abc"));
}

TEST(DigestTest, AMultipartEtagIsTheMd5OfTheMd5s) {
  // Two parts "a" and "b": md5 of the 32 bytes of their MD5s.
  const std::string a = md5_hex("a");
  const std::string b = md5_hex("b");
  EXPECT_EQ(multipart_etag({a, b}), md5_hex(*from_hex(a) + *from_hex(b)) + "-2");
  EXPECT_EQ(multipart_etag({a, "opaque"}), "");
}

TEST(ObjectPathTest, KeysThatNoFileCanHaveAreRefused) {
  for (const char* key : {"a//b", "/a", "a/../b", "..", ".", "a/./b", "//", "/", ".cratedrive-tmp/x", ".cratedrive-tmp"}) {
    const auto path = ObjectPath::from_key(key);
    ASSERT_FALSE(path) << key;
    EXPECT_EQ(path.error().code, Code::invalid) << key;
  }
  EXPECT_EQ(ObjectPath::from_key(std::string("a\0b", 3)).error().code, Code::invalid);
  EXPECT_EQ(ObjectPath::from_key(std::string(256, 'x')).error().code, Code::name_too_long);
  EXPECT_TRUE(ObjectPath::from_key("a/b/")->is_marker());
  EXPECT_EQ(ObjectPath::from_key("a/b.wav")->name, "b.wav");
  EXPECT_TRUE(ObjectPath::from_key("...")) << "three dots are a name";
}

TEST(RetryPolicyTest, OnlyPassingTroubleIsTriedAgainAndNotForEver) {
  const RetryPolicy policy;
  const Millis plenty(60'000);
  for (const Code lasting : {Code::not_found, Code::permission, Code::invalid, Code::precondition_failed,
                             Code::cancelled, Code::corrupt, Code::unsupported, Code::too_large}) {
    EXPECT_FALSE(next_delay(policy, 1, lasting, plenty, 0.5)) << name_of(lasting);
  }
  EXPECT_EQ(next_delay(policy, 1, Code::io, plenty, 0.0), Millis(0));
  EXPECT_EQ(next_delay(policy, 1, Code::io, plenty, 0.5), Millis(50));
  EXPECT_EQ(next_delay(policy, 2, Code::throttled, plenty, 0.5), Millis(100));
  EXPECT_EQ(next_delay(policy, 7, Code::throttled, plenty, 0.999), Millis(4'995)) << "the longest delay";
  EXPECT_FALSE(next_delay(policy, 8, Code::io, plenty, 0.5));
  EXPECT_FALSE(next_delay(policy, 5, Code::unreachable, plenty, 0.5));
  EXPECT_FALSE(next_delay(policy, 3, Code::io, Millis(100), 0.5)) << "the deadline would pass meanwhile";
}

TEST(ThrottleTest, OneBurstHalvesOnceAndSuccessesClimbBack) {
  Throttle throttle(64);
  std::int64_t now = 1'000'000'000;
  EXPECT_EQ(throttle.limit(now), 64);
  for (int i = 0; i < 50; ++i) throttle.slow_down(now + i, Millis(0));
  EXPECT_EQ(throttle.limit(now + 100), 0) << "everybody pauses";
  now = throttle.paused_until_ns();
  EXPECT_EQ(throttle.limit(now), 32);
  throttle.slow_down(now + 1'000'000'000, Millis(0));
  EXPECT_EQ(throttle.limit(throttle.paused_until_ns()), 16);
  for (int i = 0; i < 5'000; ++i) throttle.succeeded();
  EXPECT_EQ(throttle.limit(throttle.paused_until_ns()), 64);
}

TEST(ThrottleTest, RetryAfterHoldsEverybodyBack) {
  Throttle throttle(8);
  throttle.slow_down(0, Millis(3'000));
  EXPECT_EQ(throttle.limit(2'999'999'999), 0);
  EXPECT_GT(throttle.limit(3'000'000'000), 0);
}

TEST(S3AnswerTest, ARangeMustBeTheOneThatWasAskedFor) {
  GetRequest request{"k", 10, 5, ""};
  const auto read = [&](const std::string& range, const std::string& body) {
    return read_get(request, answer(206, {{"content-range", range}, {"etag", "\"e\""}}, body));
  };
  EXPECT_EQ(read("bytes 10-14/100", "abcde")->head.info.size, 100u);
  EXPECT_EQ(*read("bytes 10-12/13", "abc")->body, "abc");
  for (const auto& [range, body] : std::vector<std::pair<std::string, std::string>>{
           {"bytes 10-14/100", "abcd"},   {"bytes 11-15/100", "abcde"}, {"bytes 10-13/100", "abcd"},
           {"bytes 10-14/12", "abcde"},   {"bytes 14-10/100", "abcde"}, {"", "abcde"},
           {"bytes 10-14/*", "abcde"},    {"bytes 10-14/100 ", "abcde"}}) {
    ASSERT_FALSE(read(range, body)) << range;
    EXPECT_EQ(read(range, body).error().code, Code::io) << range;
  }
  EXPECT_EQ(*read_get(request, answer(200, {}, "0123456789abcdefgh"))->body, "abcde") << "a server without ranges";
  EXPECT_FALSE(read_get(request, answer(200, {{"content-length", "99"}}, "0123456789abcdefgh")));
  request.if_match = "other";
  EXPECT_EQ(read("bytes 10-14/100", "abcde").error().code, Code::precondition_failed);
}

TEST(S3AnswerTest, AReceiptIsComparedUnlessTheEtagIsNoMd5) {
  const std::string right = md5_hex("right");
  const std::string wrong = md5_hex("wrong");
  EXPECT_TRUE(check_etag({}, right, right));
  EXPECT_EQ(check_etag({}, wrong, right).error().code, Code::corrupt);
  EXPECT_EQ(check_etag({}, wrong + "-2", right + "-2").error().code, Code::corrupt);
  EXPECT_TRUE(check_etag({}, "0x8D4BCC2E4835CD0", right));
  EXPECT_TRUE(check_etag(answer(200, {{"x-amz-server-side-encryption", "aws:kms"}}, ""), wrong, right));
}

TEST(S3ErrorTest, EachAnswerHasItsCode) {
  const struct {
    int status;
    std::string body;
    Code code;
  } cases[] = {
      {404, error_body("NoSuchKey"), Code::not_found},
      {404, "", Code::not_found},
      {404, error_body("NoSuchBucket"), Code::invalid},
      {403, error_body("AccessDenied"), Code::permission},
      {403, error_body("SignatureDoesNotMatch"), Code::credentials},
      {403, error_body("RequestTimeTooSkewed"), Code::credentials},
      {403, error_body("AccessDenied", "Please reduce your request rate."), Code::throttled},
      {403, "", Code::permission},
      {409, error_body("ConditionalRequestConflict"), Code::busy},
      {412, error_body("PreconditionFailed"), Code::precondition_failed},
      {429, "", Code::throttled},
      {503, error_body("SlowDown"), Code::throttled},
      {503, "<html>", Code::throttled},
      {500, error_body("InternalError"), Code::io},
      {200, error_body("InternalError"), Code::io},
      {200, error_body("SlowDown"), Code::throttled},
      {501, error_body("NotImplemented"), Code::unsupported},
      {502, "", Code::io},
      {400, error_body("AuthorizationHeaderMalformed"), Code::invalid},
      {400, error_body("BadDigest"), Code::io},
      {400, error_body("MetadataTooLarge"), Code::too_large},
      {400, error_body("KeyTooLongError"), Code::name_too_long},
      {507, "", Code::no_space},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(error_from_answer(answer(c.status, {}, c.body), kPlace, "get", 0).code, c.code) << c.status << c.body;
  }
}

TEST(S3ErrorTest, TheSentenceHasTheCure) {
  const auto says = [](const HttpResponse& response) { return error_from_answer(response, kPlace, "get", 0).message; };
  EXPECT_NE(says(answer(403, {{"date", "Thu, 01 Jan 1970 01:00:00 GMT"}}, error_body("RequestTimeTooSkewed")))
                .find("clock is 1 h 0 min behind the store's: set it"),
            std::string::npos);
  EXPECT_NE(says(answer(301, {{"x-amz-bucket-region", "eu-north-1"}}, error_body("PermanentRedirect")))
                .find("AWS_REGION=eu-north-1"),
            std::string::npos);
  EXPECT_EQ(says(answer(400, {}, error_body("Odd", "\x1b[2J"))).find('\x1b'), std::string::npos)
      << "a server's words cannot steer a terminal";
}

TEST(S3ErrorTest, RetryAfterIsSecondsOrADate) {
  EXPECT_EQ(retry_after(answer(503, {{"retry-after", "7"}}, ""), 0), Millis(7'000));
  EXPECT_EQ(retry_after(answer(503, {{"retry-after", "Thu, 01 Jan 1970 00:00:09 GMT"}}, ""), 1'000'000'000), Millis(8'000));
  EXPECT_EQ(retry_after(answer(503, {{"retry-after", "soon"}}, ""), 0), Millis(0));
  EXPECT_EQ(retry_after(answer(503, {}, ""), 0), Millis(0));
}

TEST(S3RequestTest, LabelsSurviveTheHeaders) {
  for (const char* value : {"", "plain", "Größe 🎵", " edge ", "two  blanks", "=?UTF-8?B?eA==?=", "a\nb", "\x01"}) {
    const std::string sent = encode_metadata_value(value);
    EXPECT_EQ(sent.find('\n'), std::string::npos);
    EXPECT_EQ(decode_metadata_value(sent), value);
  }
  EXPECT_EQ(decode_metadata_value("=?UTF-8?Q?Gr=C3=B6=C3=9Fe_1?="), "Größe 1");
  EXPECT_EQ(decode_metadata_value("=?UTF-8?B?R3I=?= =?UTF-8?B?w7bDn2U=?="), "Größe");
  EXPECT_EQ(decode_metadata_value("=?ISO-8859-1?Q?x?="), "=?ISO-8859-1?Q?x?=");
  Pairs headers;
  EXPECT_FALSE(add_labels(headers, "audio/x\r\nX-Evil: 1", {}));
  EXPECT_FALSE(add_labels(headers, "", {{"bad name", "x"}}));
  EXPECT_FALSE(add_labels(headers, "", {{"a\nb", "x"}}));
}

TEST(S3RequestTest, PathStyleAndVirtualHostPutTheBucketWhereItBelongs) {
  S3Place place = kPlace;
  const SigningKeys keys{"id", "secret", ""};
  EXPECT_EQ(signed_request(place, {.method = "GET", .key = "lib/a b"}, keys, 0).url,
            "https://s3.example.com/crate/lib/a%20b");
  place.path_style = false;
  EXPECT_EQ(signed_request(place, {.method = "GET", .key = "x", .query = {{"uploads", ""}}}, keys, 0).url,
            "https://crate.s3.example.com/x?uploads=");
  EXPECT_EQ(copy_source(place, "a b/ü"), "/crate/a%20b/%C3%BC");
}

TEST(CredentialsTest, IniFilesAsTheAwsToolsWriteThem) {
  const auto profiles = parse_ini(
      "# comment\n[default]\naws_access_key_id = A\naws_secret_access_key=S=+/\n\n"
      "[profile studio]\nregion = eu-west-1\ns3 =\n  addressing_style = path\ncredential_process = /bin/keys x\n");
  EXPECT_EQ(profiles.at("default").at("aws_secret_access_key"), "S=+/");
  EXPECT_EQ(profiles.at("studio").at("region"), "eu-west-1");
  EXPECT_EQ(profiles.at("studio").at("credential_process"), "/bin/keys x");
  EXPECT_EQ(profiles.at("studio").count("addressing_style"), 0u);
}

TEST(CredentialsTest, TheEnvironmentIsFoundAndAnAbsenceNamesTheCure) {
  Environment environment{{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"HOME", "/nonexistent"}};
  EXPECT_EQ(find_keys(environment, {"s3", ""})->keys.access_key, "A");
  environment["R2_ACCESS_KEY_ID"] = "R";
  environment["R2_SECRET_ACCESS_KEY"] = "T";
  EXPECT_EQ(find_keys(environment, {"r2", ""})->keys.access_key, "R");
  EXPECT_EQ(find_keys(environment, {"s3", ""})->keys.access_key, "A");
  const auto none = find_keys({{"HOME", "/nonexistent"}}, {"s3", ""});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("set AWS_ACCESS_KEY_ID"), std::string::npos);
}

TEST(CredentialsTest, AProcessAnswersInJson) {
  const auto answer_of = parse_process_answer(
      R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2015-10-21T07:28:00Z"})");
  ASSERT_TRUE(answer_of);
  EXPECT_EQ(answer_of->keys.session_token, "T");
  EXPECT_EQ(answer_of->expires_wall_ns, 1'445'412'480'000'000'000);
  EXPECT_FALSE(parse_process_answer("not json"));
  EXPECT_FALSE(parse_process_answer("[]"));
  EXPECT_FALSE(parse_process_answer(R"({"AccessKeyId":"A"})"));
}

TEST(StoreHealthTest, ItTakesMoreThanOneLostAnswerToCallAStoreUnreachable) {
  ManualClock clock;
  StoreHealth health(clock);
  std::vector<StoreState> seen;
  health.observe([&](StoreState, StoreState now) { seen.push_back(now); });
  health.request_succeeded();
  health.request_failed({Code::timeout, "slow"});
  EXPECT_EQ(health.state(), StoreState::ok);
  health.request_failed({Code::timeout, "slow"});
  health.request_failed({Code::timeout, "slow"});
  EXPECT_EQ(health.state(), StoreState::unreachable);
  EXPECT_FALSE(health.reachable());
  health.request_succeeded();
  EXPECT_TRUE(health.reachable());
  health.set_offline(true);
  health.request_succeeded();  // an answer that was under way
  EXPECT_EQ(health.state(), StoreState::offline);
  health.set_offline(false);
  EXPECT_EQ(seen, (std::vector<StoreState>{StoreState::ok, StoreState::unreachable, StoreState::ok,
                                           StoreState::offline, StoreState::unknown}));
}

TEST(StoreTraitsTest, WhatCannotBeReadBecomesCareful) {
  StoreTraits traits;
  traits.probed = traits.put_if_absent = true;
  traits.quoted_if_match = false;
  traits.description = "x";
  const StoreTraits back = StoreTraits::from_json(traits.to_json());
  EXPECT_EQ(back.to_json(), traits.to_json());
  for (const char* bad : {"", "[]", "{\"probed\":\"yes\",\"put_if_absent\":1}"}) {
    EXPECT_FALSE(StoreTraits::from_json(bad).probed) << bad;
    EXPECT_FALSE(StoreTraits::from_json(bad).put_if_absent) << bad;
  }
}

}  // namespace cd
