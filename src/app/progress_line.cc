#include "app/progress_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace cd {

namespace {

constexpr std::chrono::seconds kLineEvery{5};
constexpr int kBarColumns = 26;

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDOUT_FILENO) == 1), printed_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  if (drawn_) std::printf("\r\033[K");
}

void ProgressLine::show(double fraction, const std::string& text) {
  fraction = std::clamp(fraction, 0.0, 1.0);
  const std::string line = fmt::format("{} {:>3} %  {}", progress_bar(fraction, kBarColumns), static_cast<int>(fraction * 100), text);
  const auto now = std::chrono::steady_clock::now();
  if (terminal_) {
    std::printf("\r\033[K%s", line.c_str());
    drawn_ = true;
  } else if (now - printed_ >= kLineEvery) {
    std::printf("%s\n", line.c_str());
    printed_ = now;
  }
  std::fflush(stdout);
}

}  // namespace cd
