// SampleCard: one of the newest samples, as the dashboard and the status show it. Values.
#pragma once

#include <string>

namespace cd {

struct SampleCard {
  std::string path;  // in the library
  std::string wave;  // batch/wave_label.h
  std::string kind;  // "" = not known, as the next ones
  std::string bpm;
  std::string key;
  std::string lufs;
  std::string duration;
};

}  // namespace cd
