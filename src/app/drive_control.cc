#include "app/drive_control.h"

#include <fmt/format.h>

#include "app/control_line.h"
#include "base/text.h"

namespace cd {

namespace {

Status pause(const DriveParts& parts) {
  parts.journal.pause();
  return {};
}

Status resume(const DriveParts& parts) {
  parts.journal.resume();
  return {};
}

// What is local goes to the disk, and nothing that could go up waits any longer.
Status sync(const DriveParts& parts, const std::function<void()>& try_store) {
  try_store();
  parts.journal.store_came_back();
  return parts.journal.sync();
}

Status online(const DriveParts& parts, const std::function<void()>& try_store) {
  parts.health.set_offline(false);
  try_store();
  return {};
}

// "up 2M", "requests 50", "off"; 0 or off behind the word lifts one limit.
Status limit(const DriveParts& parts, const std::string& argument) {
  RateLimits limits = parts.store.limits();
  if (argument == "off") return parts.store.set_limits({}), Status{};
  const auto [word, rest] = parse_control_line(argument);
  std::uint64_t* const which = word == "up"            ? &limits.up
                               : word == "down"        ? &limits.down
                               : word == "requests"    ? &limits.requests
                               : word == "connections" ? &limits.connections
                                                       : nullptr;
  const auto value = rest == "off" ? std::optional<std::uint64_t>(0) : parse_bytes(rest);
  if (which == nullptr || !value) {
    return fail(Code::invalid, "limit takes up, down (bytes a second, like 2M), requests (a second) or connections and a "
                               "number, 0 for none; or off for all of them");
  }
  *which = *value;
  parts.store.set_limits(limits);
  return {};
}

Status retry(const DriveParts& parts, const std::string& path) {
  const std::size_t taken_up = parts.journal.retry(path);
  if (taken_up == 0 && !path.empty()) return fail(Code::not_found, "no failed upload has the path " + printable(path));
  return {};
}

}  // namespace

DriveControl::DriveControl(const DriveParts& parts, std::function<void()> try_store)
    : verbs_{
          {"sync", "put everything local on the disk and upload without further delay",
           [&parts, try_store](const std::string&) { return sync(parts, try_store); }},
          {"pause", "begin no further upload", [&parts](const std::string&) { return pause(parts); }},
          {"resume", "go on uploading", [&parts](const std::string&) { return resume(parts); }},
          {"offline", "stay away from the store",
           [&parts](const std::string&) {
             parts.health.set_offline(true);
             return Status{};
           }},
          {"online", "use the store again", [&parts, try_store](const std::string&) { return online(parts, try_store); }},
          {"drop-cache", "forget all cached bytes",
           [&parts](const std::string&) {
             parts.blocks.drop_all();
             return Status{};
           }},
          {"rescan", "ask the bucket anew for every folder",
           [&parts](const std::string&) {
             parts.tree.expire_all();
             parts.reports.expire();
             return Status{};
           }},
          {"import", "bring a folder of this machine into the inbox: import /whole/path",
           [&parts](const std::string& directory) { return parts.importer.begin(directory); }, true},
          {"import-stop", "end the import; what it brought stays",
           [&parts](const std::string&) {
             parts.importer.cancel();
             return Status{};
           }},
          {"retry", "take up failed uploads again; with a path behind it only that one",
           [&parts](const std::string& path) { return retry(parts, path); }, true},
          {"limit", "up 2M, down 10M, requests 50, connections 8: at most so much; 0 or off lifts it",
           [&parts](const std::string& what) { return limit(parts, what); }, true},
      } {}

Status DriveControl::command(std::string_view line) {
  const auto [word, argument] = parse_control_line(line);
  std::string known;
  for (const Verb& verb : verbs_) {
    if (verb.name == word && (argument.empty() || verb.takes_argument)) return verb.run(std::string(argument));
    known += fmt::format("{}{}", known.empty() ? "" : ", ", verb.name);
  }
  return fail(Code::invalid, fmt::format("\"{}\" is no command; there are {}", shorten(printable(line), 60), known));
}

std::string DriveControl::help() const {
  std::string out = "Write one of these words into this file:\n";
  for (const Verb& verb : verbs_) out += fmt::format("  {:<12} {}\n", verb.name, verb.help);
  return out;
}

std::string batch_control_help() {
  return "Write one of these words into this file:\n"
         "  start         do not wait for more files\n"
         "  pause         begin no further file\n"
         "  resume        go on\n"
         "  cancel        stop; what is not stored yet stays in the inbox\n"
         "  retry         take up all failed files again\n"
         "  pause PATH, resume PATH, cancel PATH, retry PATH\n"
         "                the same for one file\n"
         "  enrich        ask enrichers again that failed; with a path only for that file\n"
         "  priority N    -9 to 9; a batch with more is served first\n";
}

}  // namespace cd
