#include "base/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace cd {
namespace {

EVP_MD_CTX* as_context(void* context) { return static_cast<EVP_MD_CTX*>(context); }

std::string_view as_text(const Md5Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Md5::Md5() : context_(EVP_MD_CTX_new()) {
  CD_CHECK(context_ != nullptr && EVP_DigestInit_ex(as_context(context_), EVP_md5(), nullptr) == 1);
}
Md5::~Md5() { EVP_MD_CTX_free(as_context(context_)); }
Md5::Md5(Md5&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Md5& Md5::operator=(Md5&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}

void Md5::update(std::string_view bytes) {
  CD_CHECK(EVP_DigestUpdate(as_context(context_), bytes.data(), bytes.size()) == 1);
}

Md5Digest Md5::finish() {
  Md5Digest out{};
  CD_CHECK(EVP_DigestFinal_ex(as_context(context_), out.data(), nullptr) == 1);
  CD_CHECK(EVP_DigestInit_ex(as_context(context_), EVP_md5(), nullptr) == 1);
  return out;
}

Md5Digest md5(std::string_view bytes) {
  Md5 hasher;
  hasher.update(bytes);
  return hasher.finish();
}

std::string hex(const Md5Digest& digest) {
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

void EtagHasher::update(std::string_view bytes) {
  whole_.update(bytes);
  while (!bytes.empty()) {
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), part_bytes_ - in_part_));
    part_.update(bytes.substr(0, take));
    bytes.remove_prefix(take);
    in_part_ += take;
    if (in_part_ < part_bytes_) return;
    of_parts_.update(as_text(part_.finish()));
    ++parts_;
    in_part_ = 0;
  }
}

EtagHasher::Etags EtagHasher::finish() {
  if (in_part_ > 0 || parts_ == 0) {
    of_parts_.update(as_text(part_.finish()));
    ++parts_;
  }
  return {hex(whole_.finish()), fmt::format("{}-{}", hex(of_parts_.finish()), parts_)};
}

}  // namespace cd
