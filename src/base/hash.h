// Hashes of content: xxh3 of 64 and 128 bits (https://github.com/Cyan4973/xxHash, spec 0.1.1).
// Not cryptographic: for checksums of our own bytes, identity of content among friends, and table keys.
// The only place that names xxhash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cd {

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] bool empty() const { return high == 0 && low == 0; }
  [[nodiscard]] std::string hex() const;  // 32 lower-case digits, high first (xxhsum's canonical form)
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t xxh3_64(std::string_view bytes);
[[nodiscard]] Hash128 xxh3_128(std::string_view bytes);
// Empty (all zero) if `hex` is not 32 hexadecimal digits.
[[nodiscard]] Hash128 hash128_from_hex(std::string_view hex);

// Hash of a stream: update as often as you like, then digest. One thread at a time.
class Hasher128 {
 public:
  Hasher128();
  ~Hasher128();
  Hasher128(Hasher128&&) noexcept;
  Hasher128& operator=(Hasher128&&) noexcept;

  void update(std::string_view bytes);
  [[nodiscard]] Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cd

template <>
struct std::hash<cd::Hash128> {
  std::size_t operator()(const cd::Hash128& h) const noexcept { return h.low ^ (h.high * 0x9E3779B97F4A7C15ULL); }
};
