// Encoder and Decoder: how records look on disk. Little-endian fixed-width integers, LEB128 varints, and
// strings as varint length + bytes. docs/ON_DISK_FORMAT.md describes each record in these terms.
// The Decoder never reads past its end and never throws: after the first bad read `ok()` is false and
// every further read gives zero or empty; check once at the end.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace cd {

static_assert(std::endian::native == std::endian::little);

class Encoder {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u32(std::uint32_t v) { raw(&v, sizeof v); }
  void u64(std::uint64_t v) { raw(&v, sizeof v); }
  void i64(std::int64_t v) { raw(&v, sizeof v); }
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) u8(static_cast<std::uint8_t>(v | 0x80));
    u8(static_cast<std::uint8_t>(v));
  }
  void string(std::string_view s) {
    varint(s.size());
    out_.append(s);
  }
  void bytes(std::string_view s) { out_.append(s); }  // without a length

  [[nodiscard]] const std::string& str() const& { return out_; }
  [[nodiscard]] std::string str() && { return std::move(out_); }
  [[nodiscard]] std::size_t size() const { return out_.size(); }
  void clear() { out_.clear(); }

 private:
  void raw(const void* p, std::size_t n) { out_.append(static_cast<const char*>(p), n); }
  std::string out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view in) : in_(in) {}

  std::uint8_t u8() { return fixed<std::uint8_t>(); }
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  std::uint64_t u64() { return fixed<std::uint64_t>(); }
  std::int64_t i64() { return fixed<std::int64_t>(); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = u8();
      v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if ((b & 0x80) == 0) return v;
    }
    ok_ = false;
    return 0;
  }
  std::string_view string() { return bytes(varint()); }
  std::string_view bytes(std::uint64_t n) {
    if (!ok_ || n > in_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view out = in_.substr(0, n);
    in_.remove_prefix(n);
    return out;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool done() const { return ok_ && in_.empty(); }
  [[nodiscard]] std::size_t remaining() const { return in_.size(); }

 private:
  template <class T>
  T fixed() {
    T v{};
    const std::string_view b = bytes(sizeof v);
    if (b.size() == sizeof v) std::memcpy(&v, b.data(), sizeof v);
    return v;
  }

  std::string_view in_;
  bool ok_ = true;
};

}  // namespace cd
