// DrainProgress: how far a drive is on its way to having everything in the bucket, from its status.json. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace cd {

class DrainProgress {
 public:
  // Takes in the next reading. corrupt: not a status.json.
  [[nodiscard]] Status update(const std::string& status_json);

  // Nothing is left that will move by itself: all stored, or what remains has failed, is paused or on hold.
  [[nodiscard]] bool over() const;
  // For the user, when it is over: "what is left stays on this machine … (failed uploads: 2)", or "".
  [[nodiscard]] std::string left_behind() const;

  [[nodiscard]] double fraction() const;
  [[nodiscard]] std::uint64_t to_go() const { return uploads_to_go_ + batch_files_to_go_; }
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }  // why nothing moves; "" = it moves
  [[nodiscard]] double bytes_per_second() const { return bytes_per_second_; }

 private:
  std::uint64_t uploads_to_go_ = 0;
  std::uint64_t batch_files_to_go_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t paused_uploads_ = 0;
  std::uint64_t paused_batches_ = 0;
  std::uint64_t most_ = 0;  // the largest to_go() seen: the whole way
  double bytes_per_second_ = 0;
  std::string obstacle_;
};

// One line of at most 79 columns: a bar, what is to go, and what is in the way.
[[nodiscard]] std::string drain_line(const DrainProgress& progress);

}  // namespace cd
