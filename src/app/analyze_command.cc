// analyze: listens to local files and folders of them; a table for people, an array for programs.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "analyze/analyze_file.h"
#include "app/commands.h"
#include "base/text.h"

namespace cd {

namespace {

namespace stdfs = std::filesystem;

// Files as given; of a folder all regular files below it, in the order of their names.
Result<std::vector<std::string>> files_of(const std::vector<std::string>& given) {
  std::vector<std::string> out;
  for (const std::string& path : given) {
    std::error_code error;
    if (!stdfs::is_directory(path, error)) {
      out.push_back(path);
      continue;
    }
    const std::size_t first = out.size();
    for (stdfs::recursive_directory_iterator it(path, stdfs::directory_options::skip_permission_denied, error), end;
         !error && it != end; it.increment(error)) {
      std::error_code ignored;  // what vanished meanwhile is no file
      if (it->is_regular_file(ignored)) out.push_back(it->path().string());
    }
    if (error) return fail(error_from_errno(error.value(), "read " + printable(path)));
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
  }
  return out;
}

Result<Report> listen(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(error_from_errno(errno, printable(path)));
  FdSource source(fd);
  auto report = analyze(source, path);
  ::close(fd);
  return report;
}

void print_row(const std::string& path, const Report& report) {
  auto labels = labels_of(report);
  const auto label = [&labels](const char* name) { return labels[name].empty() ? std::string("-") : labels[name]; };
  const std::string length = labels["duration"].empty() ? "-" : labels["duration"] + " s";
  std::printf("%s\n", fmt::format("{:<34} {:<9} {:>10} {:>6} {:>4} {:>4} {:>7}", shorten(printable(path), 34),
                                  label("kind"), length, label("bpm"), label("key"), label("camelot"), label("lufs"))
                          .c_str());
  for (const std::string& warning : report.warnings) std::printf("    %s\n", shorten(printable(warning), 76).c_str());
}

nlohmann::ordered_json object_of(const std::string& path, const Result<Report>& report) {
  nlohmann::ordered_json object{{"file", path}};
  if (!report) {
    object["error"] = report.error().message;
  } else {
    object.update(nlohmann::ordered_json::parse(to_json(*report), nullptr, false));
  }
  return object;
}

}  // namespace

Outcome run_analyze(const AnalyzeArguments& arguments) {
  const auto files = files_of(arguments.files);
  if (!files) return Outcome::fail(ExitCode::failed, files.error());
  Outcome outcome;
  if (arguments.json) {
    std::printf("[");
  } else {
    std::printf("%-34s %-9s %10s %6s %4s %4s %7s\n", "file", "kind", "length", "bpm", "key", "cam.", "LUFS");
  }
  const char* separator = "\n";
  for (const std::string& path : *files) {
    const auto report = listen(path);
    if (!report) {
      outcome.code = ExitCode::failed;
      if (!arguments.json) std::fprintf(stderr, "cratedrive: %s\n", report.error().message.c_str());
    }
    if (arguments.json) {
      const auto object = object_of(path, report);
      std::printf("%s%s", separator, object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
      separator = ",\n";
    } else if (report) {
      print_row(path, *report);
    }
    std::fflush(stdout);
  }
  if (arguments.json) std::printf("\n]\n");
  return outcome;
}

}  // namespace cd
