// MD5 as stores use it for ETags and Content-MD5 (RFC 1321; not for security), on OpenSSL's libcrypto.
// EtagHasher gives the ETag that S3 gives an object: the MD5 of a single PUT, or for a multipart upload the
// MD5 of the parts' MD5s with "-<parts>" behind it. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cd {

using Md5Digest = std::array<unsigned char, 16>;

class Md5 {
 public:
  Md5();
  ~Md5();
  Md5(Md5&&) noexcept;
  Md5& operator=(Md5&&) noexcept;
  void update(std::string_view bytes);
  [[nodiscard]] Md5Digest finish();  // once; afterwards it starts anew

 private:
  void* context_;
};

[[nodiscard]] Md5Digest md5(std::string_view bytes);
[[nodiscard]] std::string hex(const Md5Digest& digest);

class EtagHasher {
 public:
  explicit EtagHasher(std::uint64_t part_bytes) : part_bytes_(part_bytes) {}
  void update(std::string_view bytes);
  struct Etags {
    std::string single;     // as one PUT
    std::string multipart;  // in parts of part_bytes
  };
  [[nodiscard]] Etags finish();

 private:
  const std::uint64_t part_bytes_;
  std::uint64_t in_part_ = 0;
  std::uint64_t parts_ = 0;
  Md5 whole_;
  Md5 part_;
  Md5 of_parts_;
};

}  // namespace cd
