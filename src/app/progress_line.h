// ProgressLine: how far a command is: one line that is drawn over on a terminal, now and then a plain one elsewhere.
// Main thread only; its destructor wipes the line away.
#pragma once

#include <chrono>
#include <string>

namespace cd {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(double fraction, const std::string& text);  // fraction: 0 to 1

 private:
  const bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point printed_;
};

}  // namespace cd
