#include "base/digest.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/hash.h"

namespace cd {
namespace {

TEST(DigestTest, Md5IsThatOfRfc1321) {
  EXPECT_EQ(hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(hex(md5("message digest")), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(DigestTest, AMultipartEtagIsTheMd5OfThePartsMd5s) {
  const std::string parts[] = {std::string(5, 'a'), std::string(5, 'b'), std::string(2, 'c')};
  std::string digests;
  std::string whole;
  for (const auto& part : parts) {
    const Md5Digest d = md5(part);
    digests.append(reinterpret_cast<const char*>(d.data()), d.size());
    whole += part;
  }
  for (const std::size_t step : {1U, 3U, 5U, 12U}) {
    EtagHasher hasher(5);
    for (std::size_t at = 0; at < whole.size(); at += step) hasher.update(whole.substr(at, step));
    const auto etags = hasher.finish();
    EXPECT_EQ(etags.single, hex(md5(whole)));
    EXPECT_EQ(etags.multipart, hex(md5(digests)) + "-3");
  }
}

TEST(DigestTest, AnEmptyFileIsOneEmptyPart) {
  EtagHasher hasher(5);
  EXPECT_EQ(hasher.finish().single, "d41d8cd98f00b204e9800998ecf8427e");
}

TEST(HashTest, Xxh128HasItsPublishedValueForNothingAndComesBackFromHex) {
  EXPECT_EQ(xxh3_128("").hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash128_from_hex(xxh3_128("kick").hex()), xxh3_128("kick"));
  EXPECT_TRUE(hash128_from_hex("not a hash").empty());
  Hasher128 stream;
  stream.update("ki");
  stream.update("ck");
  EXPECT_EQ(stream.digest(), xxh3_128("kick"));
}

TEST(ClockTest, TimesAreWrittenInUtc) {
  EXPECT_EQ(format_utc(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_utc_ms(1'700'000'000'123'000'000), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(format_utc_ms(-1'000'000), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace cd
