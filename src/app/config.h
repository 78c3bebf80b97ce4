// Config: every setting of cratedrive as values, with its default. What an option is called, what it may be
// and what it does is written once, in option_table.cc; file, environment, flags, `config.toml` of the drive
// and the check of docs/CONFIGURATION.md all read that table.
//
// Order of precedence, weakest first: defaults, sections of the file, the [[drives]] table whose url is that of
// the drive, environment (CRATEDRIVE_<OPTION>), flags. Values; free of threads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "batch/conductor.h"
#include "cache/block_cache.h"
#include "cache/tree_cache.h"
#include "journal/journal.h"
#include "remote/limited_store.h"
#include "remote/open_store.h"

namespace cd {

struct Config {
  // [drive]
  Millis metadata_ttl{60'000};
  std::string durability = "local";  // "remote": close and fsync wait for the bucket
  std::string inbox_name = "inbox";
  std::string control_name = ".cratedrive";
  Millis read_deadline{60'000};
  bool allow_other = false;
  int fuse_threads = 8;
  std::string log_level = "info";
  // [store]
  std::string endpoint;
  std::string region;
  std::string addressing = "auto";
  std::string profile;
  std::string ca_file;
  std::string public_url;
  int connections = 64;
  std::uint64_t limit_up = 0;  // bytes a second; 0 = none
  std::uint64_t limit_down = 0;
  int limit_requests = 0;      // a second
  int limit_connections = 0;
  Millis connect_timeout{5'000};
  Millis stall_timeout{20'000};
  Millis request_deadline{60'000};
  // [cache]
  std::string cache_dir;  // "" = XDG_CACHE_HOME/cratedrive
  std::uint64_t cache_size = 10ull << 30;
  std::uint64_t read_ahead = 16ull << 20;
  // [upload]
  std::string state_dir;  // "" = XDG_STATE_HOME/cratedrive
  int uploads_parallel = 32;
  Millis upload_delay{500};
  Millis sync_interval{1'000};
  std::uint64_t staging_size = 0;  // 0 = 80 % of what is free
  std::uint64_t multipart_size = 16ull << 20;
  std::uint64_t part_size = 8ull << 20;
  int tries_max = 12;
  // [inbox]
  Millis settle{2'000};
  std::string destination = "{path}";
  std::string if_present = "keep-both";
  std::string undecodable = "store";
  std::string only = "all";
  bool analyze = true;
  bool skip_duplicates = true;
  std::string archives = "unpack";
  bool keep_archive = false;
  std::uint64_t archive_size_max = 64ull << 30;
  int archive_files_max = 90'000;
  int archive_ratio_max = 200;
  int archive_depth = 1;
  int analysis_threads = 2;
  bool confirm = false;
  Millis stuck_after{600'000};
  int pause_after_failures = 20;
  std::string on_batch_done;  // words, as split_words() reads them
  Millis on_batch_done_timeout{60'000};
  std::string report_prefix = ".cratedrive/batches/";
  bool previews = false;
  bool thumbnails = false;
  std::string processed_prefix = ".cratedrive/processed/";
  // [[enrich]]
  std::vector<Enricher> enrichers;
  // [cost]
  std::string prices = "auto";
  std::string price_storage;  // "" = of the table
  std::string price_class_a;
  std::string price_class_b;
  std::string price_egress;
  // [limits]
  std::uint64_t memory_limit = 256ull << 20;

  // ---- what the rooms are given. Folders of the drive are filled in by the daemon.
  [[nodiscard]] StoreOptions store_options() const;
  [[nodiscard]] RateLimits rate_limits() const;
  [[nodiscard]] TreeCacheOptions tree_options() const;
  [[nodiscard]] BlockCacheOptions block_options() const;
  [[nodiscard]] JournalOptions journal_options() const;
  [[nodiscard]] BatchOptions batch_options() const;

  // Settings that contradict each other. Code::invalid, a sentence that names the option.
  [[nodiscard]] Status validate() const;
};

struct ConfigSources {
  std::string file;             // "" = the XDG place, which may be absent
  std::string drive_url;        // canonical; "" = no [[drives]] table applies
  std::map<std::string, std::string> environment;  // CRATEDRIVE_* variables
  std::map<std::string, std::string> flags;        // by option name ("metadata_ttl")
};

// Errors name "file:line", the variable or the flag, and the nearest option that exists.
[[nodiscard]] Result<Config> load_config(const ConfigSources& sources);
// The sections of a file, over `config`; `name` is for messages. For load_config and tests.
[[nodiscard]] Status apply_toml(Config& config, const std::string& text, const std::string& name,
                                const std::string& drive_url);
// The effective configuration, as a file that could be read again. Holds no secret: there is no option for one.
[[nodiscard]] std::string config_to_toml(const Config& config);

[[nodiscard]] std::map<std::string, std::string> environment_options();  // of this process
[[nodiscard]] std::string default_config_file();

}  // namespace cd
