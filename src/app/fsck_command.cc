// fsck: checks the journal, the cache and, if asked, the library of drives that are not mounted.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "app/drive_place.h"
#include "app/known_drive.h"
#include "app/library_check.h"
#include "base/text.h"
#include "cache/cache_check.h"
#include "journal/journal_check.h"
#include "remote/open_store.h"

namespace cd {

namespace {

constexpr Millis kProbeDeadline{30'000};

struct Target {
  StoreUrl url;
  DrivePlace place;
  Config config;
};

struct Part {
  std::string name;
  Checked checked;
};

struct Examined {
  std::string url;
  std::vector<Part> parts;
};

Result<Target> target_of(const std::string& url_text, const CommandContext& context) {
  Target out;
  CD_TRY(out.url, StoreUrl::parse(url_text));
  CD_TRY(out.config, context.config(out.url.to_string()));
  out.place = place_of(out.url, out.config);
  if (out.place.state_dir.empty() || out.place.cache_dir.empty())
    return fail(Code::invalid, "there is no HOME; give the places with --state-dir and --cache-dir");
  return out;
}

// The drive that is, or was, mounted on this folder.
Result<std::string> url_of_folder(const std::string& directory, const std::string& home) {
  char* resolved = ::realpath(directory.c_str(), nullptr);
  const std::string folder = resolved == nullptr ? directory : resolved;
  std::free(resolved);  // NOLINT: realpath's
  const auto names = system_disk().list(home);
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    const auto text = read_file(system_disk(), home + "/" + name + "/daemon.lock");
    const auto record = text ? DaemonRecord::from_json(*text) : Result<DaemonRecord>(fail(Code::not_found, ""));
    if (record && record->mount_point == folder) return record->url;
  }
  return fail(Code::not_found, printable(directory) + " is neither the URL of a drive nor a folder that one was mounted on");
}

Result<std::vector<std::string>> urls_of(const FsckArguments& arguments, const CommandContext& context) {
  if (arguments.drive.find("://") != std::string::npos) return std::vector<std::string>{arguments.drive};
  CD_TRY(const Config config, context.config());
  const std::string home = state_home(config);
  if (!arguments.drive.empty()) {
    CD_TRY(std::string url, url_of_folder(arguments.drive, home));
    return std::vector<std::string>{std::move(url)};
  }
  std::vector<std::string> out;
  for (const std::string& name : system_disk().list(home).value_or(std::vector<std::string>{})) {
    if (const auto known = recall_drive(system_disk(), home + "/" + name)) out.push_back(known->url);
  }
  std::sort(out.begin(), out.end());
  if (out.empty()) return fail(Code::not_found, "no drive of this user was ever mounted; give a URL");
  return out;
}

Result<Checked> ask_store(const Target& target, const FsckArguments& arguments, MetaStore* meta) {
  StoreHealth health(system_clock());
  MetricRegistry metrics;
  CD_TRY(const auto store, open_store(target.url, target.config.store_options(), health, metrics));
  CD_TRY(const StoreTraits traits, probe_store(*store, target.url, kProbeDeadline));
  return check_library(*store, meta, {arguments.read, arguments.repair, target.config.request_deadline});
}

using Stage = tl::expected<Examined, Outcome>;

tl::unexpected<Outcome> stop_with(ExitCode code, const Error& error) {
  return tl::make_unexpected(Outcome::fail(code, error));
}

Stage examine_drive(const Target& target, const FsckArguments& arguments) {
  Examined out{target.url.to_string(), {}};
  Disk& disk = system_disk();
  if (!disk.exists(target.place.state_dir)) {
    return stop_with(ExitCode::failed, {Code::not_found, out.url + " was never mounted by this user: there is nothing to check"});
  }
  const auto lock = DriveLock::take(target.place.state_dir);
  if (!lock) return stop_with(lock.error().code == Code::busy ? ExitCode::busy : ExitCode::failed, lock.error());
  auto journal = check_journal(disk, target.place.state_dir, arguments.repair);
  if (!journal) return stop_with(ExitCode::failed, journal.error());
  out.parts.push_back({"journal", std::move(*journal)});
  auto cache = check_cache(disk, target.place.cache_dir, arguments.repair);
  if (!cache) return stop_with(ExitCode::failed, cache.error());
  Result<Checked> library;
  if (arguments.store || arguments.read) library = ask_store(target, arguments, cache->meta.get());
  if (cache->meta) {
    if (const Status closed = cache->meta->close_clean(); !closed) return stop_with(ExitCode::failed, closed.error());
  }
  out.parts.push_back({"cache", std::move(cache->checked)});
  if (!library) return stop_with(ExitCode::store, library.error());
  if (arguments.store || arguments.read) out.parts.push_back({"library", std::move(*library)});
  return out;
}

const char* verdict(const Finding& finding) {
  if (finding.level == Finding::Level::note) return "note";
  if (finding.level == Finding::Level::damage) return "cannot be repaired";
  return finding.repaired ? "repaired" : "can be repaired";
}

std::string text_of(const Examined& drive) {
  std::string out = printable(drive.url) + "\n";
  for (const Part& part : drive.parts) {
    out += fmt::format("  {:<8} {}\n", part.name, part.checked.summary);
    for (const Finding& finding : part.checked.findings) {
      out += fmt::format("    {}: {} ({})\n", printable(finding.subject), printable(finding.what), verdict(finding));
    }
  }
  return out;
}

nlohmann::ordered_json json_of(const Examined& drive) {
  nlohmann::ordered_json out{{"url", drive.url}};
  for (const Part& part : drive.parts) {
    nlohmann::ordered_json findings = nlohmann::ordered_json::array();
    for (const Finding& finding : part.checked.findings) {
      findings.push_back({{"subject", finding.subject}, {"what", finding.what}, {"verdict", verdict(finding)}});
    }
    out[part.name] = {{"summary", part.checked.summary}, {"findings", std::move(findings)}};
  }
  return out;
}

struct Count {
  std::size_t left = 0;
  std::size_t damage = 0;
};

Count count_open(const std::vector<Examined>& drives) {
  Count out;
  for (const Examined& drive : drives) {
    for (const Part& part : drive.parts) {
      for (const Finding& finding : part.checked.findings) {
        out.left += finding.open() ? 1 : 0;
        out.damage += finding.level == Finding::Level::damage ? 1 : 0;
      }
    }
  }
  return out;
}

}  // namespace

Outcome run_fsck(const FsckArguments& arguments, const CommandContext& context) {
  const auto urls = urls_of(arguments, context);
  if (!urls) return Outcome::fail(urls.error().code == Code::not_found ? ExitCode::failed : ExitCode::usage, urls.error());
  std::vector<Examined> drives;
  for (const std::string& url : *urls) {
    const auto target = target_of(url, context);
    if (!target) return Outcome::fail(ExitCode::usage, target.error());
    Stage drive = examine_drive(*target, arguments);
    if (!drive) return drive.error();
    if (!arguments.json) std::printf("%s", text_of(*drive).c_str());
    drives.push_back(std::move(*drive));
  }
  const Count open = count_open(drives);
  if (arguments.json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Examined& drive : drives) list.push_back(json_of(drive));
    const nlohmann::ordered_json all{{"drives", std::move(list)}, {"left", open.left}, {"damage", open.damage}};
    std::printf("%s\n", all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  } else if (open.left == 0) {
    std::printf("all is well\n");
  }
  if (open.left == 0) return Outcome::ok();
  std::string message = fmt::format("{} findings are left", open.left);
  if (open.damage < open.left) message += "; cratedrive fsck --repair repairs what can be repaired";
  return Outcome::fail(ExitCode::failed, message);
}

}  // namespace cd
