#include "base/codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cd {
namespace {

RC_GTEST_PROP(CodecTest, WhatWasEncodedIsDecoded, (std::uint64_t a, std::int64_t b, std::string s, std::uint8_t c)) {
  Encoder out;
  out.varint(a);
  out.i64(b);
  out.string(s);
  out.u8(c);
  Decoder in(out.str());
  RC_ASSERT(in.varint() == a);
  RC_ASSERT(in.i64() == b);
  RC_ASSERT(in.string() == s);
  RC_ASSERT(in.u8() == c);
  RC_ASSERT(in.done());
}

RC_GTEST_PROP(CodecTest, BytesCutAnywhereAreNeverReadPastTheirEnd, (std::string s, std::uint64_t n)) {
  Encoder out;
  out.string(s);
  out.u64(n);
  const std::string whole = out.str();
  const auto cut = *rc::gen::inRange<std::size_t>(0, whole.size());
  Decoder in(std::string_view(whole).substr(0, cut));
  (void)in.string();
  (void)in.u64();
  RC_ASSERT(!in.ok());
  RC_ASSERT(in.u64() == 0U);  // and stays silent afterwards
}

TEST(CodecTest, AVarintThatNeverEndsIsAnErrorNotALoop) {
  Decoder in(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12));
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace cd
