// DriveControl: the verbs that are written to .cratedrive/control. Each is accepted when it returns and carried
// out at once; none waits for the network. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/drive_parts.h"

namespace cd {

class DriveControl {
 public:
  // `try_store`: wakes whoever looks whether the store is back.
  DriveControl(const DriveParts& parts, std::function<void()> try_store);

  // One line: a verb, for `retry` a path behind it, for `limit` what and how much. invalid: not understood; lists the verbs.
  [[nodiscard]] Status command(std::string_view line);
  // What the file shows when it is read: the verbs and what they do.
  [[nodiscard]] std::string help() const;

 private:
  struct Verb {
    std::string_view name;
    std::string_view help;
    std::function<Status(const std::string& argument)> run;
    bool takes_argument = false;
  };
  const std::vector<Verb> verbs_;
};

// What batches/<id>/control shows when it is read.
[[nodiscard]] std::string batch_control_help();

}  // namespace cd
