#include "analyze/name_hint.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace cd {
namespace {

// "bpm=120 key=Am" as found, with the source where it is not the name.
std::string hints(std::string_view path) {
  std::string out;
  for (const Hint& hint : hints_of_name(path)) {
    if (!out.empty()) out += ' ';
    out += std::string(name_of(hint.field)) + "=" + hint.value;
    if (hint.source != HintSource::file_name) out += "(" + std::string(name_of(hint.source)) + ")";
  }
  return out;
}

TEST(NameHint, NamesAsSampleMakersWriteThem) {
  EXPECT_EQ(hints("SM_NP_100_electric_guitar_baby_Dmaj.wav"), "bpm=100 key=D");
  EXPECT_EQ(hints("lead_120bpm_Am.wav"), "bpm=120 key=Am class=lead");
  EXPECT_EQ(hints("break01 - 168 BPM.ogg"), "bpm=168");
  EXPECT_EQ(hints("Rhodes - 92.wav"), "bpm=92 class=keys");
  EXPECT_EQ(hints("BPM128 Bass Loop F#m.wav"), "bpm=128 key=F#m kind=loop class=bass");
  EXPECT_EQ(hints("drum_loop_92.5.aif"), "bpm=92.5 kind=loop");
  EXPECT_EQ(hints("8A - 124bpm - pad.wav"), "bpm=124 key=Am class=pad");
  EXPECT_EQ(hints("Strings A minor.wav"), "key=Am");
  EXPECT_EQ(hints("pad 8A.wav"), "key=Am class=pad");
  EXPECT_EQ(hints("One Shot Bass C#m.wav"), "key=C#m kind=one-shot class=bass");
}

TEST(NameHint, AnOpenKeyCountsBesideATempo) {
  EXPECT_EQ(hints("groove 124bpm 1m.wav"), "bpm=124 key=Am");
  EXPECT_EQ(hints("rain 1m.wav"), "");
}

TEST(NameHint, ClassesAreReadInTheSingularThePluralAndWithANumber) {
  EXPECT_EQ(hints("Kicks/01.wav"), "class=kick(folder)");
  EXPECT_EQ(hints("Snare03.wav"), "class=snare");
  EXPECT_EQ(hints("Vox Chop.wav"), "class=vocal");
  EXPECT_EQ(hints("brideshead.wav"), "") << "a word within a word";
}

TEST(NameHint, WhatOnlyLooksLikeALabelIsLeftAlone) {
  for (const char* name : {"kick 8A.wav", "snare_02B.wav", "take 100.wav", "TR808 Cowbell.wav", "A.wav",
                           "C#3.wav", "crash 16.wav", "I am here.wav", "loop 100 120.wav", "007 loop.wav",
                           "bpm.wav", "999bpm.wav", "Kick-Hard-001.wav", "", ".wav", "oneshot_120.wav"}) {
    const std::string found = hints(name);
    EXPECT_EQ(found.find("bpm="), std::string::npos) << name << ": " << found;
    EXPECT_EQ(found.find("key="), std::string::npos) << name << ": " << found;
  }
}

TEST(NameHint, FoldersCountBelowTheName) {
  EXPECT_EQ(hints("Loops 120 BPM/Am/bass.wav"), "class=bass bpm=120(folder) key=Am(folder) kind=loop(folder)");
  EXPECT_EQ(hints("90 bpm/120 bpm/x.wav"), "bpm=120(folder)") << "the nearest folder";
  EXPECT_EQ(hints("90 bpm/x 100bpm.wav"), "bpm=100 bpm=90(folder)");
  EXPECT_EQ(hints("One Shots/100/kick.wav"), "class=kick kind=one-shot(folder)");
}

TEST(NameHint, BpmIsShownWithoutNeedlessDigits) {
  EXPECT_EQ(bpm_text(120), "120");
  EXPECT_EQ(bpm_text(92.5), "92.5");
  EXPECT_EQ(bpm_text(119.99), "119.99");
  EXPECT_EQ(bpm_text(100), "100");
}

RC_GTEST_PROP(NameHint, AnyNameGivesCanonicalHintsOrNone, (const std::string& path)) {
  for (const Hint& hint : hints_of_name(path)) {
    RC_ASSERT(hint.field != HintField::key || parse_key(hint.value)->name() == hint.value);
    RC_ASSERT(hint.field != HintField::kind || kind_from_name(hint.value) != Kind::unknown);
  }
}

}  // namespace
}  // namespace cd
