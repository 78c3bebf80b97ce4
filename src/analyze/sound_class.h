// The class of a one-shot, as sample managers name them, from its timbre: a multinomial logit, fitted by bench/ears_fit
// to the samples of drum kits. It tells what drums sound like; what a melodic sound is played on, its name tells better.
#pragma once

#include "analyze/feature.h"
#include "analyze/onsets.h"
#include "analyze/timbre.h"

namespace cd {

struct ClassGuess {
  std::string_view name;  // "kick", "snare", …, or "other" where no class is likely
  double confidence = 0;  // 0 to 1
};
[[nodiscard]] ClassGuess class_of(const Timbre& timbre);

// A class that has no key: kick, snare, clap, hat, cymbal, tom, percussion.
[[nodiscard]] bool is_drum(std::string_view sound_class);

// Report::sound_class, of one-shots; `onsets` and the kind must be finished before.
class SoundClassMeter final : public Feature {
 public:
  explicit SoundClassMeter(const OnsetMeter& onsets) : onsets_(onsets) {}
  void add(const Block&) override {}
  void finish(Report& report) override;

 private:
  const OnsetMeter& onsets_;
};

}  // namespace cd
