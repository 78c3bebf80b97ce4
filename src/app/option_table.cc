#include "app/option_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace cd {

namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kHour = 3'600'000;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::vector<Option> make_table() {
  return {
      {"drive", "metadata_ttl", &Config::metadata_ttl,
       "how long names and attributes are believed before the bucket is asked again; 0 checks at every open", {}, 0,
       24 * kHour},
      {"drive", "durability", &Config::durability,
       "when close and fsync return: local = safe on this machine, remote = stored in the bucket",
       {"local", "remote"}},
      {"drive", "inbox_name", &Config::inbox_name, "name of the folder that turns drops into batches", {}},
      {"drive", "control_name", &Config::control_name, "name of the folder of status and control files", {}},
      {"drive", "read_deadline", &Config::read_deadline, "a read that got no bytes for so long fails (ETIMEDOUT)", {},
       100, kHour},
      {"drive", "allow_other", &Config::allow_other, "let other users of this machine see the drive", {}},
      {"drive", "fuse_threads", &Config::fuse_threads, "threads that answer the kernel; none waits for the network",
       {}, 1, 64},
      {"drive", "log_level", &Config::log_level, "how much cratedrive.log tells",
       {"trace", "debug", "info", "warning", "error", "off"}},

      {"store", "endpoint", &Config::endpoint,
       "URL of the S3 server; empty = AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, else Amazon's for the region", {}},
      {"store", "region", &Config::region, "empty = AWS_REGION, AWS_DEFAULT_REGION, the profile's, else us-east-1",
       {}},
      {"store", "addressing", &Config::addressing,
       "where the bucket's name goes: path (in the path), virtual (in the host), auto (virtual for Amazon, else path)",
       {"auto", "path", "virtual"}},
      {"store", "profile", &Config::profile, "profile of ~/.aws to take credentials from; empty = AWS_PROFILE, "
       "else default", {}},
      {"store", "ca_file", &Config::ca_file, "PEM file of a private certificate authority; empty = the system's", {}},
      {"store", "public_url", &Config::public_url,
       "URL under which the bucket can be read by anybody; empty = file URLs are presigned", {}},
      {"store", "connections", &Config::connections, "connections to the store at one time", {}, 1, 1024},
      {"store", "limit_up", &Config::limit_up, "bytes a second sent to the store at most; 0 = no limit", {}},
      {"store", "limit_down", &Config::limit_down, "bytes a second fetched from the store at most; 0 = no limit", {}},
      {"store", "limit_requests", &Config::limit_requests, "requests a second at most; 0 = no limit", {}, 0, 1'000'000},
      {"store", "limit_connections", &Config::limit_connections,
       "requests at one time at most; 0 = as many as there are connections", {}, 0, 1024},
      {"store", "connect_timeout", &Config::connect_timeout, "a connection that takes longer has failed", {}, 100,
       kHour},
      {"store", "stall_timeout", &Config::stall_timeout, "a transfer without a byte for so long has failed", {}, 100,
       kHour},
      {"store", "request_deadline", &Config::request_deadline, "a request, its retries included, ends by then", {},
       100, kHour},

      {"cache", "cache_dir", &Config::cache_dir,
       "folder of the caches, disposable; empty = $XDG_CACHE_HOME/cratedrive", {}},
      {"cache", "cache_size", &Config::cache_size, "disk room for cached bytes of one drive", {}, 16 * kMiB},
      {"cache", "read_ahead", &Config::read_ahead, "at most so much is fetched ahead of a sequential reader; 0 = none",
       {}, 0, 256 * kMiB},

      {"upload", "state_dir", &Config::state_dir,
       "folder of what the bucket does not have yet, precious; empty = $XDG_STATE_HOME/cratedrive", {}},
      {"upload", "uploads_parallel", &Config::uploads_parallel, "uploads at one time", {}, 1, 256},
      {"upload", "upload_delay", &Config::upload_delay,
       "wait so long after close, so that the rename and chmod that follow travel along", {}, 0, kHour},
      {"upload", "sync_interval", &Config::sync_interval,
       "without fsync, power loss costs at most so much of the last writes", {}, 10, kHour},
      {"upload", "staging_size", &Config::staging_size,
       "disk room for bytes that are not uploaded yet; 0 = 80 % of what is free at mount", {}},
      {"upload", "multipart_size", &Config::multipart_size, "files of this size and above go up in parts", {},
       5 * kMiB, 5120 * kMiB},
      {"upload", "part_size", &Config::part_size, "size of a part", {}, 5 * kMiB, 5120 * kMiB},
      {"upload", "tries_max", &Config::tries_max,
       "an upload that the store refused so often is failed until retry; an unreachable store does not count", {}, 1,
       1000},

      {"inbox", "settle", &Config::settle, "a dropped folder is complete when nothing changed for so long", {}, 0,
       kHour},
      {"inbox", "destination", &Config::destination,
       "where a file lands; fields {path} {batch} {folder} {name} {ext} {date} {bpm} {key} {kind}", {}},
      {"inbox", "if_present", &Config::if_present, "when another file is at the destination already",
       {"keep-both", "skip", "replace"}},
      {"inbox", "undecodable", &Config::undecodable,
       "audio that no decoder opens: store it with a warning, or hold it in the inbox", {"store", "hold"}},
      {"inbox", "only", &Config::only, "which files a batch takes: all, or audio (others stay in the inbox)",
       {"all", "audio"}},
      {"inbox", "analyze", &Config::analyze, "listen to the samples of a batch (tempo, key, loudness, ...)", {}},
      {"inbox", "skip_duplicates", &Config::skip_duplicates, "do not store what the library holds already", {}},
      {"inbox", "confirm", &Config::confirm, "a batch that is complete waits for start in its control file", {}},
      {"inbox", "stuck_after", &Config::stuck_after, "a batch in which nothing moved for so long is named in health", {},
       1'000, 24 * kHour},
      {"inbox", "pause_after_failures", &Config::pause_after_failures,
       "a batch pauses when so many files in a row fail alike; 0 = never", {}, 0, 100'000},
      {"inbox", "on_batch_done", &Config::on_batch_done,
       "program to run when a batch has ended, no shell; fields {id} {name} {state} {report}", {}},
      {"inbox", "on_batch_done_timeout", &Config::on_batch_done_timeout, "it is killed when it takes longer", {}, 100,
       24 * kHour},
      {"inbox", "archives", &Config::archives,
       "zip, tar, 7z and rar in the inbox: unpack them, or store them as they are", {"unpack", "store"}},
      {"inbox", "keep_archive", &Config::keep_archive, "an archive that was unpacked is stored as well", {}},
      {"inbox", "archive_size_max", &Config::archive_size_max,
       "an archive that unpacks to more is left in the inbox", {}, kMiB},
      {"inbox", "archive_files_max", &Config::archive_files_max, "… that holds more files and folders", {}, 1, 90'000},
      {"inbox", "archive_ratio_max", &Config::archive_ratio_max,
       "… that unpacks to so many times its size, looked at from 64 MiB on", {}, 2, 1'000'000},
      {"inbox", "archive_depth", &Config::archive_depth,
       "how deep archives in archives are unpacked; 1 = those inside are stored as they are", {}, 1, 7},
      {"inbox", "analysis_threads", &Config::analysis_threads, "threads that listen", {}, 1, 64},
      {"inbox", "report_prefix", &Config::report_prefix,
       "where the report object of a batch is stored; empty = no report objects", {}},
      {"inbox", "previews", &Config::previews, "make an Opus preview of every stored sample (with ffmpeg)", {}},
      {"inbox", "thumbnails", &Config::thumbnails, "make a thumbnail of every stored image (with ffmpeg)", {}},
      {"inbox", "processed_prefix", &Config::processed_prefix,
       "where previews, thumbnails and what else enrichers make are stored; empty = they are not", {}},

      {"cost", "prices", &Config::prices,
       "price table of the estimate: r2, s3 (Amazon, us-east-1), none, auto (by the URL)", {"auto", "r2", "s3", "none"}},
      {"cost", "price_storage", &Config::price_storage, "dollars a GB and month; empty = of the table", {}},
      {"cost", "price_class_a", &Config::price_class_a,
       "dollars a million PUT, COPY, LIST and multipart requests; empty = of the table", {}},
      {"cost", "price_class_b", &Config::price_class_b, "dollars a million GET and HEAD requests; empty = of the table",
       {}},
      {"cost", "price_egress", &Config::price_egress, "dollars a GB that is read; empty = of the table", {}},

      {"limits", "memory_limit", &Config::memory_limit, "memory of the daemon at most", {}, 96 * kMiB},
  };
}

Status invalid(const Option& option, std::string_view text, std::string_view what) {
  return fail(Code::invalid, fmt::format("\"{}\" is not a value of {}: {}", printable(text), option.name, what));
}

Status check_bounds(const Option& option, std::string_view text, std::int64_t value, auto show) {
  if (value < option.min) return invalid(option, text, fmt::format("at least {} is needed", show(option.min)));
  if (value > option.max) return invalid(option, text, fmt::format("at most {} is possible", show(option.max)));
  return {};
}

std::string duration_text(std::int64_t ms) {
  if (ms % 1000 != 0) return fmt::format("{}ms", ms);
  return fmt::format("{}s", ms / 1000);
}

std::string size_text(std::uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  std::string_view unit;
  for (std::string_view next : kUnits) {
    if (bytes == 0 || bytes % 1024 != 0) break;
    bytes /= 1024;
    unit = next;
  }
  return fmt::format("{}{}", bytes, unit);
}

Status set_text(const Option& option, std::string_view text, std::string& out) {
  if (!option.choices.empty() && std::ranges::find(option.choices, text) == option.choices.end()) {
    return invalid(option, text, fmt::format("it is one of {}", fmt::join(option.choices, ", ")));
  }
  if (!is_valid_utf8(text) || text.find('\n') != std::string_view::npos || text.find('\0') != std::string_view::npos) {
    return invalid(option, text, "it has to be one line of UTF-8");
  }
  out = text;
  return {};
}

Status set_size(const Option& option, std::string_view text, std::uint64_t& out) {
  const auto bytes = parse_bytes(text);
  if (!bytes || *bytes > INT64_MAX) return invalid(option, text, "a size is needed, like 256MiB or 10GiB");
  CD_TRY_VOID(check_bounds(option, text, static_cast<std::int64_t>(*bytes),
                           [](std::int64_t v) { return size_text(static_cast<std::uint64_t>(v)); }));
  out = *bytes;
  return {};
}

Status set_duration(const Option& option, std::string_view text, Millis& out) {
  const auto ms = parse_duration_ms(text);
  if (!ms) return invalid(option, text, "a duration is needed, like 500ms, 2s, 5min or 1h");
  CD_TRY_VOID(check_bounds(option, text, *ms, duration_text));
  out = Millis(*ms);
  return {};
}

Status set_bool(const Option& option, std::string_view text, bool& out) {
  const std::string word = to_lower_ascii(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") {
    out = true;
  } else if (word == "false" || word == "no" || word == "off" || word == "0") {
    out = false;
  } else {
    return invalid(option, text, "it is true or false");
  }
  return {};
}

Status set_number(const Option& option, std::string_view text, int& out) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return invalid(option, text, "a whole number is needed");
  CD_TRY_VOID(check_bounds(option, text, value, [](std::int64_t v) { return fmt::format("{}", v); }));
  out = static_cast<int>(value);
  return {};
}

// Levenshtein's distance, with a swap of neighbours as one step.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::span<const Option> option_table() {
  static const std::vector<Option> table = make_table();
  return table;
}

const Option* find_option(std::string_view name) {
  for (const Option& option : option_table()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::vector<std::string> option_names() {
  std::vector<std::string> names;
  for (const Option& option : option_table()) names.emplace_back(option.name);
  return names;
}

std::string nearest(std::string_view word, std::span<const std::string> names) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& name : names) {
    const std::size_t d = distance(word, name);
    if (d < best_distance) {
      best_distance = d;
      best = name;
    }
  }
  return best;
}

std::string flag_of(const Option& option) {
  std::string flag = "--" + std::string(option.name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string environment_of(const Option& option) {
  std::string name = "CRATEDRIVE_" + std::string(option.name);
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return name;
}

std::string_view type_of(const Option& option) {
  return std::visit(Overloaded{[](std::string Config::*) { return "text"; },
                               [](std::uint64_t Config::*) { return "size"; },
                               [](Millis Config::*) { return "duration"; },
                               [](bool Config::*) { return "true/false"; },
                               [](int Config::*) { return "number"; }},
                    option.member);
}

Status set_option(Config& config, const Option& option, std::string_view text) {
  return std::visit(
      Overloaded{[&](std::string Config::*m) { return set_text(option, text, config.*m); },
                 [&](std::uint64_t Config::*m) { return set_size(option, text, config.*m); },
                 [&](Millis Config::*m) { return set_duration(option, text, config.*m); },
                 [&](bool Config::*m) { return set_bool(option, text, config.*m); },
                 [&](int Config::*m) { return set_number(option, text, config.*m); }},
      option.member);
}

std::string option_text(const Config& config, const Option& option) {
  return std::visit(
      Overloaded{[&](std::string Config::*m) { return config.*m; },
                 [&](std::uint64_t Config::*m) { return size_text(config.*m); },
                 [&](Millis Config::*m) { return duration_text((config.*m).count()); },
                 [&](bool Config::*m) { return std::string(config.*m ? "true" : "false"); },
                 [&](int Config::*m) { return fmt::format("{}", config.*m); }},
      option.member);
}

}  // namespace cd
