// main: what concerns the whole process, then the command.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <variant>

#include "app/command_line.h"
#include "app/commands.h"
#include "base/crash_point.h"

namespace {

// Each cached or staged file may need a descriptor: take what the system gives without asking.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return;
}

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  raise_descriptor_limit();
  // glibc keeps up to eight heaps a core; with a thread for everything that is memory nobody uses.
  ::mallopt(M_ARENA_MAX, 4);
  // Nor that it learns from the first large body to keep the next ones: they go back to the system when they are done with.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
  cd::arm_crash_points_from_environment();
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

cd::Outcome run(const cd::CommandLine& line) {
  const cd::CommandContext context{line.config_file, line.options};
  return std::visit(
      Overloaded{[&](const cd::MountArguments& a) { return cd::run_mount(a, context); },
                 [&](const cd::UmountArguments& a) { return cd::run_umount(a, context); },
                 [&](const cd::StatusArguments& a) { return cd::run_status(a, context); },
                 [&](const cd::CheckArguments& a) { return cd::run_check(a, context); },
                 [&](const cd::FsckArguments& a) { return cd::run_fsck(a, context); },
                 [&](const cd::AnalyzeArguments& a) { return a.all ? cd::run_analyze_all(a, context) : cd::run_analyze(a); },
                 [&](const cd::UrlArguments& a) { return cd::run_url(a, context); },
                 [&](const cd::ControlArguments& a) { return cd::run_control(a, context); },
                 [&](const cd::ImportArguments& a) { return cd::run_import(a, context); },
                 [&](const cd::SyncArguments& a) { return cd::run_sync(a, context); },
                 [&](const cd::ConfigArguments&) { return cd::run_config(context); }},
      line.command);
}

}  // namespace

int main(int argc, char** argv) {
  prepare_process();
  const cd::ParsedLine parsed = cd::parse_command_line({argv + 1, argv + argc});
  if (!parsed.run) {
    std::FILE* out = parsed.code == cd::ExitCode::ok ? stdout : stderr;
    if (parsed.code == cd::ExitCode::ok || argc == 1) {
      std::fprintf(out, "%s", parsed.text.c_str());
    } else {
      std::fprintf(out, "cratedrive: %s\nTry: cratedrive --help\n", parsed.text.c_str());
    }
    return static_cast<int>(parsed.code);
  }
  const cd::Outcome outcome = run(parsed.line);
  if (!outcome.message.empty()) std::fprintf(stderr, "cratedrive: %s\n", outcome.message.c_str());
  return static_cast<int>(outcome.code);
}
