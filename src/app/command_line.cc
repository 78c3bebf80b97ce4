#include "app/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <list>
#include <memory>

#include "app/option_table.h"
#include "base/text.h"

namespace cd {

namespace {

constexpr const char* kDescription =
    "Mounts a bucket as a drive for sample libraries. Copy a folder into its inbox/ and every file is\n"
    "checked, analysed, uploaded and filed; .cratedrive/status shows how far it is.";
constexpr const char* kFooter =
    "\nURLs: file:///folder   s3://bucket/prefix   r2://bucket/prefix\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 store or credentials,\n"
    "            4 mount point or FUSE, 5 in use.\n"
    "Every option of the configuration is also a flag: cratedrive mount --help";

// Gathers what the parser fills in; the chosen command is taken from it when parsing has succeeded.
struct Builder {
  CLI::App app{kDescription, "cratedrive"};
  CommandLine line;
  MountArguments mount;
  UmountArguments umount;
  StatusArguments status;
  CheckArguments check;
  FsckArguments fsck;
  AnalyzeArguments analyze;
  UrlArguments url;
  std::string expires = "1h";
  ImportArguments import;
  SyncArguments sync;
  std::string bandwidth;
  std::list<ControlArguments> controls;  // stable addresses: the parser writes into them
  std::vector<std::pair<CLI::App*, std::function<Command()>>> commands;

  CLI::App* command(const std::string& name, const std::string& help, std::function<Command()> make) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->fallthrough(false);
    sub->add_option("--config", line.config_file, "configuration file")->type_name("FILE");
    commands.emplace_back(sub, std::move(make));
    return sub;
  }
};

std::string flag_help(const Option& option) {
  const Config defaults;
  std::string help(option.help);
  if (!option.choices.empty()) help += fmt::format(" ({})", fmt::join(option.choices, ", "));
  const std::string value = option_text(defaults, option);
  return value.empty() ? help : help + fmt::format(" [{}]", value);
}

// One flag a row of the table; true/false options also as a bare flag ("--allow-other").
void add_config_flags(CLI::App* sub, Builder& builder) {
  for (const Option& option : option_table()) {
    const std::string name(option.name);
    const bool truth = type_of(option) == "true/false";
    CLI::callback_t take = [&builder, name, truth](const CLI::results_t& results) {
      const bool bare = truth && (results.empty() || results.back().empty());
      builder.line.options[name] = bare ? "true" : results.back();
      return true;
    };
    CLI::Option* flag = sub->add_option(flag_of(option), take, flag_help(option));
    flag->group(fmt::format("[{}]", option.section))->take_last();
    flag->type_name(std::string(type_of(option)));
    if (truth) flag->expected(0, 1);
  }
}

void add_mount(Builder& builder) {
  CLI::App* sub = builder.command("mount", "mount a bucket (or a folder) as a drive", [&builder] {
    return builder.mount;
  });
  sub->add_option("URL", builder.mount.url, "file:///folder, s3://bucket/prefix or r2://bucket/prefix")->required();
  sub->add_option("DIR", builder.mount.directory, "an empty folder")->required();
  sub->add_flag("-f,--foreground", builder.mount.foreground, "stay in front and log to the terminal");
  add_config_flags(sub, builder);
}

void add_umount(Builder& builder) {
  CLI::App* sub = builder.command("umount", "upload what is pending, then unmount", [&builder] {
    return builder.umount;
  });
  sub->add_option("DIR", builder.umount.directory, "the mount point")->required();
  sub->add_flag("--now", builder.umount.now, "unmount at once; what is pending goes on at the next mount");
}

void add_status(Builder& builder) {
  CLI::App* sub = builder.command("status", "show a drive at a glance", [&builder] { return builder.status; });
  sub->add_option("DIR", builder.status.directory, "the drive; without it all drives of this user");
  CLI::Option* watch = sub->add_flag("-w,--watch", builder.status.watch, "redraw every second until Ctrl-C");
  sub->add_flag("--json", builder.status.json, "as JSON (docs/STATUS.md)")->excludes(watch);
}

void add_check(Builder& builder) {
  CLI::App* sub = builder.command("check", "ask a store what it honours", [&builder] { return builder.check; });
  sub->add_option("URL", builder.check.url, "the bucket")->required();
  sub->add_flag("--json", builder.check.json, "as JSON");
  add_config_flags(sub, builder);
  sub->footer("Exit code 0: all is well. 1: it works, with the limits that are shown. 3: it cannot be used.");
}

void add_fsck(Builder& builder) {
  CLI::App* sub = builder.command("fsck", "check what a drive keeps on this machine, and the library",
                                  [&builder] { return builder.fsck; });
  sub->add_option("DRIVE", builder.fsck.drive, "its URL, or the folder it was mounted on; without it all of this user's");
  sub->add_flag("--store", builder.fsck.store, "also compare the library with the bucket (LIST)");
  sub->add_flag("--read", builder.fsck.read, "also read every object and compare its checksum; means --store");
  sub->add_flag("--repair", builder.fsck.repair, "repair what can be repaired; without it nothing is changed");
  sub->add_flag("--json", builder.fsck.json, "as JSON");
  add_config_flags(sub, builder);
  sub->footer("Exit code 0: all is well, or all was repaired. 1: something is left. 3: the bucket could not be asked.\n"
              "5: the drive is mounted.");
}

void add_analyze(Builder& builder) {
  CLI::App* sub = builder.command("analyze", "listen to files and say what they are",
                                  [&builder] { return builder.analyze; });
  sub->add_option("FILE", builder.analyze.files, "files, or folders of them; with --all the URL of a bucket, or a folder of a mounted "
                                                 "drive (without it the only mounted drive)");
  CLI::Option* all = sub->add_flag("--all", builder.analyze.all, "listen to all that lies in the bucket and was never listened to, "
                                                                 "and keep the labels for every mount of it");
  sub->add_flag("-n,--dry-run", builder.analyze.dry_run, "with --all: only say which objects would be read")->needs(all);
  sub->add_flag("--json", builder.analyze.json, "as JSON");
  sub->footer("With --all no object of the library is changed: labels are kept in reports beside it. What was interrupted goes on\n"
              "with the same command.");
}

void add_url(Builder& builder) {
  CLI::App* sub = builder.command("url", "print a URL under which a file of a drive can be fetched",
                                  [&builder] { return builder.url; });
  sub->add_option("PATH", builder.url.path, "a file on a mounted drive")->required();
  sub->add_option("--expires", builder.expires, "how long it works, at most 7 days [1h]")->type_name("duration");
}

void add_import(Builder& builder) {
  CLI::App* sub = builder.command("import", "bring a folder of this machine into a drive, as if it was dropped into its inbox",
                                  [&builder] { return builder.import; });
  sub->add_option("DIR", builder.import.directory, "the folder")->required();
  sub->add_option("URL", builder.import.target, "the bucket, or a folder of a mounted drive; without it the only mounted drive");
  sub->add_flag("-n,--dry-run", builder.import.dry_run, "only say, file by file, what would happen");
  sub->add_flag("--json", builder.import.json, "as JSON");
  sub->footer("What is there already is not stored again, so the same command goes on where it was interrupted.");
}

void add_sync(Builder& builder) {
  CLI::App* sub = builder.command("sync", "make a bucket like a folder, a folder like a bucket, or each like the other",
                                  [&builder] { return builder.sync; });
  sub->add_option("A", builder.sync.a, "what to copy from: a folder, or the URL of a bucket")->required();
  sub->add_option("B", builder.sync.b, "what to copy to: the other one; without it, A is a mounted drive, and what is pending "
                                       "on it goes up without further delay");
  sub->add_flag("--both", builder.sync.both, "both ways: what changed on either side since the last sync");
  sub->add_flag("-n,--dry-run", builder.sync.dry_run, "only say what would happen");
  sub->add_flag("--delete", builder.sync.remove, "also remove what is not (or no longer) on the other side");
  sub->add_option("--bandwidth", builder.bandwidth, "at most so many bytes a second, like 10M")->type_name("size");
  sub->footer("What changed on both sides is kept twice: one version as \"name (conflict HOST TIME).ext\".");
}

void add_control(Builder& builder, const std::string& verb, const std::string& help, bool of_batch) {
  ControlArguments& arguments = builder.controls.emplace_back();
  arguments.verb = verb;
  CLI::App* sub = builder.command(verb, help, [&arguments] { return arguments; });
  sub->add_option("DIR", arguments.directory, "the drive")->required();
  if (!of_batch) return;
  CLI::Option* batch = sub->add_option("BATCH", arguments.batch, "id of a batch, as status shows it");
  if (verb == "cancel") batch->required();
  if (verb == "retry") sub->add_option("PATH", arguments.path, "one file of the batch");
}

void add_controls(Builder& builder) {
  add_control(builder, "retry", "take up failed uploads again: all, a batch's, or one file", true);
  add_control(builder, "cancel", "cancel a batch; its files stay in the inbox", true);
  add_control(builder, "pause", "begin no further upload (of a batch)", true);
  add_control(builder, "resume", "go on", true);
  add_control(builder, "offline", "stay away from the store until `online`", false);
  add_control(builder, "online", "use the store again", false);
  add_control(builder, "drop-cache", "forget all cached bytes", false);
  add_control(builder, "rescan", "ask the bucket anew for every folder", false);
}

Result<Command> finish(Builder& builder, const std::function<Command()>& make) {
  Command command = make();
  if (auto* url = std::get_if<UrlArguments>(&command)) {
    const auto ms = parse_duration_ms(builder.expires);
    if (!ms || *ms < 1000 || *ms > 7 * 24 * 3'600'000LL) {
      return fail(Code::invalid, "--expires is a duration between 1s and 168h (7 days), like 1h");
    }
    url->expires = Millis(*ms);
  }
  if (auto* analyze = std::get_if<AnalyzeArguments>(&command)) {
    if (!analyze->all && analyze->files.empty()) return fail(Code::invalid, "give files to listen to, or --all for those of a bucket");
    if (analyze->all && analyze->files.size() > 1) return fail(Code::invalid, "--all takes one drive: its URL or a folder of it");
  }
  if (auto* sync = std::get_if<SyncArguments>(&command); sync != nullptr && sync->b.empty()) {
    ControlArguments control;
    control.verb = "sync";
    control.directory = sync->a;
    return control;
  }
  if (auto* sync = std::get_if<SyncArguments>(&command); sync != nullptr && !builder.bandwidth.empty()) {
    const auto bytes = parse_bytes(builder.bandwidth);
    if (!bytes || *bytes < 1024) return fail(Code::invalid, "--bandwidth is a size of at least 1K, like 10M");
    sync->bytes_per_second = *bytes;
  }
  return command;
}

// The parser's own words, with the command that was probably meant.
std::string explain(const CLI::ParseError& error, const std::vector<std::string>& arguments, Builder& builder) {
  std::string text = error.what();
  if (!arguments.empty() && !arguments[0].starts_with("-")) {
    std::vector<std::string> names;
    for (const auto& [sub, make] : builder.commands) names.push_back(sub->get_name());
    if (std::ranges::find(names, arguments[0]) == names.end()) {
      const std::string near = nearest(arguments[0], names);
      text = fmt::format("there is no command \"{}\"", printable(arguments[0]));
      if (!near.empty()) text += fmt::format("; did you mean \"{}\"?", near);
    }
  }
  return text;
}

}  // namespace

ParsedLine parse_command_line(const std::vector<std::string>& arguments) {
  Builder builder;
  builder.app.footer(kFooter);
  builder.app.set_version_flag("--version", "cratedrive " CD_VERSION);
  builder.app.require_subcommand(1);
  builder.app.get_formatter()->column_width(30);
  add_mount(builder);
  add_umount(builder);
  add_status(builder);
  add_check(builder);
  add_fsck(builder);
  add_analyze(builder);
  add_url(builder);
  add_import(builder);
  add_sync(builder);
  add_controls(builder);
  CLI::App* config = builder.command("config", "print the configuration in effect", [] { return ConfigArguments{}; });
  add_config_flags(config, builder);

  ParsedLine parsed;
  if (arguments.empty()) {
    parsed.code = ExitCode::usage;
    parsed.text = builder.app.help();
    return parsed;
  }
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    builder.app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    CLI::App* asked = &builder.app;
    for (CLI::App* sub : builder.app.get_subcommands()) asked = sub;
    parsed.text = asked->help();
    return parsed;
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + "\n";
    return parsed;
  } catch (const CLI::ParseError& error) {
    parsed.code = ExitCode::usage;
    parsed.text = explain(error, arguments, builder);
    return parsed;
  }
  for (const auto& [sub, make] : builder.commands) {
    if (!sub->parsed()) continue;
    auto command = finish(builder, make);
    if (!command) {
      parsed.code = ExitCode::usage;
      parsed.text = command.error().message;
      return parsed;
    }
    parsed.line = builder.line;
    parsed.line.command = std::move(*command);
    parsed.run = true;
  }
  return parsed;
}

}  // namespace cd
