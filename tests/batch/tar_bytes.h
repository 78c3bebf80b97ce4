// An archive for tests, written by hand: a plain tar, whose entries may be what no honest tar would hold.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace cd::testing {

class TarBytes {
 public:
  TarBytes& file(std::string_view path, std::string_view bytes) {
    header(path, bytes.size(), '0', "");
    bytes_ += bytes;
    bytes_.append((512 - bytes.size() % 512) % 512, '\0');
    return *this;
  }
  // '1' hard link, '2' symbolic link, '3' character device, '5' folder, '6' fifo
  TarBytes& entry(std::string_view path, char type, std::string_view target = "") {
    header(path, 0, type, target);
    return *this;
  }
  [[nodiscard]] std::string str() const { return bytes_ + std::string(1024, '\0'); }

 private:
  void header(std::string_view path, std::size_t size, char type, std::string_view target) {
    std::string h(512, '\0');
    const auto put = [&h](std::size_t at, std::string_view text) { h.replace(at, text.size(), text); };
    char octal[16];
    put(0, path.substr(0, 99));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    std::snprintf(octal, sizeof octal, "%011zo", size);
    put(124, octal);
    put(136, "14000000000");  // some day in 2021
    put(148, "        ");
    put(156, {&type, 1});
    put(157, target.substr(0, 99));
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    std::snprintf(octal, sizeof octal, "%06o", sum);
    put(148, octal);
    h[154] = '\0';
    bytes_ += h;
  }
  std::string bytes_;
};

}  // namespace cd::testing
