// analyze --all: labels what lies in a bucket already. Works on the bucket, whether it is mounted or not; a drive of this user
// that has it mounted is told, and shows the labels at once.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/drive_place.h"
#include "app/library_labeller.h"
#include "app/mounts.h"
#include "app/progress_line.h"
#include "app/signal_watch.h"
#include "base/disk.h"
#include "base/metrics.h"
#include "base/text.h"
#include "remote/limited_store.h"
#include "remote/open_store.h"

namespace cd {

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

LibraryLabeller::Options options_for(const Config& config, const std::string& folder) {
  LibraryLabeller::Options out;
  out.report_prefix = config.report_prefix;
  for (const std::string& name : {config.inbox_name, config.control_name}) out.reserved.push_back(name + "/");
  for (const std::string& prefix : {config.report_prefix, config.processed_prefix})
    if (!prefix.empty()) out.reserved.push_back(prefix);
  out.folder = folder;
  out.threads = config.analysis_threads + 2;  // two that fetch while the others listen
  return out;
}

void show_object(const ObjectInfo& object, bool json) {
  if (json) std::printf("%s\n", text_of({{"path", object.key}, {"bytes", object.size}}).c_str());
  else std::printf("listen to  %s  %s\n", printable(object.key).c_str(), human_bytes(object.size).c_str());
}

void show_plan(const LabelProgress& plan) {
  std::printf("would listen to %s objects, %s; %s were listened to before, %s are no audio. Nothing was changed.\n",
              human_count(plan.to_do).c_str(), human_bytes(plan.bytes_to_do).c_str(), human_count(plan.known).c_str(),
              human_count(plan.others).c_str());
}

void show_end(const LabelProgress& end, bool json) {
  if (json) {
    std::printf("%s\n", Json{{"objects", end.objects}, {"labelled", end.done}, {"known", end.known}, {"undecodable", end.silent},
                             {"others", end.others}, {"failed", end.failed}, {"error", end.error}}.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%s labelled, %s were before, %s cannot be decoded, %s are no audio, %s failed\n", human_count(end.done).c_str(),
              human_count(end.known).c_str(), human_count(end.silent).c_str(), human_count(end.others).c_str(), human_count(end.failed).c_str());
}

Outcome label(LibraryLabeller& labeller, const NamedDrive& drive, const AnalyzeArguments& arguments, const std::stop_token& stop) {
  const auto plan = labeller.look([&](const ObjectInfo& object) { if (arguments.dry_run) show_object(object, arguments.json); }, stop);
  if (!plan) return Outcome::fail(ExitCode::store, plan.error());
  if (arguments.dry_run) {
    if (!arguments.json) show_plan(*plan);
    return Outcome::ok();
  }
  LabelProgress last = *plan;
  Result<LabelProgress> done = last;
  {
    ProgressLine line;
    done = labeller.run([&](const LabelProgress& now) {
      last = now;
      const std::uint64_t over = now.done + now.silent + now.failed;
      if (!arguments.json) line.show(now.to_do == 0 ? 1 : static_cast<double>(over) / static_cast<double>(now.to_do),
                                     fmt::format("{} of {} objects", human_count(over), human_count(now.to_do)));
    }, stop);
  }
  if (drive.mounted && last.done > 0) (void)write_control_file(*drive.mounted, "control", "rescan\n");  // else it looks within metadata_ttl
  show_end(last, arguments.json);
  if (!done && done.error().code == Code::cancelled) return Outcome::fail(ExitCode::failed, "interrupted; the same command goes on where this one ended");
  if (!done) return Outcome::fail(ExitCode::store, done.error());
  return last.failed == 0 ? Outcome::ok() : Outcome::fail(ExitCode::failed, last.error + "; the same command takes up what failed");
}

}  // namespace

Outcome run_analyze_all(const AnalyzeArguments& arguments, const CommandContext& context) {
  std::stop_source stop;
  const SignalWatch signals([&stop](int) { stop.request_stop(); });  // before any other thread
  const auto any = context.config();
  if (!any) return Outcome::fail(ExitCode::usage, any.error());
  const auto drive = named_drive(arguments.files.empty() ? "" : arguments.files[0], state_home(*any));
  if (!drive) return Outcome::fail(drive.error().code == Code::not_found ? ExitCode::mount : ExitCode::usage, drive.error());
  const auto config = context.config(drive->url);
  const auto url = StoreUrl::parse(drive->url);
  if (!config || !url) return Outcome::fail(ExitCode::usage, config ? url.error() : config.error());
  if (config->report_prefix.empty()) {
    return Outcome::fail(ExitCode::usage, "report_prefix is \"\" in the configuration, and labels are kept in reports; give it a value, "
                                          "like \".cratedrive/batches/\"");
  }
  const std::string folder = std::filesystem::path(place_of(*url, *config).cache_dir).parent_path();
  if (const Status made = system_disk().make_dirs(folder); !made) return Outcome::fail(ExitCode::failed, made.error());
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  auto opened = open_store(*url, config->store_options(), health, metrics);
  if (!opened) return Outcome::fail(ExitCode::store, opened.error());
  LimitedStore store(std::move(*opened), config->rate_limits());
  LibraryLabeller labeller(store, system_clock(), options_for(*config, folder));
  return label(labeller, *drive, arguments, stop.get_token());
}

}  // namespace cd
