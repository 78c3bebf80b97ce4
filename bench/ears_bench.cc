// ears_bench SET…: what the built-in ears reach on labelled sets, one table for people. --list prints every answer,
// --evidence and --timbres what bench/ears_fit reads.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <map>
#include <set>

#include "bench/ears_evidence.h"
#include "bench/ears_score.h"
#include "bench/ears_truth.h"

namespace cd::bench {

namespace {

struct Answer {
  Truth truth;
  Report clean;
  Report worn;  // of the damaged file; only of loops whose tempo is known
};

double processor_s() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Report listen(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  FdSource source(fd);
  const auto report = analyze(source, "sound");  // the real name would tell
  if (fd >= 0) ::close(fd);
  return report.value_or(Report{});
}

Report listen_to_bytes(const std::string& bytes) {
  MemorySource source(bytes);
  return analyze(source, "sound").value_or(Report{});
}

using Rows = std::vector<Answer>;
using Only = std::function<bool(const Answer&)>;

void print_tempo(const char* name, const Rows& rows, const Only& only, bool worn) {
  for (const int half : {0, 1}) {
    TempoScore score;
    TempoScore blind;
    for (const Answer& a : rows) {
      const Report& report = worn ? a.worn : a.clean;
      if (a.truth.bpm <= 0 || int{a.truth.second_half} != half || !only(a) || !report.format) continue;
      score.add(report.tempo, a.truth.bpm);
      blind.add(blind_tempo(report.format->duration_s), a.truth.bpm);
    }
    if (score.files == 0) continue;
    std::printf("%-28s %c %5zu  %5.1f %5.1f %5.1f  %6.1f   %5.1f %5.1f %5.1f  %5.1f\n", name, half == 0 ? 'A' : 'B',
                score.files, percent(score.acc1e, score.files), percent(score.acc1, score.files),
                percent(score.acc2, score.files), score.confident_half(), percent(blind.acc1e, blind.files),
                percent(blind.acc1, blind.files), percent(blind.acc2, blind.files), percent(score.answers, score.files));
  }
}

void print_tempos(const Rows& rows) {
  std::printf("%-28s %c %5s  %5s %5s %5s  %6s   %5s %5s %5s  %5s\n", "Tempo", ' ', "files", "ACC1e", "ACC1", "ACC2",
              "sure½", "blind", "ACC1", "ACC2", "given");
  const auto kind = [](const char* word) { return [word](const Answer& a) { return a.truth.kind == word; }; };
  print_tempo("clean loops", rows, kind("loop"), false);
  print_tempo("damaged loops", rows, kind("loop"), true);
  print_tempo("tracks", rows, kind("track"), false);
  std::set<std::string> contents;
  for (const Answer& a : rows) {
    if (a.truth.bpm > 0 && a.truth.kind == "loop") contents.insert(a.truth.content);
  }
  for (const std::string& content : contents) {
    print_tempo(("  clean, " + content).c_str(), rows,
                [&](const Answer& a) { return a.truth.kind == "loop" && a.truth.content == content; }, false);
  }
}

void print_keys(const Rows& rows) {
  std::printf("\n%-28s %c %5s  %8s %5s  %5s\n", "Key", ' ', "files", "weighted", "exact", "given");
  for (const bool detuned : {false, true}) {
    for (const int half : {0, 1}) {
      KeyScore score;
      for (const Answer& a : rows) {
        const auto key = parse_key(a.truth.key);
        if (!key || int{a.truth.second_half} != half || a.truth.note.starts_with("detuned") != detuned) continue;
        score.add(a.clean.key, *key);
      }
      if (score.files == 0) continue;
      std::printf("%-28s %c %5zu  %8.1f %5.1f  %5.1f\n", detuned ? "detuned by 25 cents" : "in tune",
                  half == 0 ? 'A' : 'B', score.files, percent(score.weighted, static_cast<double>(score.files)),
                  percent(score.exact, score.files), percent(score.answers, score.files));
    }
  }
}

void print_share(const char* name, const Rows& rows, const Only& of, const Only& right) {
  for (const int half : {0, 1}) {
    std::size_t there = 0;
    std::size_t good = 0;
    for (const Answer& a : rows) {
      if (int{a.truth.second_half} != half || !of(a) || !a.clean.is_audio) continue;
      ++there;
      good += right(a) ? 1U : 0U;
    }
    if (there > 0) std::printf("%-28s %c %5zu  %5.1f\n", name, half == 0 ? 'A' : 'B', there, percent(good, there));
  }
}

void print_kinds(const Rows& rows) {
  std::printf("\n%-28s %c %5s  %5s\n", "Kind, and key or none", ' ', "files", "right");
  const Only loop = [](const Answer& a) { return a.truth.kind == "loop"; };
  const Only shot = [](const Answer& a) { return a.truth.kind == "oneshot"; };
  const Only drums = [](const Answer& a) { return a.truth.content == "drum" || a.truth.content == "drums"; };
  print_share("loops called loops", rows, loop, [](const Answer& a) { return a.clean.kind == Kind::loop; });
  print_share("one-shots called one-shots", rows, shot, [](const Answer& a) { return a.clean.kind == Kind::one_shot; });
  print_share("tracks called tracks", rows, [](const Answer& a) { return a.truth.kind == "track"; },
              [](const Answer& a) { return a.clean.kind == Kind::track; });
  print_share("tonal that keep a key", rows, [](const Answer& a) { return !a.truth.key.empty(); },
              [](const Answer& a) { return a.clean.key.has_value(); });
  print_share("drum loops without a key", rows, [&](const Answer& a) { return loop(a) && drums(a); },
              [](const Answer& a) { return !a.clean.key; });
  print_share("drum one-shots without a key", rows, [&](const Answer& a) { return shot(a) && drums(a); },
              [](const Answer& a) { return !a.clean.key; });
}

void print_classes(const Rows& rows) {
  std::printf("\n%-28s %c %5s  %5s\n", "Class of one-shots", ' ', "files", "right");
  std::set<std::string> classes;
  for (const Answer& a : rows) {
    if (!a.truth.sound_class.empty()) classes.insert(a.truth.sound_class);
  }
  for (const std::string& name : classes) {
    print_share(name.c_str(), rows, [&](const Answer& a) { return a.truth.sound_class == name; },
                [&](const Answer& a) { return a.clean.sound_class == name; });
  }
}

void print_onsets(const Rows& rows) {
  std::printf("\n%-28s %c %5s  %5s %5s %5s\n", "Onsets within 25 ms", ' ', "files", "F", "prec.", "rec.");
  std::map<std::string, std::array<OnsetScore, 2>> scores;
  std::map<std::string, std::array<std::size_t, 2>> files;
  for (const Answer& a : rows) {
    if (a.truth.onsets_path.empty()) continue;
    scores[a.truth.content][a.truth.second_half ? 1 : 0].add(a.clean.onsets_s, read_onsets(a.truth.onsets_path));
    ++files[a.truth.content][a.truth.second_half ? 1 : 0];
  }
  for (const auto& [content, halves] : scores) {
    for (const std::size_t half : {0U, 1U}) {
      const OnsetScore& s = halves[half];
      if (s.there > 0)
        std::printf("%-28s %c %5zu  %5.1f %5.1f %5.1f\n", content.c_str(), half == 0 ? 'A' : 'B', files[content][half],
                    s.f(), percent(s.hits, s.heard), percent(s.hits, s.there));
    }
  }
}

void list(const Rows& rows) {
  const auto text = [](const Report& r) {
    char out[64];
    std::snprintf(out, sizeof out, "%.2f@%.2f", r.tempo ? r.tempo->bpm : 0, r.tempo ? r.tempo->confidence : 0);
    return std::string(out);
  };
  for (const Answer& a : rows) {
    const auto key = parse_key(a.truth.key);
    std::printf("%s\t%c\t%s\tbpm %.2f\t%s\t%s\tkey %s\t%s\t%s\t%s\n", a.truth.path.c_str(), a.truth.second_half ? 'B' : 'A',
                a.truth.kind.c_str(), a.truth.bpm, text(a.clean).c_str(), text(a.worn).c_str(),
                key ? key->name().c_str() : "-", a.clean.key ? a.clean.key->name().c_str() : "-",
                std::string(name_of(a.clean.kind)).c_str(), labels_of(a.clean)["class"].c_str());
  }
}

int run(const std::vector<std::string>& folders, bool listing) {
  Rows rows;
  double heard_s = 0;
  double cost_s = 0;
  auto truths = read_truths(folders);
  if (!truths) return 1;
  for (Truth& truth : *truths) {
    const double begin_s = processor_s();
    Answer answer{std::move(truth), {}, {}};
    answer.clean = listen(answer.truth.path);
    cost_s += processor_s() - begin_s;
    if (answer.clean.format) heard_s += answer.clean.format->duration_s;
    if (answer.truth.bpm > 0 && answer.truth.kind == "loop") answer.worn = listen_to_bytes(damaged(answer.truth));
    rows.push_back(std::move(answer));
  }
  if (listing) {
    list(rows);
    return 0;
  }
  print_tempos(rows);
  print_keys(rows);
  print_kinds(rows);
  print_classes(rows);
  print_onsets(rows);
  std::printf("\n%zu files, %.0f s of sound in %.1f s of one core: %.0f x realtime, %.0f files/s\n", rows.size(), heard_s,
              cost_s, heard_s / cost_s, static_cast<double>(rows.size()) / cost_s);
  return 0;
}

}  // namespace

}  // namespace cd::bench

int main(int argc, char** argv) {
  std::vector<std::string> folders(argv + 1, argv + argc);
  const bool listing = !folders.empty() && folders.front() == "--list";
  const bool timbres = !folders.empty() && folders.front() == "--timbres";
  const bool evidence = !folders.empty() && folders.front() == "--evidence";
  if (listing || evidence || timbres) folders.erase(folders.begin());
  if (folders.empty()) {
    std::fprintf(stderr, "usage: ears_bench [--list | --evidence | --timbres] SET...\n");
    return 2;
  }
  if (timbres) return cd::bench::print_timbres(folders);
  return evidence ? cd::bench::print_evidence(folders) : cd::bench::run(folders, listing);
}
